//! Publishes at a steady pace on one thread and watches the outputs on another.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tapeline_kafka::{Admin, BatchReader, KafkaSettings, Position};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::quotes::{Feed, Walk, now};
use super::statistics::percentile;

/// The first transactions of a producer are slow, in either program.
const WARM_UP: Duration = Duration::from_secs(2);
/// What is still on its way when the feed ends is waited for.
const LINGER: Duration = Duration::from_secs(2);
/// The pace: so often, what is due is published.
const STEP: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(20);
const BACKGROUND_SYMBOLS: usize = 450;

pub(crate) struct Drive<'a> {
    pub input: &'a KafkaSettings,
    pub output: &'a KafkaSettings,
    /// Where the outputs come.
    pub topic: Topic,
    pub seconds: u64,
    /// Quotes a second without an output.
    pub background: u64,
    /// Records a second with one output each.
    pub awaited: u64,
    pub next: fn(u64) -> Event<'static>,
    /// The time at which an output's record was published, in microseconds.
    pub time_of: fn(&[u8]) -> Option<i64>,
}

/// Milliseconds from a record to its output.
pub(crate) struct Latencies {
    samples: Vec<f64>,
    expected: u64,
}

impl Latencies {
    pub fn percentile(&self, percent: f64) -> f64 {
        percentile(&self.samples, percent)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} outputs", self.samples.len(), self.expected)?;
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("max", 100.0)] {
            write!(f, ", {name} {:.1} ms", self.percentile(percent))?;
        }
        Ok(())
    }
}

pub(crate) fn drive(drive: &Drive<'_>) -> Latencies {
    let mut reader = watch(drive.output, drive.topic);
    let done = AtomicBool::new(false);
    let begun = now();
    let warm = begun.plus_millis(WARM_UP.as_millis() as i64).0;
    std::thread::scope(|scope| {
        let feed = scope.spawn(|| {
            let expected = feed(drive, warm);
            done.store(true, Ordering::Release);
            expected
        });
        let mut samples = Vec::new();
        let mut deadline = None;
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            if deadline.is_none() && done.load(Ordering::Acquire) {
                deadline = Some(Instant::now() + LINGER);
            }
            let batch = reader.fetch(4096, LOOK).unwrap();
            let read = now().0;
            let times = batch
                .messages()
                .filter_map(|message| (drive.time_of)(message.value?));
            samples.extend(
                times
                    .filter(|time| *time >= warm)
                    .map(|time| (read - time) as f64 / 1000.0),
            );
        }
        let expected = feed.join().unwrap();
        // Two marks of a symbol in one commit cancel each other out, which takes a
        // backlog of a second: few are missing on a machine that keeps up.
        assert!(
            samples.len() as u64 * 2 >= expected,
            "only {} of {expected} outputs came: was the machine overloaded?",
            samples.len()
        );
        Latencies { samples, expected }
    })
}

/// A reader of all that is committed from now on.
fn watch(kafka: &KafkaSettings, topic: Topic) -> BatchReader {
    let names = kafka.names();
    let topic = names.topic(topic);
    let ends = Admin::new(kafka).unwrap().watermarks(topic).unwrap();
    let positions: Vec<Position> = ends
        .into_iter()
        .map(|(partition, _, end)| Position::new(topic, partition, end))
        .collect();
    let mut reader = BatchReader::new(kafka, "bench").unwrap();
    reader.assign(&positions).unwrap();
    reader
}

/// Returns how many awaited records were published after the warm-up.
fn feed(drive: &Drive<'_>, warm: i64) -> u64 {
    let mut feed = Feed::prompt(drive.input);
    let mut walk = Walk::new(BACKGROUND_SYMBOLS);
    let (mut background, mut awaited, mut expected) = (0, 0, 0);
    let started = Instant::now();
    let deadline = started + Duration::from_secs(drive.seconds);
    while Instant::now() < deadline {
        let elapsed = started.elapsed().as_secs_f64();
        let due = |rate: u64| (elapsed * rate as f64) as u64;
        while background < due(drive.background) {
            feed.publish(&Event::Quote(walk.next()));
            background += 1;
        }
        while awaited < due(drive.awaited) {
            let event = (drive.next)(awaited);
            feed.publish(&event);
            awaited += 1;
            expected += u64::from(event.event_time().0 >= warm);
        }
        to_next_step(started);
    }
    feed.flush();
    expected
}

/// Sleeping to the next step, not for a step, keeps the pace under load.
fn to_next_step(started: Instant) {
    let elapsed = started.elapsed();
    let deadline = STEP * (elapsed.as_micros() / STEP.as_micros() + 1) as u32;
    std::thread::sleep(deadline.saturating_sub(elapsed));
}
