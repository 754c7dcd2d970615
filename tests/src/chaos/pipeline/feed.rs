//! Publishes records with known ids, and remembers which of them Kafka acknowledged.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tapeline_kafka::{KafkaError, KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, OrderId, PortfolioId};
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::records::{AccountEvent, AccountEventKind, AccountMatter, Fill, Quote, Side};
use tapeline_model::{Event, Micros};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::random::Random;
use crate::samples;

const PACE: Duration = Duration::from_millis(50);
const FILLS_AT_ONCE: u64 = 4;
const QUOTES_AT_ONCE: u64 = 3;
/// One of so many rounds moves money.
const MONEY_EVERY: u64 = 4;
/// Longer than the publisher itself keeps trying.
const DELIVERED_WITHIN: Duration = Duration::from_secs(150);
pub(crate) const SYMBOLS: [&str; 6] = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"];
const CURRENCY: &str = "USD";
pub(crate) const TOPICS: [Topic; 3] = [
    Topic::MarketQuotes,
    Topic::BrokerFills,
    Topic::BrokerAccounts,
];

/// One record that was handed to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FedRecord {
    pub(crate) id: String,
    /// Kafka said that it has it. Otherwise it may have it or not.
    pub(crate) acknowledged: bool,
}

/// Everything fed, by topic, in the order in which it was.
pub(crate) type FedRecords = BTreeMap<Topic, Vec<FedRecord>>;

/// What identifies a fed record.
pub(crate) fn id_of(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Fill(fill) => Some(fill.exec_id.to_string()),
        Event::Account(event) => Some(event.event_id.clone()),
        Event::Quote(quote) => Some(format!("q{}", quote.seq)),
        _ => None,
    }
}

/// Accounts and the portfolios they belong to: two of each for every partition.
pub(crate) fn accounts(partitions: u32) -> BTreeMap<AccountId, PortfolioId> {
    let mut accounts = BTreeMap::new();
    for partition in 0..partitions {
        let names = (0..).map(|n| format!("p{n}"));
        let mut fitting =
            names.filter(|name| partition_of(name.as_bytes(), partitions) == partition);
        for portfolio in fitting.by_ref().take(2) {
            for account in ["a", "b"] {
                let account = AccountId::new(format!("{portfolio}{account}"));
                accounts.insert(account, PortfolioId::new(portfolio.clone()));
            }
        }
    }
    accounts
}

pub(crate) struct Feeder {
    stop: Sender<()>,
    thread: JoinHandle<FedRecords>,
}

impl Feeder {
    pub(crate) fn start(settings: &KafkaSettings, seed: u64) -> Outcome<Self> {
        let publisher = publisher(settings)?;
        let (stop, stopped) = channel();
        let mut feed = RoundPublisher {
            settings: settings.clone(),
            publisher,
            made: Made::new(accounts(settings.portfolio_partitions), seed),
            fed: FedRecords::new(),
        };
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                feed.round();
            }
            feed.fed
        });
        Ok(Self { stop, thread })
    }

    /// Ends after what is on its way was delivered or has failed.
    pub(crate) fn stop(self) -> Outcome<FedRecords> {
        let _ended = self.stop.send(());
        let ended = self.thread.join();
        ended.map_err(|_| Failure::Outside("the feeder panicked; see above".to_owned()))
    }
}

fn publisher(settings: &KafkaSettings) -> Outcome<Publisher> {
    Publisher::new(settings, "chaos").map_err(Failure::while_doing("making a publisher"))
}

struct RoundPublisher {
    settings: KafkaSettings,
    publisher: Publisher,
    made: Made,
    fed: FedRecords,
}

impl RoundPublisher {
    /// Some records, and one wait for all of them: then it is known which Kafka has.
    fn round(&mut self) {
        let mut queued = Vec::new();
        let names = self.settings.names();
        for event in self.made.round() {
            let mut value = Vec::new();
            let (Ok(()), Some(id)) = (event.encode(&mut value), id_of(&event)) else {
                continue;
            };
            let (topic, key) = (event.topic(), event.key().as_bytes());
            // What is not queued never was: its id stays unused.
            if self
                .publisher
                .publish(names.topic(topic), key, &value, &[], None)
                .is_ok()
            {
                queued.push((topic, id));
            }
        }
        let outcome = self.publisher.flush(DELIVERED_WITHIN);
        let acknowledged = outcome.is_ok();
        for (topic, id) in queued {
            let fed = FedRecord { id, acknowledged };
            self.fed.entry(topic).or_default().push(fed);
        }
        if matches!(outcome, Err(KafkaError::Dead { .. }))
            && let Ok(fresh) = publisher(&self.settings)
        {
            self.publisher = fresh;
        }
    }
}

/// Makes records, the same ones for the same seed but for their times.
pub(crate) struct Made {
    random: Random,
    accounts: Vec<(AccountId, PortfolioId)>,
    prices: [i64; SYMBOLS.len()],
    next: u64,
    round: u64,
}

impl Made {
    pub(crate) fn new(accounts: BTreeMap<AccountId, PortfolioId>, seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0x00fe_ed00),
            accounts: accounts.into_iter().collect(),
            prices: [10_000_000_000; SYMBOLS.len()],
            next: 0,
            round: 0,
        }
    }

    pub(crate) fn round(&mut self) -> Vec<Event<'static>> {
        self.round += 1;
        let mut events: Vec<Event<'static>> = Vec::new();
        events.extend((0..QUOTES_AT_ONCE).map(|_| self.quote()));
        events.extend((0..FILLS_AT_ONCE).map(|_| self.fill()));
        if self.round.is_multiple_of(MONEY_EVERY) {
            events.push(self.deposit());
        }
        events
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn account(&mut self) -> (AccountId, PortfolioId) {
        let at = self.random.below(self.accounts.len() as u64) as usize;
        self.accounts[at].clone()
    }

    pub(crate) fn quote(&mut self) -> Event<'static> {
        let at = self.random.below(SYMBOLS.len() as u64) as usize;
        let step = self.random.between(0, 20_000_000) as i64 - 10_000_000;
        self.prices[at] = (self.prices[at] + step).max(1_000_000_000);
        let price = |raw| Price::from_raw(raw).unwrap_or_default();
        let size = Quantity::from_raw(100_000_000).unwrap_or_default();
        let now = now();
        Event::Quote(Quote {
            symbol: SYMBOLS[at].into(),
            venue: "CHAOS".into(),
            seq: self.number() as i64,
            bid_price: price(self.prices[at]),
            ask_price: price(self.prices[at] + 1_000_000),
            bid_size: size,
            ask_size: size,
            event_time: now,
            ingest_time: now,
            source: "chaos".into(),
        })
    }

    fn fill(&mut self) -> Event<'static> {
        let holder = self.account();
        let at = self.random.below(SYMBOLS.len() as u64) as usize;
        // A quantity like no other, so that a doubled or missing one can be told from the sum.
        let quantity = self.random.between(1, 1_000_000_000) as i64;
        let side = if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let number = self.number();
        Event::Fill(Fill {
            order_id: OrderId::new(format!("o{number}")),
            side,
            price: Price::from_raw(self.prices[at]).unwrap_or_default(),
            quantity: Quantity::from_raw(quantity).unwrap_or_default(),
            fee: Price::from_raw(1_000_000),
            currency: CURRENCY.to_owned(),
            ..samples::fill(&format!("f{number}"), holder, SYMBOLS[at], now(), "chaos")
        })
    }

    /// Only ever into the account: the sum then tells a lost one from a doubled one.
    fn deposit(&mut self) -> Event<'static> {
        let (account, portfolio) = self.account();
        let amount = i128::from(self.random.between(1, 1_000_000_000));
        let now = now();
        Event::Account(AccountEvent {
            event_id: format!("m{}", self.number()),
            portfolio,
            account,
            kind: AccountEventKind::Deposit,
            amount: Money::from_raw(amount).unwrap_or_default(),
            currency: CURRENCY.to_owned(),
            matter: AccountMatter::Cash,
            symbol: None,
            quantity: None,
            price: None,
            ratio_new: None,
            ratio_old: None,
            event_time: now,
            ingest_time: now,
            source: "chaos".to_owned(),
        })
    }
}

pub(crate) fn now() -> Micros {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_partition_has_portfolios_and_ids_are_unique() {
        let accounts = accounts(4);
        let partitions: BTreeSet<u32> = accounts
            .values()
            .map(|portfolio| partition_of(portfolio.as_str().as_bytes(), 4))
            .collect();
        assert_eq!(partitions.len(), 4);
        let mut made = Made::new(accounts, 1);
        let ids: Vec<String> = (0..100)
            .flat_map(|_| made.round())
            .filter_map(|event| id_of(&event))
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}
