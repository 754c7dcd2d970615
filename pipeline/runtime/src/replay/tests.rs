//! A task writes a journal; replays of it, over inputs as they were and over
//! inputs that somebody touched.

use std::collections::BTreeMap;
use std::convert::Infallible;

use tapeline_model::records::Quote;
use tapeline_model::{Event, Micros};
use tapeline_processors::market::Market;

use super::*;
use crate::changelog;

type Bytes = Vec<u8>;

/// Topics in memory.
#[derive(Clone, Default)]
pub(super) struct Memory(pub BTreeMap<u64, Bytes>);

impl Inputs for Memory {
    type Error = Infallible;

    fn read(
        &mut self,
        _: Topic,
        _: u32,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(RecordedInput<'_>),
    ) -> Result<(), Infallible> {
        for (offset, value) in self.0.range(first..=last) {
            let (offset, value) = (*offset, Some(value.as_slice()));
            each(RecordedInput {
                offset,
                key: None,
                value,
            });
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Failed;

impl From<Infallible> for Failed {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<TaskError> for Failed {
    fn from(error: TaskError) -> Self {
        panic!("{error}")
    }
}

fn quote(n: u64) -> Bytes {
    let mut bytes = Vec::new();
    let cents = 1000 + (n * 7919) % 100;
    Event::Quote(Quote {
        symbol: format!("S{}", n % 5).into(),
        venue: "XNAS".into(),
        seq: n as i64,
        bid_price: format!("{cents}").parse().unwrap(),
        ask_price: format!("{}", cents + 1).parse().unwrap(),
        bid_size: "1".parse().unwrap(),
        ask_size: "1".parse().unwrap(),
        event_time: Micros(n as i64),
        ingest_time: Micros(n as i64),
        source: "test".into(),
    })
    .encode(&mut bytes)
    .unwrap();
    bytes
}

/// What a run of the task leaves behind.
pub(super) struct Recording {
    pub inputs: Memory,
    pub journal: Vec<Journal>,
    /// By transaction: the entries of its snapshot.
    pub snapshots: BTreeMap<i64, Vec<(Bytes, Bytes)>>,
}

pub(super) fn record(transactions: u64, each: u64, snapshot_every: i64) -> Recording {
    let mut recording = Recording {
        inputs: Memory::default(),
        journal: Vec::new(),
        snapshots: BTreeMap::new(),
    };
    let policy = SnapshotPolicy {
        transactions: snapshot_every,
        daily: false,
    };
    let mut task = Task::new(Box::new(Market::default()), policy);
    for transaction in 0..transactions {
        for n in transaction * each..(transaction + 1) * each {
            // Every third offset is a marker: not there to be read. One record is garbage.
            let offset = n + n / 2;
            let value = if n == 7 {
                b"garbage".to_vec()
            } else {
                quote(n)
            };
            let origin = Origin {
                topic: Topic::MarketQuotes,
                partition: 0,
                offset,
            };
            let record = InputRecord {
                key: None,
                value: Some(&value),
            };
            let _refused = task.process(origin, record, Micros(100 + (n / 4) as i64));
            recording.inputs.0.insert(offset, value);
        }
        let snapshots = &mut recording.snapshots;
        let sealed = task.seal(Micros(1000 + transaction as i64), |write| {
            if let Write::Snapshot { key, value } = write {
                let (transaction, key) = changelog::parse_snapshot_key(key).unwrap();
                if key != changelog::SNAPSHOT_END {
                    snapshots
                        .entry(transaction)
                        .or_default()
                        .push((key.to_vec(), value.to_vec()));
                }
            }
            Ok::<(), TaskError>(())
        });
        recording.journal.push(sealed.unwrap());
    }
    recording
}

fn begin(recording: &Recording, after: i64) -> Replay {
    let none = Vec::new();
    let entries = recording.snapshots.get(&after).unwrap_or(&none);
    Replay::begin(Box::new(Market::default()), after, |task| {
        entries
            .iter()
            .try_for_each(|(key, value)| task.restore(key, Some(value)))
    })
    .unwrap()
}

/// The transactions that differ.
fn differences(recording: &Recording, inputs: &Memory, after: i64) -> Vec<(i64, String)> {
    let mut replay = begin(recording, after);
    let mut inputs = inputs.clone();
    recording.journal[after as usize..]
        .iter()
        .filter_map(|journal| {
            replay
                .apply::<_, Failed>(journal, &mut inputs, |_, _| {})
                .unwrap()
        })
        .map(|difference| (difference.transaction, difference.what))
        .collect()
}

#[test]
fn what_was_recorded_comes_out_again_bit_for_bit() {
    let recording = record(12, 10, 5);
    assert_eq!(differences(&recording, &recording.inputs, 0), []);
    assert!(recording.journal.iter().all(|j| j.outputs > 0));
}

#[test]
fn a_replay_may_begin_at_any_snapshot() {
    let recording = record(12, 10, 5);
    assert_eq!(
        recording.snapshots.keys().copied().collect::<Vec<_>>(),
        [5, 10]
    );
    for after in [5, 10] {
        assert_eq!(differences(&recording, &recording.inputs, after), []);
    }
}

#[test]
fn one_changed_byte_of_an_input_shows_where() {
    let recording = record(6, 10, 100);
    let mut touched = recording.inputs.clone();
    let value = touched.0.get_mut(&45).unwrap();
    let at = value.iter().position(|b| *b == b'S').unwrap();
    value[at + 1] = b'9';
    let found = differences(&recording, &touched, 0);
    // Offset 45 is the 31st record, read in the fourth transaction.
    assert_eq!(found[0].0, 4, "{found:?}");
    assert!(found.iter().all(|(transaction, _)| *transaction >= 4));
}

#[test]
fn a_missing_input_and_a_missing_transaction_are_told() {
    let mut recording = record(3, 10, 100);
    let mut gap = recording.inputs.clone();
    gap.0.remove(&15);
    let found = differences(&recording, &gap, 0);
    assert!(
        found[0].1.contains("market.quotes/0") && found[0].1.contains(" of "),
        "{found:?}"
    );
    recording.journal.remove(1);
    let found = differences(&recording, &recording.inputs, 0);
    assert_eq!(
        found[0],
        (3, "transaction 2 is missing in the journal".to_owned())
    );
}

#[test]
fn a_state_that_differs_is_found_at_the_next_snapshot() {
    let mut recording = record(6, 10, 3);
    recording.journal[2].state_hash = Some(vec![0; 32]);
    let found = differences(&recording, &recording.inputs, 0);
    assert_eq!(
        found,
        [(3, "the outputs are the same, the state is not".to_owned())]
    );
}
