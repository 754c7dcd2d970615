//! Quotes a second and a CPU second. Both programs find the topic full and work
//! through it from its beginning; each is measured from the first record it takes.
//!
//! The pipeline runs the full `market` processor: every field decoded and
//! checked, state in a changelog, a mark a symbol and commit, progress, all in
//! transactions. The peer does less (see its source).

use std::collections::HashMap;
use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaError};
use tapeline_model::money::Price;
use tapeline_model::records::Quote;
use tapeline_schemas::codec;
use tapeline_schemas::topics::Topic;

use super::cpu::{Rate, Sample};
use super::peer::{EXACTLY_ONCE, Peer};
use super::report::{Better, Budget, Line, Report};
use super::stage::Space;
use super::statistics::median;
use super::{Bench, quotes, say};

const PARTITIONS: u32 = 4;
const DONE_WITHIN: Duration = Duration::from_mins(10);

#[derive(Default)]
struct Rates(Vec<Rate>);

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) {
    let options = bench.options;
    let [mut ours, mut peer, mut limit] = [(); 3].map(|()| Rates::default());
    for round in 1..=options.rounds {
        let configuration = format!(
            "[processors]\nrun = ['market']\ncommit_interval = '{}'",
            options.commit_interval
        );
        let space = bench
            .stage
            .space(&format!("throughput{round}"), PARTITIONS, &configuration);
        say(&format!("round {round}: writing {} quotes", options.quotes));
        quotes::fill(&space.kafka, options.quotes);
        ours.add("ours", processors(&space, options.quotes));
        if let Some(streams) = bench.peer {
            peer.add(
                "Kafka Streams",
                kafka_streams(streams, &space, options.quotes),
            );
        }
        limit.add("librdkafka", read_only(&space, options.quotes));
    }
    let line = |name, unit, budget, of: fn(&Rate) -> f64| Line {
        name,
        unit,
        better: Better::More,
        ours: ours.median(of).unwrap_or(f64::NAN),
        peer: peer.median(of),
        limit: limit.median(of),
        budget,
    };
    let budget = Budget::Ratio {
        must: 4.0,
        aim: 6.0,
    };
    report.add(&line("throughput", "records/CPU s", budget, |rate| {
        rate.per_cpu_second
    }));
    report.add(&line(
        "throughput_wall",
        "records/s",
        Budget::None,
        |rate| rate.per_second,
    ));
}

impl Rates {
    fn add(&mut self, who: &str, rate: Rate) {
        say(&format!(
            "{who}: {:.0} records/s, {:.0} records/CPU s",
            rate.per_second, rate.per_cpu_second
        ));
        self.0.push(rate);
    }

    fn median(&self, of: fn(&Rate) -> f64) -> Option<f64> {
        let samples: Vec<f64> = self.0.iter().map(of).collect();
        (!samples.is_empty()).then(|| median(&samples))
    }
}

/// Until everything is committed.
fn processors(space: &Space, quotes: u64) -> Rate {
    const MARKET: &[(&str, &str)] = &[("processor", "market")];
    let mut processors = space.start_processors();
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

fn kafka_streams(streams: &Peer, space: &Space, quotes: u64) -> Rate {
    let mut job = streams.count(space, EXACTLY_ONCE, quotes);
    job.wait_for("started");
    let start = Sample::of(job.pid()).unwrap();
    job.wait_for("done");
    start.rate_until(Sample::of(job.pid()).unwrap(), quotes)
}

/// What reading and decoding alone cost: one reader and one thread a partition.
fn read_only(space: &Space, quotes: u64) -> Rate {
    let start = Sample::of_this_process();
    let names = space.kafka.names();
    let topic = names.topic(Topic::MarketQuotes);
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..PARTITIONS)
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
