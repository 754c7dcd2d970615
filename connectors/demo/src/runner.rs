use std::time::SystemTime;

use tapeline_model::Micros;
use tapeline_schemas::topics::Topic;
use tapeline_venue::{
    Feed, FeedError, Outgoing, Resume, Running, Stop, Venue, VenueAccount, VenueError,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::NAME;
use crate::accounts::venue_accounts;
use crate::pace::Pace;
use crate::settings::{DemoSettings, InvalidSettings};
use crate::simulation::Simulation;
use crate::steps::STEP;

/// The simulation against the wall clock, as a venue.
#[derive(Debug)]
pub struct DemoVenue {
    simulation: Simulation,
    clock: fn() -> Micros,
}

impl DemoVenue {
    pub fn new(settings: &DemoSettings) -> Result<Self, InvalidSettings> {
        Ok(Self {
            simulation: Simulation::new(settings)?,
            clock: wall_clock,
        })
    }
}

impl Venue for DemoVenue {
    fn name(&self) -> &'static str {
        NAME
    }

    fn topics(&self) -> &'static [Topic] {
        &[
            Topic::MarketQuotes,
            Topic::MarketTrades,
            Topic::BrokerFills,
            Topic::BrokerOrders,
            Topic::BrokerAccounts,
        ]
    }

    fn accounts(&self) -> Vec<VenueAccount> {
        venue_accounts()
    }

    fn run(self: Box<Self>, feed: Feed, resume: Resume, mut stop: Stop) -> Running {
        let player = Player {
            simulation: self.simulation,
            clock: self.clock,
            feed,
            latest: Micros::default(),
            batch: Vec::new(),
        };
        Box::pin(async move {
            // Dropping the player halfway through a step is fine: the next run
            // makes the same step again.
            tokio::select! {
                biased;
                () = stop.wanted() => Ok(()),
                error = player.play(resume) => Err(VenueError::feed(NAME, error)),
            }
        })
    }
}

struct Player {
    simulation: Simulation,
    clock: fn() -> Micros,
    feed: Feed,
    /// The wall clock may be set back; event times never go back.
    latest: Micros,
    batch: Vec<Outgoing>,
}

impl Player {
    /// Goes on until the pipeline takes no more.
    async fn play(mut self, resume: Resume) -> FeedError {
        match self.play_on(resume).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn play_on(&mut self, resume: Resume) -> Result<std::convert::Infallible, FeedError> {
        while self.simulation.next_seq() <= resume.up_to {
            self.step().await?;
        }
        let steps = self.simulation.steps();
        tracing::info!(resumed_up_to = resume.up_to, steps, "the demo goes live");

        let start = Instant::now();
        let mut pace = Pace::default();
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for _ in 0..pace.due(start.elapsed()) {
                self.step().await?;
            }
        }
    }

    async fn step(&mut self) -> Result<(), FeedError> {
        self.latest = self.latest.max((self.clock)());
        self.simulation.step(self.latest, &mut self.batch);
        for Outgoing { seq, event } in self.batch.drain(..) {
            self.feed.publish(seq, event).await?;
        }
        Ok(())
    }
}

fn wall_clock() -> Micros {
    SystemTime::now().into()
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
