//! Publishes to a schedule on one thread and reads the outputs on another.
//!
//! A latency counts from when its record was due, not from when it was sent: a sender that is held
//! up would otherwise leave out the wait of all that it should have sent meanwhile. Afterwards
//! every record must have exactly one output.

use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaSettings, Position};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

use super::ledger::{Latencies, Ledger, Schedule, Sent, Terms};
use super::quotes::{EventPublisher, Walk, now};

/// The first transactions of a producer are slow, in either program.
const WARM_UP: Duration = Duration::from_secs(2);
/// What is still on its way when the feed ends is waited for so long.
const DRAIN: Duration = Duration::from_secs(30);
/// Once all are there, what comes within this came twice.
const LINGER: Duration = Duration::from_secs(2);
/// A sender that is further behind does not offer the load that it claims to.
pub(crate) const LAG_LIMIT: Duration = Duration::from_secs(1);
/// A sender that cannot keep up gives up so long after its last record was due.
const OVERTIME: Duration = Duration::from_secs(10);
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
    /// The number of the first of them: one drive goes on where another ended.
    pub first: u64,
    /// The record of a number, with the time at which it is due as its own.
    pub next: fn(u64, Micros) -> Event<'static>,
    pub time_of: TimeOf,
    pub lag_limit: Option<Duration>,
}

/// The time of the record that an output is about, in microseconds; none for what is no output of
/// an awaited record, and an error for what cannot be read.
pub(crate) type TimeOf = fn(&[u8]) -> Result<Option<i64>, String>;

impl Drive<'_> {
    pub fn count(&self) -> u64 {
        self.seconds * self.awaited
    }
}

/// The time since the epoch, in steps of a clock that never jumps.
struct Clock {
    begin: i64,
    started: Instant,
}

impl Clock {
    fn now(&self) -> i64 {
        self.begin + self.started.elapsed().as_micros() as i64
    }
}

/// The latencies; or what was wrong with the outputs or with the sender.
pub(crate) fn drive(drive: &Drive<'_>) -> Result<Latencies, String> {
    let mut reader = watch(drive.output, drive.topic);
    let clock = Clock {
        begin: now().0,
        started: Instant::now(),
    };
    let schedule = Schedule {
        begin: clock.begin,
        per_second: drive.awaited,
        count: drive.count(),
    };
    let mut ledger = Ledger::new(schedule);
    let sent = std::thread::scope(|scope| {
        let feed = scope.spawn(|| feed(drive, &clock, &schedule));
        let (mut deadline, mut is_complete) = (None, false);
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            if deadline.is_none() && feed.is_finished() {
                deadline = Some(Instant::now() + DRAIN);
            }
            read(&mut reader, drive.time_of, &clock, &mut ledger);
            if deadline.is_some() && !is_complete && ledger.is_complete() {
                is_complete = true;
                deadline = Some(Instant::now() + LINGER);
            }
        }
        feed.join().unwrap()
    });
    let terms = Terms {
        drain: DRAIN,
        measured_from: clock.begin + WARM_UP.as_micros() as i64,
        lag_limit: drive.lag_limit,
    };
    ledger.verdict(&sent, &terms)
}

fn read(reader: &mut BatchReader, time_of: TimeOf, clock: &Clock, ledger: &mut Ledger) {
    let batch = reader.fetch(4096, LOOK).unwrap();
    let now = clock.now();
    for message in batch.messages() {
        let read = message.value.ok_or_else(|| "it has no value".to_owned());
        match read.and_then(time_of) {
            Ok(Some(due)) => ledger.take(due, now),
            Ok(None) => {}
            Err(why) => ledger.unreadable(&why),
        }
    }
}

/// A reader of all that is committed from now on.
fn watch(kafka: &KafkaSettings, topic: Topic) -> BatchReader {
    let names = kafka.names();
    let topic = names.topic(topic);
    let mut reader = BatchReader::new(kafka, "bench").unwrap();
    let ranges = reader.ranges(topic).unwrap();
    let positions: Vec<Position> = ranges
        .into_iter()
        .map(|(partition, _, end)| Position::new(topic, partition, end))
        .collect();
    reader.assign(&positions).unwrap();
    reader
}

/// Publishes everything that is due when it is due, or as soon after as it can.
fn feed(drive: &Drive<'_>, clock: &Clock, schedule: &Schedule) -> Sent {
    let mut feed = EventPublisher::prompt(drive.input);
    let mut walk = Walk::new(BACKGROUND_SYMBOLS);
    let background = Schedule {
        begin: schedule.begin,
        per_second: drive.background,
        count: drive.seconds * drive.background,
    };
    let mut sent = Sent::default();
    let (mut quotes, mut awaited) = (0, 0);
    let deadline = clock.started + Duration::from_secs(drive.seconds) + OVERTIME;
    while (quotes < background.count || awaited < schedule.count) && Instant::now() < deadline {
        let now = clock.now();
        let due = background.due_by(now);
        if quotes < due {
            let lag = now - background.due(quotes);
            sent.background_lag = sent.background_lag.max(lag);
        }
        while quotes < due {
            feed.publish(&Event::Quote(walk.next()));
            quotes += 1;
        }
        while awaited < schedule.due_by(now) {
            let due = schedule.due(awaited);
            feed.publish(&(drive.next)(drive.first + awaited, Micros(due)));
            sent.lags.push(clock.now() - due);
            awaited += 1;
        }
        to_next_step(clock.started);
    }
    feed.flush();
    sent.background_unsent = background.count - quotes;
    sent
}

/// Sleeping to the next step, not for a step, keeps the pace under load.
fn to_next_step(started: Instant) {
    let elapsed = started.elapsed();
    let deadline = STEP * (elapsed.as_micros() / STEP.as_micros() + 1) as u32;
    std::thread::sleep(deadline.saturating_sub(elapsed));
}
