//! Completes the last transaction of a task if the brokers committed it only in part.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics::counter;
use tapeline_kafka::{BatchReader, KafkaError, Names, OwnedMessage, Position, Span, TaskProducer};
use tapeline_model::ids::output_id;
use tapeline_model::records::{Alert, Journal, Severity};
use tapeline_model::{Event, Micros};
use tapeline_schemas::codec;
use tapeline_schemas::topics::Topic;

use crate::changelog;
use crate::clock;
use crate::continuity::last_record;
use crate::error::{ChangelogDamage, WorkerError};
use crate::job::Job;
use crate::metric_names as names;
use crate::partial_commit::{RecordKind, Verdict, WrittenRecord, judge};
use crate::task::{Task, TaskError};

const READ_WITHIN: Duration = Duration::from_secs(60);
/// The task's own partitions: changelog, journal, snapshots.
const OWN: usize = 3;
/// Clocks of other producers may be so far ahead.
const SKEW_MS: i64 = 60_000;

/// The former owners are fenced by now: whatever they wrote is committed or aborted.
/// Returns the time of their last transaction.
pub(crate) fn repair_partial_commit(
    job: &Job,
    task: &Task,
    producer: &TaskProducer,
    reader: &mut BatchReader,
) -> Result<Micros, WorkerError> {
    #[cfg(feature = "planted-faults")]
    if crate::planted::is_broken() {
        return Ok(Micros::default());
    }
    let names = job.kafka.names();
    let processor = task.processor();
    let partitions = TaskPartitions::of(job, &names, task);
    let mut uncommitted_reader =
        BatchReader::read_uncommitted(&job.kafka, &names.group(processor))?;
    let mut last = BTreeMap::new();
    for (topic, partition) in &partitions.all[..OWN] {
        last.insert(
            topic,
            last_record(&mut uncommitted_reader, topic, *partition)?,
        );
    }
    let times = last.values().flatten().filter_map(|m| m.timestamp_ms);
    let sealed = Micros::default().plus_millis(times.max().unwrap_or_default());
    let Some(Some(last)) = last.get(&partitions.journal) else {
        return Ok(sealed);
    };
    let journal: Journal =
        codec::decode(last.value.as_deref().unwrap_or_default()).map_err(TaskError::Journal)?;
    let found = find_records(job, &partitions, &journal, &mut uncommitted_reader)?;
    let written = mark_committed(job, found, reader)?;
    match judge(&journal, written) {
        Verdict::Complete => Ok(sealed),
        Verdict::Partial(missing) => {
            write_missing(job, processor, producer, &journal, &missing)?;
            Ok(sealed)
        }
        Verdict::Lost { written, outputs } => Err(WorkerError::ChangelogDamaged {
            changelog: names.changelog(processor),
            partition: job.partition,
            damage: ChangelogDamage::PartialCommit {
                transaction: journal.transaction,
                written,
                outputs,
            },
        }),
    }
}

/// Every partition that a transaction of the task can write to, its own first.
struct TaskPartitions {
    processor: &'static str,
    changelog: String,
    journal: String,
    outputs: BTreeMap<String, Topic>,
    all: Vec<(String, i32)>,
}

impl TaskPartitions {
    fn of(job: &Job, names: &Names, task: &Task) -> Self {
        let processor = task.processor();
        let (changelog, journal) = (names.changelog(processor), names.journal(processor));
        let own = [&changelog, &journal, &names.snapshots(processor)];
        let own = own.map(|topic| (topic.clone(), job.partition as i32));
        let mut all = own.to_vec();
        let mut outputs = BTreeMap::new();
        for topic in task.outputs() {
            let name = names.topic(topic);
            let count = job.kafka.partitions(topic.spec().group) as i32;
            all.extend((0..count).map(|partition| (name.to_owned(), partition)));
            outputs.insert(name.to_owned(), topic);
        }
        Self {
            processor,
            changelog,
            journal,
            outputs,
            all,
        }
    }

    /// Which part of the transaction a record with its time is; none if it belongs to another.
    fn kind(&self, message: &OwnedMessage, journal: &Journal) -> Option<RecordKind> {
        let topic = message.topic.as_str();
        if let Some(topic) = self.outputs.get(topic) {
            let event = Event::decode(*topic, message.value.as_deref()).ok()?;
            let own = event.source() == self.processor && event.ingest_time() == journal.sealed_at;
            return own.then_some(RecordKind::Output);
        }
        let key = message.key.as_deref().unwrap_or_default();
        Some(if topic == self.journal {
            RecordKind::Journal
        } else if topic != self.changelog {
            RecordKind::Snapshot
        } else if key == changelog::PROGRESS {
            RecordKind::Progress
        } else {
            RecordKind::State
        })
    }
}

/// The records of the transaction, committed or not: all carry its time.
fn find_records(
    job: &Job,
    partitions: &TaskPartitions,
    journal: &Journal,
    uncommitted_reader: &mut BatchReader,
) -> Result<Vec<(RecordKind, OwnedMessage)>, WorkerError> {
    let time = journal.sealed_at.millis();
    let patience = job.kafka.transaction_timeout.as_millis() as i64 + SKEW_MS;
    let from = uncommitted_reader.since(&partitions.all, time)?;
    let later = uncommitted_reader.since(&partitions.all, time + patience)?;
    let mut spans = Vec::new();
    for from in from {
        let (topic, partition) = (&from.topic, from.partition);
        let mut ends = later.iter();
        let end = match ends.find(|p| p.topic == *topic && p.partition == partition) {
            Some(later) => later.offset,
            None => uncommitted_reader.range(topic, partition)?.1,
        };
        spans.push(Span { from, end });
    }
    let mut found = Vec::new();
    uncommitted_reader.read_spans(&spans, READ_WITHIN, |message| {
        if message.timestamp_ms == Some(time) {
            let message = OwnedMessage::from(message);
            let kind = partitions.kind(&message, journal);
            found.extend(kind.map(|kind| (kind, message)));
        }
        Ok::<(), WorkerError>(())
    })?;
    Ok(found)
}

/// Which of these records are committed. Waits until the transactions of others
/// before them have ended.
fn mark_committed(
    job: &Job,
    found: Vec<(RecordKind, OwnedMessage)>,
    reader: &mut BatchReader,
) -> Result<Vec<WrittenRecord>, WorkerError> {
    let mut spans: BTreeMap<(String, i32), Span> = BTreeMap::new();
    for (_, message) in &found {
        let place = (message.topic.clone(), message.partition);
        let from = Position::new(message.topic.as_str(), message.partition, message.offset);
        let end = message.offset + 1;
        spans.entry(place).or_insert(Span { from, end }).end = end;
    }
    let spans: Vec<Span> = spans.into_values().collect();
    let within = job.kafka.transaction_timeout + job.kafka.request_timeout;
    let mut committed = BTreeSet::new();
    reader.read_spans(&spans, within, |message| {
        committed.insert((
            message.topic.name.to_owned(),
            message.partition,
            message.offset,
        ));
        Ok::<(), KafkaError>(())
    })?;
    let written = found.into_iter().map(|(kind, message)| {
        let place = (message.topic, message.partition, message.offset);
        WrittenRecord {
            kind,
            committed: committed.contains(&place),
            topic: place.0,
            partition: place.1,
            key: message.key.unwrap_or_default(),
            value: message.value,
            headers: message.headers,
        }
    });
    Ok(written.collect())
}

/// With their original time, so that the next owner finds them as part of the transaction.
fn write_missing(
    job: &Job,
    processor: &'static str,
    producer: &TaskProducer,
    journal: &Journal,
    missing: &[WrittenRecord],
) -> Result<(), WorkerError> {
    let time = Some(journal.sealed_at.millis());
    let alert = alert(processor, job.partition, journal, missing);
    tracing::error!(processor, task = job.partition, "{}", alert.message);
    let alert = Event::Alert(alert);
    producer.begin()?;
    for record in missing {
        let (partition, value) = (Some(record.partition), record.value.as_deref());
        let headers = record.headers.iter();
        let headers: Vec<(&str, &[u8])> = headers
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        producer.send(&record.topic, partition, &record.key, value, &headers, time)?;
    }
    let mut value = Vec::new();
    alert.encode(&mut value).map_err(TaskError::from)?;
    let names = job.kafka.names();
    let (topic, key) = (names.topic(Topic::Alerts), alert.key().as_bytes());
    producer.send(topic, None, key, Some(&value), &[], None)?;
    producer.commit()?;
    counter!(names::PARTIAL_COMMITS, "processor" => processor).increment(1);
    Ok(())
}

fn alert(processor: &str, task: u32, journal: &Journal, missing: &[WrittenRecord]) -> Alert {
    let transaction = journal.transaction;
    let topics: BTreeSet<&str> = missing.iter().map(|r| r.topic.as_str()).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let source = tapeline_schemas::topics::journal(processor);
    let count = missing.len();
    Alert {
        alert_id: output_id(
            &source,
            task,
            transaction as u64,
            "alert/torn_transaction",
            0,
        ),
        key: format!("{processor}/{task}/torn_transaction"),
        subject: processor.to_owned(),
        rule: "torn_transaction".to_owned(),
        severity: Severity::Warning,
        message: format!(
            "the brokers committed transaction {transaction} of task {task} of {processor} on some partitions \
             and aborted it on others; its {count} missing records ({}) were written again: nothing is lost or \
             doubled. It happens when a broker is killed during a commit and is back at once; give brokers a \
             restart delay beyond their broker.session.timeout.ms",
            topics.join(", ")
        ),
        value: None,
        limit: None,
        procedure: "torn-transaction".to_owned(),
        cause_topic: source,
        cause_partition: task as i32,
        cause_offset: transaction,
        event_time: journal.sealed_at,
        ingest_time: clock::wall(),
        source: processor.to_owned(),
    }
}
