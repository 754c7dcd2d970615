use tapeline_model::Micros;
use tapeline_venue::Outgoing;

use crate::broker::Broker;
use crate::market::Market;
use crate::outbox::Outbox;
use crate::settings::{DemoSettings, InvalidSettings};

/// Market and brokers as a function of the settings and the number of
/// steps taken. The times given decide nothing: they are only written down.
#[derive(Debug, Clone)]
pub struct Simulation {
    steps: u64,
    next_seq: u64,
    market: Market,
    broker: Broker,
}

impl Simulation {
    pub fn new(settings: &DemoSettings) -> Result<Self, InvalidSettings> {
        settings.validate()?;
        Ok(Self {
            steps: 0,
            next_seq: 1,
            market: Market::new(settings),
            broker: Broker::new(settings.seed),
        })
    }

    /// Appends to `out` what happens in the next step, as of `now`.
    pub fn step(&mut self, now: Micros, out: &mut Vec<Outgoing>) {
        let mut outbox = Outbox::new(now, self.next_seq, out);
        if self.steps == 0 {
            self.broker.open_accounts(&mut outbox);
        }
        self.market.step(self.steps, &mut outbox);
        self.broker.step(self.steps, &self.market, &mut outbox);
        self.next_seq = outbox.next_seq();
        self.steps += 1;
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The sequence number of the next emission; the first is 1.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }
}
