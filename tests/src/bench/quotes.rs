//! A made-up market, the same in every run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::Quote;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

const CENT: i64 = 1_000_000;
const FIRST_PRICE: i64 = 100 * 100 * CENT;
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Micros(since.as_micros() as i64)
}

/// Prices that walk at random, without chance: a xorshift with a fixed seed.
pub(crate) struct Walk {
    state: u64,
    symbols: Vec<String>,
    bids: Vec<i64>,
    count: i64,
}

impl Walk {
    pub fn new(symbols: usize) -> Self {
        Self {
            state: 0x2545_F491_4F6C_DD1D,
            symbols: (0..symbols).map(|n| format!("SYM{n:03}")).collect(),
            bids: vec![FIRST_PRICE; symbols],
            count: 0,
        }
    }

    /// The next quote of any symbol.
    pub fn next(&mut self) -> Quote<'_> {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let index = (self.state % self.symbols.len() as u64) as usize;
        let step = ((self.state >> 32) % 21) as i64 - 10;
        let bid = (self.bids[index] + step * CENT).max(CENT);
        self.bids[index] = bid;
        self.count += 1;
        quote(&self.symbols[index], bid, bid + CENT, self.count)
    }
}

/// A quote of now; prices in units of 10⁻⁸.
pub(crate) fn quote(symbol: &str, bid: i64, ask: i64, seq: i64) -> Quote<'_> {
    let time = now();
    let hundred = Quantity::from_raw(100 * 100 * CENT).unwrap();
    Quote {
        symbol: symbol.into(),
        venue: "XNAS".into(),
        seq,
        bid_price: Price::from_raw(bid).unwrap(),
        ask_price: Price::from_raw(ask).unwrap(),
        bid_size: hundred,
        ask_size: hundred,
        event_time: time,
        ingest_time: time,
        source: "bench".into(),
    }
}

/// Writes events to the topics they belong to.
pub(crate) struct Feed {
    publisher: Publisher,
    kafka: KafkaSettings,
    value: Vec<u8>,
}

impl Feed {
    pub fn new(kafka: &KafkaSettings) -> Self {
        Self {
            publisher: Publisher::new(kafka, "bench").unwrap(),
            kafka: kafka.clone(),
            value: Vec::new(),
        }
    }

    /// Sends each record at once: how long a connector gathers records is not measured here.
    pub fn prompt(kafka: &KafkaSettings) -> Self {
        let mut kafka = kafka.clone();
        kafka
            .properties
            .insert("linger.ms".to_owned(), "0".to_owned());
        Self::new(&kafka)
    }

    pub fn publish(&mut self, event: &Event<'_>) {
        event.encode(&mut self.value).unwrap();
        self.send(event.topic(), event.key());
    }

    fn send(&self, topic: Topic, key: &str) {
        let names = self.kafka.names();
        self.publisher
            .publish(names.topic(topic), key.as_bytes(), &self.value, &[], None)
            .unwrap();
    }

    pub fn flush(&self) {
        self.publisher.flush(DELIVERED_WITHIN).unwrap();
    }
}

/// Fills the quotes of a space with `count` of 500 symbols.
pub(crate) fn fill(kafka: &KafkaSettings, count: u64) {
    let mut walk = Walk::new(500);
    let mut feed = Feed::new(kafka);
    for _ in 0..count {
        feed.publish(&Event::Quote(walk.next()));
    }
    feed.flush();
}
