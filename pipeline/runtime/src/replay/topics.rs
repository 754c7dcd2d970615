//! A replay from the topics themselves, and a recording of what one would read.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

use tapeline_kafka::{
    BatchReader, KafkaError, KafkaSettings, Message, Names, OwnedMessage, Position,
};
use tapeline_model::records::{Journal, Snapshot};
use tapeline_processors::{LOGIC, Processor};
use tapeline_schemas::codec;
use tapeline_schemas::topics::{self, Topic};

use super::recording::{Contents, Writer};
use super::takeover::Takeover;
use super::{Inputs, Range, RecordedInput, Replay, ReplayError, Report};
use crate::changelog;

/// The longest that reading one of the task's own topics may take.
const READ_WITHIN: Duration = Duration::from_secs(3600);
/// The longest wait for an input that the journal says is there.
const INPUT_WITHIN: Duration = Duration::from_secs(30);
const BATCH: usize = 4096;

/// Replays one task of a processor from its nearest starting point; every output
/// is handed to `output` as well.
pub fn replay(
    kafka: &KafkaSettings,
    processor: Box<dyn Processor>,
    task: u32,
    range: Range,
    mut output: impl FnMut(Topic, &[u8]),
) -> Result<Report, ReplayError> {
    let history = History::open(kafka, task, processor.name())?;
    let mut report = Report::new(task);
    let range = history.since_taken_over(range, &mut report)?;
    let Some(start) = history.start(range)? else {
        return Ok(report);
    };
    let mut replay = Replay::begin(processor, start, |task| {
        history.each_entry_at(start, |_, key, value| {
            match changelog::parse_snapshot_key(key) {
                Some((_, changelog::SNAPSHOT_END)) | None => Ok(()),
                Some((_, key)) => Ok(task.restore(key, Some(value))?),
            }
        })
    })?;
    let mut inputs = TopicInputs::new(kafka);
    history.each_transaction(start, range, |journal, _| {
        let found = replay.apply::<_, ReplayError>(&journal, &mut inputs, &mut output)?;
        report.done(journal.transaction, found);
        Ok(())
    })?;
    Ok(report)
}

/// Puts into a recording what a replay of this range would read.
pub fn save<W: Write>(
    kafka: &KafkaSettings,
    processor: &str,
    task: u32,
    range: Range,
    writer: &mut Writer<W>,
    mut progress: impl FnMut(&Contents),
) -> Result<(), ReplayError> {
    let (journal_topic, snapshots_topic) =
        (topics::journal(processor), topics::snapshots(processor));
    let history = History::open(kafka, task, processor)?;
    let start = history.start(range)?;
    writer.task(&journal_topic, task, start.unwrap_or_default())?;
    let Some(start) = start else {
        return Ok(());
    };
    history.each_entry_at(start, |offset, key, value| {
        let (key, value) = (Some(key), Some(value));
        let entry = RecordedInput { offset, key, value };
        Ok(writer.snapshot(&snapshots_topic, task, entry)?)
    })?;
    let mut inputs = TopicInputs::new(kafka);
    history.each_transaction(start, range, |journal, message| {
        let record = RecordedInput {
            offset: message.offset as u64,
            key: message.key,
            value: message.value,
        };
        writer.transaction(&journal_topic, task, record, &journal, &mut inputs)?;
        progress(writer.contents());
        Ok(())
    })
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
    fn open(kafka: &KafkaSettings, task: u32, processor: &str) -> Result<Self, ReplayError> {
        let names = kafka.names();
        let mut history = Self {
            kafka: kafka.clone(),
            task,
            journal: names.journal(processor),
            snapshots: names.snapshots(processor),
            complete: Vec::new(),
        };
        let mut complete = Vec::new();
        history.each_entry(|_, _, key, value| {
            if let Some((_, changelog::SNAPSHOT_END)) = changelog::parse_snapshot_key(key) {
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

    /// Every entry of every snapshot: its offset and transaction, key and value.
    fn each_entry(
        &self,
        mut each: impl FnMut(u64, i64, &[u8], &[u8]) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let partition = self.task as i32;
        self.reader()?
            .read_to_end(&self.snapshots, partition, None, READ_WITHIN, |message| {
                let key = message.key.unwrap_or_default();
                match (changelog::parse_snapshot_key(key), message.value) {
                    (Some((transaction, _)), Some(value)) => {
                        each(message.offset as u64, transaction, key, value)
                    }
                    _ => Ok(()),
                }
            })?;
        Ok(())
    }

    /// The entries of one snapshot, by their whole keys. An empty state has none.
    fn each_entry_at(
        &self,
        wanted: i64,
        mut each: impl FnMut(u64, &[u8], &[u8]) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        if wanted == 0 {
            return Ok(());
        }
        self.each_entry(|offset, transaction, key, value| {
            if transaction == wanted {
                each(offset, key, value)?;
            }
            Ok(())
        })
    }

    /// The transactions of the range behind the start, each with its record.
    fn each_transaction(
        &self,
        start: i64,
        range: Range,
        mut each: impl FnMut(Journal, &Message<'_>) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let partition = self.task as i32;
        self.reader()?
            .read_to_end(&self.journal, partition, None, READ_WITHIN, |message| {
                let value = message.value.unwrap_or_default();
                let journal: Journal = self.decode(&self.journal, value)?;
                if journal.transaction <= start || range.ends_before(journal.transaction) {
                    return Ok(());
                }
                each(journal, message)
            })?;
        Ok(())
    }

    /// Leaves out what other releases decided before this one took the task over.
    fn since_taken_over(&self, range: Range, report: &mut Report) -> Result<Range, ReplayError> {
        let mut takeover = Takeover::by(LOGIC, range);
        self.each_transaction(0, Range::default(), |journal, _| {
            takeover.observe(&journal);
            Ok(())
        })?;
        let (rest, former) = takeover.rest();
        report.former = former;
        Ok(rest)
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

    /// The transaction after which a replay of this range begins; none for an
    /// empty journal.
    fn start(&self, range: Range) -> Result<Option<i64>, ReplayError> {
        let Some(first) = self.first_transaction()? else {
            return Ok(None);
        };
        // Whatever comes before the journal's first record cannot be done again.
        let usable = self.complete.iter().copied().filter(|t| *t >= first - 1);
        let found = match range.from {
            Some(from) => usable.filter(|t| *t < from).max(),
            None => usable.min(),
        };
        match (found, first) {
            (_, 1) if range.from.is_none() => Ok(Some(0)),
            (Some(transaction), _) => Ok(Some(transaction)),
            (None, 1) => Ok(Some(0)),
            (None, first) => Err(ReplayError::NoStart {
                topic: self.journal.clone(),
                partition: self.task,
                first,
                wanted: range.from.unwrap_or(first),
            }),
        }
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
        each: &mut dyn FnMut(RecordedInput<'_>),
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
                    each(RecordedInput {
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
