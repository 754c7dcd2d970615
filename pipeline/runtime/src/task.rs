//! One task, without any I/O: what it has read, what it will write, its state.

use std::collections::{BTreeMap, BTreeSet};

use tapeline_kafka::{MAX_DEAD_LETTER_BYTES, truncate};
use tapeline_model::ids::output_id;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{
    Alert, DeadLetter, InputOffset, Journal, Progress, Severity, Snapshot,
};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::{CommitUrgency, Input, LOGIC, Out, Processor, StateError};
use tapeline_schemas::codec::{self, EncodeError};
use tapeline_schemas::topics::Topic;

use crate::changelog::{self, Entry};
use crate::journal::{Fingerprint, Steps};

#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error(
        "the changelog holds a key this release does not know ({len} bytes, store {store:?}): was it written by a newer one?"
    )]
    UnknownKey { store: String, len: usize },
    #[error("the progress record cannot be read: {0}")]
    Progress(codec::DecodeError),
    #[error("the journal's last record cannot be read: {0}")]
    Journal(codec::DecodeError),
    #[error("the progress record names {0:?}, which is no topic of this release")]
    UnknownTopic(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A record of an input, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct InputRecord<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// One record of a transaction. All but outputs go to the task's own partition.
#[derive(Debug)]
pub enum Write<'a> {
    Output {
        topic: Topic,
        key: &'a str,
        value: &'a [u8],
        /// Whom it answers: a header, so that nobody has to decode what others asked for.
        request_id: Option<&'a str>,
    },
    /// To the changelog.
    State {
        key: &'a [u8],
        value: Option<&'a [u8]>,
    },
    Journal {
        key: &'a [u8],
        value: &'a [u8],
    },
    Snapshot {
        key: &'a [u8],
        value: &'a [u8],
    },
}

const MICROS_A_DAY: i64 = 86_400_000_000;

/// How often a full state is written, to replay from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// Every so many transactions.
    pub transactions: i64,
    /// Also with the first transaction of each day (UTC).
    pub daily: bool,
}

impl SnapshotPolicy {
    pub const NEVER: Self = Self {
        transactions: i64::MAX,
        daily: false,
    };

    fn is_due(&self, transaction: i64, last: Micros, now: Micros) -> bool {
        let day = |time: Micros| time.0.div_euclid(MICROS_A_DAY);
        transaction % self.transactions == 0 || (self.daily && day(last) < day(now))
    }
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self {
            transactions: 10_000,
            daily: true,
        }
    }
}

pub struct Task {
    processor: Box<dyn Processor>,
    out: Out,
    /// The next offset of each input partition.
    next: BTreeMap<(Topic, u32), u64>,
    transactions: i64,
    /// Records read since the last commit.
    pending_records: usize,
    steps: Steps,
    snapshots: SnapshotPolicy,
    /// Of the last snapshot, or of the first commit as long as there is none.
    snapshot_at: Option<Micros>,
    /// Which sources decided in the last transaction.
    logic: String,
}

impl Task {
    pub fn new(processor: Box<dyn Processor>, snapshots: SnapshotPolicy) -> Self {
        Self {
            processor,
            out: Out::default(),
            next: BTreeMap::new(),
            transactions: 0,
            pending_records: 0,
            steps: Steps::default(),
            snapshots,
            snapshot_at: None,
            logic: LOGIC.to_owned(),
        }
    }

    /// The name of its processor.
    pub fn processor(&self) -> &'static str {
        self.processor.name()
    }

    pub fn inputs(&self) -> &'static [Input] {
        self.processor.inputs()
    }

    /// Where its records go, dead letters and alerts about them included.
    pub(crate) fn outputs(&self) -> BTreeSet<Topic> {
        let own = self.processor.outputs().iter().copied();
        own.chain([Topic::DeadLetters, Topic::Alerts]).collect()
    }

    pub fn commit_urgency(&self) -> CommitUrgency {
        self.processor.commit_urgency()
    }

    /// Applies one record of the changelog.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), TaskError> {
        match changelog::parse_key(key) {
            Some(Entry::Progress) => self.restore_progress(value.unwrap_or_default()),
            Some(Entry::State { store, key }) => {
                for candidate in self.processor.stores() {
                    if candidate.name().as_bytes() == store {
                        return Ok(candidate.restore(key, value)?);
                    }
                }
                Err(unknown_key(store, key.len()))
            }
            None => Err(unknown_key(&[], key.len())),
        }
    }

    fn restore_progress(&mut self, value: &[u8]) -> Result<(), TaskError> {
        let progress: Progress = codec::decode(value).map_err(TaskError::Progress)?;
        self.transactions = progress.transactions;
        self.snapshot_at = progress.snapshot_at;
        self.logic = progress.logic;
        self.next.clear();
        for input in progress.inputs {
            let Some(topic) = Topic::from_name(&input.topic) else {
                return Err(TaskError::UnknownTopic(input.topic));
            };
            let partition = (topic, input.partition as u32);
            self.next.insert(partition, input.next_offset as u64);
        }
        Ok(())
    }

    /// Goes on after this transaction, with a state that came from a snapshot.
    pub(crate) fn continue_after(&mut self, transaction: i64) {
        self.transactions = transaction;
    }

    /// The changelog is read to its end.
    pub fn restored(&mut self) -> Result<(), TaskError> {
        Ok(self.processor.restored()?)
    }

    pub fn next_offset(&self, topic: Topic, partition: u32) -> Option<u64> {
        self.next.get(&(topic, partition)).copied()
    }

    pub fn progress(&self) -> impl Iterator<Item = (Topic, u32, u64)> {
        self.next
            .iter()
            .map(|((topic, partition), next)| (*topic, *partition, *next))
    }

    /// Processes one record; a refused one goes to the dead letters. Returns its
    /// event time, or why it was refused.
    pub fn process(
        &mut self,
        origin: Origin,
        record: InputRecord<'_>,
        now: Micros,
    ) -> Result<Micros, Refusal> {
        let next = self
            .next
            .entry((origin.topic, origin.partition))
            .or_default();
        *next = (origin.offset + 1).max(*next);
        self.pending_records += 1;
        self.steps.read(origin, now);
        let result = Event::decode(origin.topic, record.value).and_then(|event| {
            self.processor.process(origin, &event, now, &mut self.out)?;
            Ok(event.event_time())
        });
        if let Err(refusal) = &result {
            let letter = dead_letter(self.processor.name(), origin, record, refusal, now);
            self.out.emit(Event::DeadLetter(letter));
        }
        result
    }

    /// Puts a record aside that the processor cannot be given: to the dead
    /// letters, with an alert.
    pub fn park(&mut self, origin: Origin, record: InputRecord<'_>, now: Micros) {
        let next = self
            .next
            .entry((origin.topic, origin.partition))
            .or_default();
        *next = (origin.offset + 1).max(*next);
        self.pending_records += 1;
        self.steps.park(origin, now);
        let name = self.processor.name();
        let message = format!(
            "processor {name} panicked again and again on {}/{} offset {}: the record is parked; \
             look at the log, and send it again with `tapeline deadletters replay` once that is mended",
            origin.topic, origin.partition, origin.offset
        );
        let refusal = Refusal::new(Reason::Panicked, message);
        let letter = dead_letter(name, origin, record, &refusal, now);
        let alert = parked_alert(&letter, now);
        self.out.emit(Event::DeadLetter(letter));
        self.out.emit(Event::Alert(alert));
    }

    /// Ticks the processor if the time it asked for has come.
    pub fn tick(&mut self, now: Micros) {
        if self.processor.wake_at().is_some_and(|wanted| wanted <= now) {
            self.steps.tick(now);
            self.processor.tick(now, &mut self.out);
        }
    }

    /// The time the processor asked for.
    pub fn wake_at(&self) -> Option<Micros> {
        self.processor.wake_at()
    }

    /// Does a journaled tick again.
    pub(crate) fn replay_tick(&mut self, now: Micros) {
        self.steps.tick(now);
        self.processor.tick(now, &mut self.out);
    }

    pub fn transactions(&self) -> i64 {
        self.transactions
    }

    pub fn pending_records(&self) -> usize {
        self.pending_records
    }

    pub fn is_urgent(&self) -> bool {
        self.out.is_urgent()
    }

    /// There is something to commit.
    pub fn is_dirty(&self) -> bool {
        !self.steps.is_empty() || !self.out.is_empty()
    }

    pub fn state_entries(&mut self) -> usize {
        self.processor
            .stores()
            .iter()
            .map(|store| store.len())
            .sum()
    }

    /// Hands over everything the transaction holds: outputs, changed state, the
    /// journal, now and then a snapshot, and the progress last.
    pub fn seal<E: From<TaskError>>(
        &mut self,
        now: Micros,
        mut write: impl FnMut(Write<'_>) -> Result<(), E>,
    ) -> Result<Journal, E> {
        self.processor.before_commit(now, &mut self.out);
        self.transactions += 1;
        let outputs = self.seal_outputs(now, &mut write)?;
        self.seal_state(&mut write)?;
        let mut journal = self.steps.seal(self.transactions, now, outputs);
        let last = *self.snapshot_at.get_or_insert(now);
        // What another release left may not come out of a replay with this one.
        let took_over = self.snapshots != SnapshotPolicy::NEVER && self.logic != LOGIC;
        if took_over || self.snapshots.is_due(self.transactions, last, now) {
            self.snapshot_at = Some(now);
            LOGIC.clone_into(&mut self.logic);
            journal.state_hash = Some(self.write_snapshot(&mut write)?);
        }
        let mut value = Vec::with_capacity(256);
        codec::encode(&journal, &mut value).map_err(TaskError::from)?;
        write(Write::Journal {
            key: &self.transactions.to_be_bytes(),
            value: &value,
        })?;
        codec::encode(&self.progress_record(), &mut value).map_err(TaskError::from)?;
        write(Write::State {
            key: changelog::PROGRESS,
            value: Some(&value),
        })?;
        self.pending_records = 0;
        Ok(journal)
    }

    fn seal_outputs<E: From<TaskError>>(
        &mut self,
        now: Micros,
        write: &mut impl FnMut(Write<'_>) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        let mut fingerprint = Fingerprint::default();
        let mut value = Vec::with_capacity(256);
        for mut event in self.out.drain() {
            event.set_ingest_time(now);
            event.encode(&mut value).map_err(TaskError::from)?;
            let topic = event.topic();
            let key = event.key();
            fingerprint.add(&[topic.name().as_bytes(), key.as_bytes(), &value]);
            write(Write::Output {
                topic,
                key,
                value: &value,
                request_id: event.request_id(),
            })?;
        }
        Ok(fingerprint)
    }

    /// Every entry under the transaction's number, then the record that closes
    /// the snapshot. Returns the hash of the state.
    fn write_snapshot<E: From<TaskError>>(
        &mut self,
        write: &mut impl FnMut(Write<'_>) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut result = Ok(());
        let transaction = self.transactions;
        let fingerprint = self.dump(|key, value| {
            if result.is_ok() {
                let key = &changelog::snapshot_key(transaction, key);
                result = write(Write::Snapshot { key, value });
            }
        })?;
        result?;
        let snapshot = Snapshot {
            transaction,
            entries: fingerprint.count().into(),
            state_hash: fingerprint.finish(),
        };
        let mut value = Vec::new();
        codec::encode(&snapshot, &mut value).map_err(TaskError::from)?;
        write(Write::Snapshot {
            key: &changelog::snapshot_key(transaction, changelog::SNAPSHOT_END),
            value: &value,
        })?;
        Ok(snapshot.state_hash)
    }

    /// Hands over the whole state, as the changelog would hold it.
    fn dump(&mut self, mut each: impl FnMut(&[u8], &[u8])) -> Result<Fingerprint, TaskError> {
        let mut fingerprint = Fingerprint::default();
        let mut full_key = Vec::new();
        for store in self.processor.stores() {
            let name = store.name();
            store.dump(&mut |key, value| {
                changelog::state_key(name, key, &mut full_key);
                fingerprint.add(&[&full_key, value]);
                each(&full_key, value);
            })?;
        }
        Ok(fingerprint)
    }

    /// Of the whole state; the journal holds it where a snapshot was taken.
    pub fn state_hash(&mut self) -> Result<Vec<u8>, TaskError> {
        Ok(self.dump(|_, _| {})?.finish())
    }

    fn seal_state<E: From<TaskError>>(
        &mut self,
        write: &mut impl FnMut(Write<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut full_key = Vec::new();
        let mut result = Ok(());
        for store in self.processor.stores() {
            let name = store.name();
            let drained = store.drain_changes(&mut |key, value| {
                if result.is_ok() {
                    changelog::state_key(name, key, &mut full_key);
                    result = write(Write::State {
                        key: &full_key,
                        value,
                    });
                }
            });
            drained.map_err(TaskError::from)?;
        }
        result
    }

    fn progress_record(&self) -> Progress {
        let inputs = self.progress().map(|(topic, partition, next)| InputOffset {
            topic: topic.name().to_owned(),
            partition: partition as i32,
            next_offset: next as i64,
        });
        Progress {
            inputs: inputs.collect(),
            transactions: self.transactions,
            snapshot_at: self.snapshot_at,
            logic: self.logic.clone(),
        }
    }
}

fn unknown_key(store: &[u8], len: usize) -> TaskError {
    TaskError::UnknownKey {
        store: String::from_utf8_lossy(store).into_owned(),
        len,
    }
}

fn parked_alert(letter: &DeadLetter, now: Micros) -> Alert {
    let origin = (letter.partition as u32, letter.offset as u64);
    Alert {
        alert_id: output_id(&letter.topic, origin.0, origin.1, "alert/parked", 0),
        key: format!("{}/parked", letter.source),
        subject: letter.source.clone(),
        rule: "parked".to_owned(),
        severity: Severity::Critical,
        message: letter.message.clone(),
        value: None,
        limit: None,
        procedure: "parked-record".to_owned(),
        cause_topic: letter.topic.clone(),
        cause_partition: letter.partition,
        cause_offset: letter.offset,
        event_time: now,
        ingest_time: now,
        source: letter.source.clone(),
    }
}

fn dead_letter(
    consumer: &str,
    origin: Origin,
    record: InputRecord<'_>,
    refusal: &Refusal,
    now: Micros,
) -> DeadLetter {
    let topic = origin.topic.name();
    let key = record
        .key
        .map(|key| truncate(key, MAX_DEAD_LETTER_BYTES / 10).kept);
    let room = MAX_DEAD_LETTER_BYTES - key.map_or(0, <[u8]>::len);
    DeadLetter {
        letter_id: output_id(topic, origin.partition, origin.offset, consumer, 0),
        topic: topic.to_owned(),
        partition: origin.partition as i32,
        offset: origin.offset as i64,
        key: key.map(<[u8]>::to_vec),
        value: record
            .value
            .map(|value| truncate(value, room).kept.to_vec()),
        reason: refusal.reason.code().to_owned(),
        message: refusal.message.clone(),
        event_time: now,
        ingest_time: now,
        source: consumer.to_owned(),
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
