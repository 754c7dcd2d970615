//! How long a task with many keys is away: its state read back from the log.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaError};
use tapeline_model::Event;

use super::quotes::{EventPublisher, quote};
use super::report::{Better, Budget, Line, Report};
use super::stage::{PROCESSORS, Space};
use super::statistics::median;
use super::{Bench, Outcome, say, work};

/// What the key of a symbol's state begins with.
const STATE: &[u8] = b"marks\0";
const PRICE: i64 = 10_000_000_000;
const WITHIN: Duration = Duration::from_mins(10);
const PROCESSOR: &str = "market";
const MARKET: &[(&str, &str)] = &[("processor", PROCESSOR)];

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let keys = bench.options.keys;
    let configuration = work::configuration(&bench.options.commit_interval);
    let space = bench.stage.space("restore", 1, &configuration);
    say(&format!("writing the state of {keys} keys"));
    write_state(&space, keys);
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for round in 1..=bench.options.rounds {
        ours.push(restore(&space, keys)?);
        limit.push(read_only(&space, keys)?);
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
    Ok(())
}

/// Through the processor itself: a quote of each symbol, then a stop.
fn write_state(space: &Space, keys: u64) {
    let mut feed = EventPublisher::new(&space.kafka);
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

/// As the task itself measures it; a restore without all keys is a fault.
fn restore(space: &Space, keys: u64) -> Result<f64, String> {
    let mut processors = space.start(PROCESSORS);
    processors.wait_ready();
    let (seconds, restored) = processors.until("the restore is measured", WITHIN, |metrics| {
        let seconds = metrics.value("tapeline_restore_seconds", MARKET)?;
        Some((seconds, metrics.value("tapeline_state_entries", MARKET)?))
    });
    processors.stop();
    all_there("restored", restored as u64, keys)?;
    Ok(seconds)
}

/// What reading the changelog alone takes.
fn read_only(space: &Space, keys: u64) -> Result<f64, String> {
    let changelog = space.kafka.names().changelog(PROCESSOR);
    let mut reader = BatchReader::new(&space.kafka, "bench").unwrap();
    let (mut bytes, mut read) = (0_usize, 0);
    let started = Instant::now();
    reader
        .read_to_end(&changelog, 0, None, WITHIN, |message| {
            bytes += message.value.map_or(0, <[u8]>::len);
            read += u64::from(message.key.is_some_and(|key| key.starts_with(STATE)));
            Ok::<(), KafkaError>(())
        })
        .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    black_box(bytes);
    all_there("in the changelog", read, keys)?;
    Ok(seconds)
}

fn all_there(what: &str, found: u64, keys: u64) -> Result<(), String> {
    if found >= keys {
        return Ok(());
    }
    Err(format!("{found} of {keys} keys are {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_without_all_keys_is_a_fault() {
        assert_eq!(all_there("restored", 10, 10), Ok(()));
        let fault = all_there("restored", 9, 10).unwrap_err();
        assert_eq!(fault, "9 of 10 keys are restored");
        assert!(all_there("restored", 0, 10).is_err());
    }
}
