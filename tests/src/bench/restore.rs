//! How long a task with many keys is away: its state read back from the log.

use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaError};
use tapeline_model::Event;

use super::quotes::{Feed, quote};
use super::report::{Better, Budget, Line, Report};
use super::stage::{PROCESSORS, Space};
use super::statistics::median;
use super::{Bench, say, work};

const PRICE: i64 = 10_000_000_000;
const WITHIN: Duration = Duration::from_mins(10);
const PROCESSOR: &str = "market";
const MARKET: &[(&str, &str)] = &[("processor", PROCESSOR)];

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) {
    let keys = bench.options.keys;
    let configuration = work::configuration(&bench.options.commit_interval);
    let space = bench.stage.space("restore", 1, &configuration);
    say(&format!("writing the state of {keys} keys"));
    write_state(&space, keys);
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for round in 1..=bench.options.rounds {
        ours.push(restore(&space));
        limit.push(read_only(&space));
        say(&format!(
            "round {round}: {:.3} s, only read {:.3} s",
            ours[round - 1],
            limit[round - 1]
        ));
    }
    report.add(&Line {
        name: "restore",
        unit: "s",
        better: Better::Less,
        ours: median(&ours),
        peer: None,
        limit: Some(median(&limit)),
        budget: Budget::Ours {
            must: 2.0,
            aim: Some(1.0),
        },
    });
}

/// Through the processor itself: a quote of each symbol, then a stop.
fn write_state(space: &Space, keys: u64) {
    let mut feed = Feed::new(&space.kafka);
    for key in 0..keys {
        let symbol = format!("SYM{key:07}");
        feed.publish(&Event::Quote(quote(&symbol, PRICE, PRICE, key as i64)));
    }
    feed.flush();
    let mut processors = space.start(PROCESSORS);
    processors.until("all keys are committed", WITHIN, |metrics| {
        let committed = metrics.value("tapeline_transaction_records_sum", MARKET)?;
        (committed >= keys as f64).then_some(())
    });
    processors.stop();
}

/// As the task itself measures it.
fn restore(space: &Space) -> f64 {
    let mut processors = space.start(PROCESSORS);
    processors.wait_ready();
    let seconds = processors.until("the restore is measured", WITHIN, |metrics| {
        metrics.value("tapeline_restore_seconds", MARKET)
    });
    processors.stop();
    seconds
}

/// What reading the changelog alone takes.
fn read_only(space: &Space) -> f64 {
    let changelog = space.kafka.names().changelog(PROCESSOR);
    let mut reader = BatchReader::new(&space.kafka, "bench").unwrap();
    let mut bytes = 0_usize;
    let started = Instant::now();
    reader
        .read_to_end(&changelog, 0, None, WITHIN, |message| {
            bytes += message.value.map_or(0, <[u8]>::len);
            Ok::<(), KafkaError>(())
        })
        .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert!(bytes > 0, "the changelog is not empty");
    seconds
}
