//! A made-up market, the same in every run.

use std::time::{Duration, SystemTime};

use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::Quote;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

const CENT: i64 = 1_000_000;
const FIRST_PRICE: i64 = 100 * 100 * CENT;
/// What a quote without a source takes, with a symbol of six letters.
const BARE_QUOTE: usize = 62;
/// Many times what a codec remembers.
const LETTERS: usize = 1 << 20;
/// Of most benchmarks.
pub(crate) const SYMBOLS: usize = 500;
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn now() -> Micros {
    SystemTime::now().into()
}

/// Prices that walk at random, without chance: a xorshift with a fixed seed.
pub(crate) struct Walk {
    state: u64,
    symbols: Vec<String>,
    bids: Vec<i64>,
    count: i64,
    padding: Option<Padding>,
    /// When the next quote comes; without it, they come now.
    time: Option<Micros>,
}

/// Longer records: letters behind one another that no codec finds twice.
struct Padding {
    letters: String,
    length: usize,
}

impl Walk {
    pub fn new(symbols: usize) -> Self {
        Self {
            state: 0x2545_F491_4F6C_DD1D,
            symbols: (0..symbols).map(|n| format!("SYM{n:03}")).collect(),
            bids: vec![FIRST_PRICE; symbols],
            count: 0,
            padding: None,
            time: None,
        }
    }

    /// Quotes as a market makes them: at irregular times, arriving a little later, of many sizes.
    pub fn from(mut self, begin: Micros) -> Self {
        self.time = Some(begin);
        self
    }

    /// Records of about so many bytes; none is shorter than a bare quote.
    pub fn padded(mut self, bytes: usize) -> Self {
        let letters = (0..LETTERS).map(|_| {
            let letter = self.random() >> 32;
            char::from(b'a' + (letter % 26) as u8)
        });
        self.padding = Some(Padding {
            letters: letters.collect(),
            length: bytes.saturating_sub(BARE_QUOTE),
        });
        self
    }

    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// The next quote of any symbol.
    pub fn next(&mut self) -> Quote<'_> {
        let random = self.random();
        let index = (random % self.symbols.len() as u64) as usize;
        let step = ((random >> 32) % 21) as i64 - 10;
        let bid = (self.bids[index] + step * CENT).max(CENT);
        self.bids[index] = bid;
        self.count += 1;
        let mut quote = quote(&self.symbols[index], bid, bid + CENT, self.count);
        if let Some(Padding { letters, length }) = &self.padding {
            let start = random as usize % (letters.len() - length);
            quote.source = letters[start..start + length].into();
        }
        if let Some(time) = &mut self.time {
            let part = |shift: u32, below: u64| (random.rotate_right(shift) % below) as i64;
            time.0 += part(7, 400);
            quote.event_time = *time;
            quote.ingest_time = Micros(time.0 + 500 + part(19, 2000));
            quote.bid_size = hundreds(1 + part(29, 20));
            quote.ask_size = hundreds(1 + part(41, 20));
        }
        quote
    }
}

/// A quote of now; prices in units of 10⁻⁸.
pub(crate) fn quote(symbol: &str, bid: i64, ask: i64, seq: i64) -> Quote<'_> {
    let time = now();
    Quote {
        symbol: symbol.into(),
        venue: "XNAS".into(),
        seq,
        bid_price: Price::from_raw(bid).unwrap(),
        ask_price: Price::from_raw(ask).unwrap(),
        bid_size: hundreds(1),
        ask_size: hundreds(1),
        event_time: time,
        ingest_time: time,
        source: "bench".into(),
    }
}

fn hundreds(count: i64) -> Quantity {
    Quantity::from_raw(count * 100 * 100 * CENT).unwrap()
}

/// Writes events to the topics they belong to.
pub(crate) struct EventPublisher {
    publisher: Publisher,
    kafka: KafkaSettings,
    value: Vec<u8>,
}

impl EventPublisher {
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

/// Fills the quotes of a space.
pub(crate) fn fill(kafka: &KafkaSettings, walk: &mut Walk, count: u64) {
    let mut feed = EventPublisher::new(kafka);
    for _ in 0..count {
        feed.publish(&Event::Quote(walk.next()));
    }
    feed.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_quote_is_as_long_as_asked_and_never_shorter_than_a_bare_one() {
        for (wanted, about) in [(10, BARE_QUOTE), (60, BARE_QUOTE), (200, 200), (1000, 1000)] {
            let mut walk = Walk::new(SYMBOLS).padded(wanted);
            let mut value = Vec::new();
            for _ in 0..1000 {
                Event::Quote(walk.next()).encode(&mut value).unwrap();
                assert!(
                    value.len().abs_diff(about) <= 5,
                    "{} bytes, not {about}",
                    value.len()
                );
            }
        }
    }
}
