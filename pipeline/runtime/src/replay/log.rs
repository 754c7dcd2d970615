//! A replay from the topics themselves.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;
use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, Names, OwnedMessage, Position};
use tapeline_model::records::{Journal, Snapshot};
use tapeline_processors::Processor;
use tapeline_schemas::codec::{self, DecodeError};
use tapeline_schemas::topics::Topic;

use super::{Difference, Inputs, Recorded, Replay};
use crate::changelog;
use crate::task::TaskError;

/// The longest that reading one of the task's own topics may take.
const READ_WITHIN: Duration = Duration::from_secs(3600);
/// The longest wait for an input that the journal says is there.
const INPUT_WITHIN: Duration = Duration::from_secs(30);
const BATCH: usize = 4096;
/// More differences than this are only counted.
const MOST_DIFFERENCES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error("{topic}[{partition}] holds a record that cannot be read: {source}")]
    Decode {
        topic: String,
        partition: u32,
        source: DecodeError,
    },
    #[error(
        "the journal {topic}[{partition}] begins with transaction {first} and no snapshot lies before {wanted}; \
         begin later, or keep journal and snapshots longer"
    )]
    NoStart {
        topic: String,
        partition: u32,
        first: i64,
        wanted: i64,
    },
}

/// Which transactions of a task to do again, both ends included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// What came of one task's replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub task: u32,
    /// The first and the last transaction done again; 0 for none.
    pub from: i64,
    pub to: i64,
    pub transactions: u64,
    pub differences: u64,
    /// The first of them.
    pub shown: Vec<Difference>,
}

/// Replays one task of a processor from its nearest starting point; every output
/// is handed to `output` as well.
pub fn replay(
    kafka: &KafkaSettings,
    processor: Box<dyn Processor>,
    task: u32,
    range: Range,
    mut output: impl FnMut(Topic, &[u8]),
) -> Result<Report, ReplayError> {
    let names = kafka.names();
    let (journal, snapshots) = (
        names.journal(processor.name()),
        names.snapshots(processor.name()),
    );
    let history = History::open(kafka, task, journal, snapshots)?;
    let mut report = Report {
        task,
        ..Report::default()
    };
    let Some(first) = history.first_transaction()? else {
        return Ok(report);
    };
    let start = history.start(first, range.from)?;
    let mut replay = history.restore(processor, start)?;
    let mut inputs = TopicInputs::new(kafka);
    history.each_transaction(|journal| {
        if journal.transaction <= start || range.to.is_some_and(|to| journal.transaction > to) {
            return Ok(());
        }
        let found = replay.apply::<_, ReplayError>(&journal, &mut inputs, &mut output)?;
        note(&mut report, journal.transaction, found);
        Ok(())
    })?;
    Ok(report)
}

fn note(report: &mut Report, transaction: i64, found: Option<Difference>) {
    if report.transactions == 0 {
        report.from = transaction;
    }
    report.to = transaction;
    report.transactions += 1;
    if let Some(difference) = found {
        report.differences += 1;
        if report.shown.len() < MOST_DIFFERENCES {
            report.shown.push(difference);
        }
    }
}

/// One task's journal and snapshots.
struct History {
    kafka: KafkaSettings,
    task: u32,
    journal: String,
    snapshots: String,
    /// Transactions with a complete snapshot.
    complete: Vec<i64>,
}

impl History {
    fn open(
        kafka: &KafkaSettings,
        task: u32,
        journal: String,
        snapshots: String,
    ) -> Result<Self, ReplayError> {
        let mut history = Self {
            kafka: kafka.clone(),
            task,
            journal,
            snapshots,
            complete: Vec::new(),
        };
        let mut complete = Vec::new();
        history.each_snapshot_entry(|_, key, value| {
            if key == changelog::SNAPSHOT_END {
                let end: Snapshot = history.decode(&history.snapshots, value)?;
                complete.push(end.transaction);
            }
            Ok(())
        })?;
        history.complete = complete;
        Ok(history)
    }

    fn reader(&self) -> Result<BatchReader, KafkaError> {
        BatchReader::new(&self.kafka, &self.kafka.names().group("replay"))
    }

    fn each_snapshot_entry(
        &self,
        mut each: impl FnMut(i64, &[u8], &[u8]) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let partition = self.task as i32;
        self.reader()?
            .read_to_end(&self.snapshots, partition, None, READ_WITHIN, |message| {
                let parsed = changelog::parse_snapshot_key(message.key.unwrap_or_default());
                match (parsed, message.value) {
                    (Some((transaction, key)), Some(value)) => each(transaction, key, value),
                    _ => Ok(()),
                }
            })?;
        Ok(())
    }

    fn each_transaction(
        &self,
        mut each: impl FnMut(Journal) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let partition = self.task as i32;
        self.reader()?
            .read_to_end(&self.journal, partition, None, READ_WITHIN, |message| {
                each(self.decode(&self.journal, message.value.unwrap_or_default())?)
            })?;
        Ok(())
    }

    fn first_transaction(&self) -> Result<Option<i64>, ReplayError> {
        let mut reader = self.reader()?;
        let partition = self.task as i32;
        let (low, end) = reader.range(&self.journal, partition)?;
        reader.assign(&[Position::new(&*self.journal, partition, low)])?;
        let deadline = Instant::now() + INPUT_WITHIN;
        while low < end && Instant::now() < deadline {
            let batch = reader.fetch(1, Duration::from_millis(100))?;
            if let Some(message) = batch.messages().next() {
                let journal: Journal =
                    self.decode(&self.journal, message.value.unwrap_or_default())?;
                return Ok(Some(journal.transaction));
            }
            if batch.eofs().next().is_some() {
                break;
            }
        }
        Ok(None)
    }

    /// The transaction after which the replay begins.
    fn start(&self, first: i64, from: Option<i64>) -> Result<i64, ReplayError> {
        // Whatever comes before the journal's first record cannot be done again.
        let usable = self.complete.iter().copied().filter(|t| *t >= first - 1);
        let found = match from {
            Some(from) => usable.filter(|t| *t < from).max(),
            None => usable.min(),
        };
        match (found, first) {
            (_, 1) if from.is_none() => Ok(0),
            (Some(transaction), _) => Ok(transaction),
            (None, 1) => Ok(0),
            (None, first) => Err(ReplayError::NoStart {
                topic: self.journal.clone(),
                partition: self.task,
                first,
                wanted: from.unwrap_or(first),
            }),
        }
    }

    fn restore(&self, processor: Box<dyn Processor>, start: i64) -> Result<Replay, ReplayError> {
        let mut entries = Vec::new();
        if start > 0 {
            self.each_snapshot_entry(|transaction, key, value| {
                if transaction == start && key != changelog::SNAPSHOT_END {
                    entries.push((key.to_vec(), value.to_vec()));
                }
                Ok(())
            })?;
        }
        Ok(Replay::begin(processor, start, |task| {
            entries
                .iter()
                .try_for_each(|(key, value)| task.restore(key, Some(value)))
        })?)
    }

    fn decode<'b, T>(&self, topic: &str, value: &'b [u8]) -> Result<T, ReplayError>
    where
        T: serde::Deserialize<'b> + codec::Record,
    {
        codec::decode(value).map_err(|source| ReplayError::Decode {
            topic: topic.to_owned(),
            partition: self.task,
            source,
        })
    }
}

/// Input topics, each partition read on from where the last step ended.
struct TopicInputs {
    kafka: KafkaSettings,
    names: Names,
    cursors: BTreeMap<(Topic, u32), Cursor>,
}

struct Cursor {
    reader: BatchReader,
    fetched: VecDeque<OwnedMessage>,
}

impl TopicInputs {
    fn new(kafka: &KafkaSettings) -> Self {
        Self {
            names: kafka.names(),
            kafka: kafka.clone(),
            cursors: BTreeMap::new(),
        }
    }

    fn cursor(
        &mut self,
        topic: Topic,
        partition: u32,
        first: u64,
    ) -> Result<&mut Cursor, KafkaError> {
        use std::collections::btree_map::Entry;
        match self.cursors.entry((topic, partition)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let mut reader = BatchReader::new(&self.kafka, &self.names.group("replay"))?;
                let name = self.names.topic(topic);
                reader.assign(&[Position::new(name, partition as i32, first as i64)])?;
                let fetched = VecDeque::new();
                Ok(entry.insert(Cursor { reader, fetched }))
            }
        }
    }
}

impl Inputs for TopicInputs {
    type Error = KafkaError;

    fn read(
        &mut self,
        topic: Topic,
        partition: u32,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(Recorded<'_>),
    ) -> Result<(), KafkaError> {
        let cursor = self.cursor(topic, partition, first)?;
        let deadline = Instant::now() + INPUT_WITHIN;
        loop {
            while let Some(message) = cursor.fetched.front() {
                let offset = message.offset as u64;
                if offset > last {
                    return Ok(());
                }
                if offset >= first {
                    each(Recorded {
                        offset,
                        key: message.key.as_deref(),
                        value: message.value.as_deref(),
                    });
                }
                cursor.fetched.pop_front();
                if offset == last {
                    return Ok(());
                }
            }
            let batch = cursor.reader.fetch(BATCH, Duration::from_millis(100))?;
            cursor
                .fetched
                .extend(batch.messages().map(|m| OwnedMessage::from(&m)));
            let ended = batch.eofs().next().is_some();
            if cursor.fetched.is_empty() && (ended || Instant::now() > deadline) {
                // What is missing shows as too few records.
                return Ok(());
            }
        }
    }
}
