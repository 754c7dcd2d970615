//! One topic worked through from its beginning, by each that is compared.

use std::collections::HashMap;
use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaError};
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

/// Until everything is committed.
pub(crate) fn processors(space: &Space, quotes: u64) -> Rate {
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
    rate
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
