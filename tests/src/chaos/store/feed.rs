//! Publishes records for many tables, and some that can have no row.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tapeline_kafka::{KafkaError, KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, OrderId, PortfolioId, Symbol};
use tapeline_model::records::{
    AuthEvent, AuthEventKind, Order, OrderStatus, Side, Trade, TradeKind,
};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::pipeline::feed::{Made, SYMBOLS, accounts, now};

const PACE: Duration = Duration::from_millis(50);
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// One of so many rounds brings this many quotes at once, so that an insert is long.
const BURST_EVERY: u64 = 20;
const BURST: usize = 1_000;
/// One of so many rounds brings a record without a row.
const POISON_EVERY: u64 = 4;

/// What Kafka has.
#[derive(Default)]
pub(crate) struct FedTotals {
    pub(crate) records: u64,
    /// The bytes of each record that no table can hold; each is different.
    pub(crate) poison: Vec<Vec<u8>>,
}

struct Record {
    topic: Topic,
    key: String,
    value: Vec<u8>,
    is_poison: bool,
}

pub(crate) struct Feeder {
    stop: Sender<()>,
    thread: JoinHandle<Result<FedTotals, KafkaError>>,
}

impl Feeder {
    pub(crate) fn start(settings: &KafkaSettings, seed: u64) -> Outcome<Self> {
        let publisher = Publisher::new(settings, "chaos")
            .map_err(Failure::while_doing("making a publisher"))?;
        let (stop, stopped) = channel();
        let mut rounds = Rounds::new(settings.portfolio_partitions, seed);
        let names = settings.names();
        let thread = std::thread::spawn(move || {
            let mut fed = FedTotals::default();
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                for record in rounds.next() {
                    let (topic, key) = (names.topic(record.topic), record.key.as_bytes());
                    publisher.publish(topic, key, &record.value, &[], None)?;
                    fed.records += 1;
                    if record.is_poison {
                        fed.poison.push(record.value);
                    }
                }
                publisher.flush(DELIVERED_WITHIN)?;
            }
            Ok(fed)
        });
        Ok(Self { stop, thread })
    }

    /// What was fed; that the broker did not take everything is a failure, for nothing harms it.
    pub(crate) fn stop(self) -> Outcome<FedTotals> {
        let _ended = self.stop.send(());
        let ended = self.thread.join();
        let ended = ended.map_err(|_| Failure::Outside("the feeder panicked".to_owned()))?;
        ended.map_err(Failure::while_doing("feeding records"))
    }
}

struct Rounds {
    made: Made,
    accounts: Vec<(AccountId, PortfolioId)>,
    round: u64,
}

impl Rounds {
    fn new(partitions: u32, seed: u64) -> Self {
        let accounts = accounts(partitions);
        Self {
            made: Made::new(accounts.clone(), seed),
            accounts: accounts.into_iter().collect(),
            round: 0,
        }
    }

    fn next(&mut self) -> Vec<Record> {
        self.round += 1;
        let round = self.round;
        let mut events = self.made.round();
        if round.is_multiple_of(BURST_EVERY) {
            events.extend((0..BURST).map(|_| self.made.quote()));
        }
        let (account, portfolio) = self.owner();
        events.push(trade(round));
        events.push(order(round, &account, &portfolio));
        events.push(login(round, &account, &portfolio, now()));
        let mut records: Vec<Record> = events.iter().filter_map(|event| record(event)).collect();
        if round.is_multiple_of(POISON_EVERY) {
            records.extend(self.poison(round / POISON_EVERY));
        }
        records
    }

    fn owner(&self) -> (AccountId, PortfolioId) {
        self.accounts[self.round as usize % self.accounts.len()].clone()
    }

    /// One kind of record after the other that can have no row.
    fn poison(&self, number: u64) -> Option<Record> {
        let (account, portfolio) = self.owner();
        let mut poison = match number % 4 {
            0 => Record {
                topic: Topic::MarketQuotes,
                key: SYMBOLS[number as usize % SYMBOLS.len()].to_owned(),
                value: format!("no record {number}").into_bytes(),
                is_poison: true,
            },
            1 => Record {
                topic: Topic::BrokerFills,
                key: portfolio.to_string(),
                // Framed, with a schema that nobody has.
                value: [&[0, 0, 9, 9, 9][..], &number.to_be_bytes()].concat(),
                is_poison: true,
            },
            2 => {
                let mut cut = record(&order(number, &account, &portfolio))?;
                cut.value.truncate(cut.value.len() - 3);
                cut
            }
            _ => record(&login(
                number,
                &account,
                &portfolio,
                Micros(Micros::MAX.0 + number as i64),
            ))?,
        };
        poison.is_poison = true;
        Some(poison)
    }
}

fn record(event: &Event<'_>) -> Option<Record> {
    let mut value = Vec::new();
    event.encode(&mut value).ok()?;
    Some(Record {
        topic: event.topic(),
        key: event.key().to_owned(),
        value,
        is_poison: false,
    })
}

fn trade(number: u64) -> Event<'static> {
    let now = now();
    Event::Trade(Trade {
        kind: TradeKind::Trade,
        trade_id: format!("t{number}").into(),
        ref_trade_id: None,
        symbol: SYMBOLS[number as usize % SYMBOLS.len()].into(),
        venue: "CHAOS".into(),
        seq: number as i64,
        price: tapeline_model::money::Price::from_raw(10_000_000_000).unwrap_or_default(),
        size: tapeline_model::money::Quantity::from_raw(100_000_000).unwrap_or_default(),
        event_time: now,
        ingest_time: now,
        source: "chaos".into(),
    })
}

fn order(number: u64, account: &AccountId, portfolio: &PortfolioId) -> Event<'static> {
    let now = now();
    let quantity = tapeline_model::money::Quantity::from_raw(300_000_000).unwrap_or_default();
    Event::Order(Order {
        order_id: OrderId::new(format!("order{number}")),
        portfolio: portfolio.clone(),
        account: account.clone(),
        symbol: Symbol::new(SYMBOLS[number as usize % SYMBOLS.len()]),
        side: Side::Buy,
        status: if number.is_multiple_of(3) {
            OrderStatus::New
        } else {
            OrderStatus::Filled
        },
        quantity,
        filled_quantity: quantity,
        limit_price: None,
        reason: None,
        strategy: Some("chaos".to_owned()),
        event_time: now,
        ingest_time: now,
        source: "chaos".to_owned(),
    })
}

fn login(
    number: u64,
    account: &AccountId,
    portfolio: &PortfolioId,
    event_time: Micros,
) -> Event<'static> {
    Event::Auth(AuthEvent {
        event_id: format!("login{number}"),
        portfolio: portfolio.clone(),
        account: account.clone(),
        venue: "CHAOS".to_owned(),
        kind: AuthEventKind::Healthy,
        method: None,
        attempt: 1,
        category: None,
        expires_at: None,
        detail: format!("look {number}"),
        login_id: None,
        latency_ms: None,
        host: None,
        stopped: None,
        event_time,
        ingest_time: now(),
        source: "chaos".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn poison_is_of_every_kind_and_no_two_are_alike() {
        let mut rounds = Rounds::new(2, 1);
        let poison: Vec<Record> = (0..80)
            .flat_map(|_| rounds.next())
            .filter(|record| record.is_poison)
            .collect();
        let values: BTreeSet<&[u8]> = poison.iter().map(|record| &record.value[..]).collect();
        assert_eq!((poison.len(), values.len()), (20, 20));
        let topics: BTreeSet<Topic> = poison.iter().map(|record| record.topic).collect();
        assert_eq!(topics.len(), 4);
    }

    #[test]
    fn no_poison_can_be_a_row_and_all_else_can_be_read() {
        let mut rounds = Rounds::new(2, 1);
        for record in (0..40).flat_map(|_| rounds.next()) {
            let read = Event::decode(record.topic, Some(&record.value));
            let storable = read.is_ok_and(|event| event.event_time().is_storable());
            assert_eq!(storable, !record.is_poison, "{}", record.topic);
        }
    }
}
