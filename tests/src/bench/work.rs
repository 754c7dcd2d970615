//! One topic worked through from its beginning, by each that is compared.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaError};
use tapeline_model::Event;
use tapeline_model::money::Price;
use tapeline_model::records::Quote;
use tapeline_schemas::codec;
use tapeline_schemas::topics::Topic;

use super::cpu::{Rate, Sample};
use super::peer::Peer;
use super::say;
use super::stage::{PROCESSORS, Space};
use super::statistics::median;

const DONE_WITHIN: Duration = Duration::from_mins(10);
const MARKET: &[(&str, &str)] = &[("processor", "market")];

/// What one of them reached, round by round.
#[derive(Default)]
pub(crate) struct Rates(Vec<Rate>);

impl Rates {
    pub fn add(&mut self, who: &str, rate: Rate) {
        say(&format!(
            "{who}: {:.0} records/s, {:.0} records/CPU s",
            rate.per_second, rate.per_cpu_second
        ));
        self.0.push(rate);
    }

    pub fn median(&self, of: fn(&Rate) -> f64) -> Option<f64> {
        let samples: Vec<f64> = self.0.iter().map(of).collect();
        (!samples.is_empty()).then(|| median(&samples))
    }
}

/// The full `market` processor and nothing else.
pub(crate) fn configuration(commit_interval: &str) -> String {
    format!("[processors]\nrun = ['market']\ncommit_interval = '{commit_interval}'")
}

/// Until everything is committed, and what was committed is right.
pub(crate) fn processors(space: &Space, quotes: u64) -> Result<Rate, String> {
    let mut processors = space.start(PROCESSORS);
    let pid = processors.pid();
    let mut start = Sample::of(pid).unwrap();
    let rate = processors.until("all is committed", DONE_WITHIN, |metrics| {
        let before = Sample::of(pid)?;
        let taken = metrics.value("tapeline_processor_records_total", MARKET);
        if taken.is_none_or(|count| count < 1.0) {
            start = before;
        }
        let committed = metrics.value("tapeline_transaction_records_sum", MARKET)?;
        (committed >= quotes as f64).then_some(())?;
        Some(start.rate_until(Sample::of(pid)?, quotes))
    });
    processors.stop();
    let mut counts = Counts::default();
    for partition in 0..space.kafka.market_partitions {
        read_marks(space, partition, &mut counts);
    }
    counts.verdict(quotes)?;
    Ok(rate)
}

/// How many quotes the newest mark of each symbol counts. A metric says how much was taken; only
/// the outputs say that each quote counts once.
#[derive(Default)]
struct Counts {
    by_symbol: BTreeMap<String, i64>,
    unreadable: u64,
}

impl Counts {
    fn add(&mut self, mark: Option<&[u8]>) {
        match Event::decode(Topic::MarketMarks, mark) {
            Ok(Event::Mark(mark)) => {
                self.by_symbol.insert(mark.symbol.into_owned(), mark.quotes);
            }
            _ => self.unreadable += 1,
        }
    }

    fn verdict(&self, quotes: u64) -> Result<(), String> {
        let counted: i64 = self.by_symbol.values().sum();
        if self.unreadable > 0 {
            return Err(format!("{} marks cannot be read", self.unreadable));
        }
        if i64::try_from(quotes) != Ok(counted) {
            return Err(format!(
                "the marks of {} symbols count {counted} quotes, and {quotes} were written",
                self.by_symbol.len()
            ));
        }
        Ok(())
    }
}

fn read_marks(space: &Space, partition: u32, counts: &mut Counts) {
    let names = space.kafka.names();
    let topic = names.topic(Topic::MarketMarks);
    let mut reader = BatchReader::new(&space.kafka, "bench").unwrap();
    reader
        .read_to_end(topic, partition as i32, None, DONE_WITHIN, |message| {
            counts.add(message.value);
            Ok::<(), KafkaError>(())
        })
        .unwrap();
}

pub(crate) fn kafka_streams(streams: &Peer, space: &Space, guarantee: &str, quotes: u64) -> Rate {
    let mut job = streams.count(space, guarantee, quotes);
    job.wait_for("started");
    let start = Sample::of(job.pid()).unwrap();
    job.wait_for("done");
    start.rate_until(Sample::of(job.pid()).unwrap(), quotes)
}

/// What reading and decoding alone cost: one reader and one thread a partition.
pub(crate) fn read_only(space: &Space, quotes: u64) -> Rate {
    let start = Sample::of_this_process();
    let names = space.kafka.names();
    let topic = names.topic(Topic::MarketQuotes);
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..space.kafka.market_partitions)
            .map(|partition| scope.spawn(move || read_partition(space, topic, partition)))
            .collect();
        readers.into_iter().map(|r| r.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().sum::<u64>(), quotes, "all quotes were read");
    start.rate_until(Sample::of_this_process(), quotes)
}

fn read_partition(space: &Space, topic: &str, partition: u32) -> u64 {
    struct Symbol {
        bid: Price,
        ask: Price,
        quotes: u64,
    }
    let mut symbols: HashMap<String, Symbol> = HashMap::new();
    let mut reader = BatchReader::new(&space.kafka, "bench").unwrap();
    reader
        .read_to_end(topic, partition as i32, None, DONE_WITHIN, |message| {
            let quote: Quote<'_> = codec::decode(message.value.unwrap()).unwrap();
            if let Some(symbol) = symbols.get_mut(quote.symbol.as_ref()) {
                symbol.bid = quote.bid_price;
                symbol.ask = symbol.ask.max(quote.ask_price);
                symbol.quotes += 1;
            } else {
                let first = Symbol {
                    bid: quote.bid_price,
                    ask: quote.ask_price,
                    quotes: 1,
                };
                symbols.insert(quote.symbol.into_owned(), first);
            }
            Ok::<(), KafkaError>(())
        })
        .unwrap();
    symbols.values().map(|symbol| symbol.quotes).sum()
}

#[cfg(test)]
mod tests {
    use tapeline_model::Micros;
    use tapeline_model::records::{Mark, MarkBasis};

    use super::*;

    fn counts(marks: &[(&str, i64)]) -> Counts {
        let mut counts = Counts::default();
        for (symbol, quotes) in marks {
            let mark = Mark {
                symbol: (*symbol).into(),
                price: Price::ZERO,
                bid_price: Price::ZERO,
                ask_price: Price::ZERO,
                quotes: *quotes,
                basis: MarkBasis::Mid,
                last_price: None,
                last_time: None,
                event_time: Micros(1),
                ingest_time: Micros(1),
                source: "test".into(),
            };
            let mut value = Vec::new();
            Event::Mark(mark).encode(&mut value).unwrap();
            counts.add(Some(&value));
        }
        counts
    }

    #[test]
    fn each_quote_counts_once_or_there_is_no_rate() {
        let clean = [("A", 1), ("B", 2), ("A", 3)];
        assert_eq!(counts(&clean).verdict(5), Ok(()));
        for quotes in [4, 6, 10] {
            let fault = counts(&clean).verdict(quotes).unwrap_err();
            assert!(fault.contains("2 symbols count 5 quotes"), "{fault}");
        }
        assert!(counts(&[]).verdict(5).is_err());
        let mut unreadable = counts(&clean);
        unreadable.add(Some(b"no mark"));
        unreadable.add(None);
        let fault = unreadable.verdict(5).unwrap_err();
        assert_eq!(fault, "2 marks cannot be read");
    }
}
