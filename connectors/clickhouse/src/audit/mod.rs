//! Proves that the store holds each record once: every offset of the topics is
//! compared with every offset of the tables.

mod caught_up;
mod compare;
mod dead_letters;
mod sample;

use std::time::Duration;

use clickhouse::Row;
use metrics::gauge;
use serde::{Deserialize, Serialize};
use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings};
use tapeline_model::Fault;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use thiserror::Error;
use tokio::runtime::Handle;

pub use caught_up::wait_caught_up;
pub use compare::Tally;
use compare::Window;
use dead_letters::SinkDeadLetters;
use sample::Sample;

use crate::client::Store;
use crate::clock;
use crate::error::StoreError;
use crate::metric_names as names;
use crate::retention::Retention;

/// Offsets compared at a time: bounds the memory, whatever the topic's size.
const WINDOW: usize = 200_000;
/// The most dead letters of the sink that an audit keeps in mind.
const MAX_DEAD_LETTERS: usize = 10_000_000;

#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// One topic in place of all.
    pub only: Option<Topic>,
    /// Only what Kafka took from this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// For how long tables keep their rows, where that has an end.
    pub retention: Retention,
    /// First waits so long for the sink to reach the ends that the topics have
    /// now. Without it, what the sink has not reached yet counts as lost.
    pub wait: Option<Duration>,
    /// The longest that reading one partition may take.
    pub partition_within: Duration,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            only: None,
            since_ms: None,
            retention: Retention::default(),
            wait: Some(Duration::from_secs(60)),
            partition_within: Duration::from_secs(1800),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    pub topics: Vec<TopicAudit>,
    pub lost: u64,
    pub duplicated: u64,
    pub extra: u64,
    pub differing: u64,
}

impl AuditReport {
    /// Each record is there once, nothing else is, and what was sampled is what it should be.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.extra == 0 && self.differing == 0
    }

    /// Sets the gauges of the last audit.
    pub fn measure(&self) {
        gauge!(names::AUDIT_LOST).set(self.lost as f64);
        gauge!(names::AUDIT_DUPLICATED).set(self.duplicated as f64);
        gauge!(names::AUDIT_EXTRA).set(self.extra as f64);
        gauge!(names::AUDIT_DIFFERING).set(self.differing as f64);
        gauge!(names::AUDIT_TIME).set(clock::wall().0 as f64 / 1e6);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicAudit {
    pub topic: &'static str,
    pub table: &'static str,
    pub partitions: Vec<PartitionAudit>,
    pub kafka_records: u64,
    pub store_rows: u64,
    pub dead_lettered: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub extra: u64,
    pub expired: u64,
    pub sampled: u64,
    pub differing: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionAudit {
    pub partition: u32,
    /// The first offset compared …
    pub from: u64,
    /// … and the first that was not.
    pub to: u64,
    #[serde(flatten)]
    pub tally: Tally,
}

#[derive(Debug, Clone, Error)]
pub enum AuditError {
    #[error("the audit could not go on: {0}")]
    Store(#[from] StoreError),
    #[error("the audit could not go on: {0}")]
    Kafka(#[from] KafkaError),
    #[error(
        "the sink has not reached offset {offset} of {topic}[{partition}] within {waited:.1?}; \
         is it running (`tapeline run --role sinks`), and does the store take rows?"
    )]
    Behind {
        topic: String,
        partition: u32,
        offset: u64,
        waited: Duration,
    },
    #[error(
        "the sink wrote more than {MAX_DEAD_LETTERS} dead letters; audit single topics, and look at why so much is refused"
    )]
    TooManyLetters,
}

impl AuditError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Kafka(error) => error.fault(),
            Self::Behind { .. } | Self::TooManyLetters => Fault::External,
        }
    }

    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::Kafka(error) => error.retryable(),
            Self::Behind { .. } => true,
            Self::TooManyLetters => false,
        }
    }
}

/// What is compared of a partition: `low` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    topic: Topic,
    pub(crate) partition: u32,
    pub(crate) low: u64,
    pub(crate) end: u64,
}

/// Compares topics and tables. Blocks, so it must not be called on an async
/// worker; `progress` hears of (records compared, records to compare).
pub fn audit(
    kafka: &KafkaSettings,
    store: &Store,
    options: &AuditOptions,
    runtime: &Handle,
    mut progress: impl FnMut(u64, u64),
) -> Result<AuditReport, AuditError> {
    let topics = options
        .only
        .map_or_else(|| Topic::ALL.to_vec(), |only| vec![only]);
    let mut extents = extents(kafka, &topics)?;
    if let Some(since) = options.since_ms {
        begin_later(kafka, &mut extents, since)?;
    }
    if let Some(within) = options.wait {
        caught_up::wait_for(kafka, store, &extents, within, runtime)?;
    }
    let letters = SinkDeadLetters::read(kafka, options, MAX_DEAD_LETTERS)?;
    let total = extents.iter().map(|extent| extent.end - extent.low).sum();
    let mut auditor = Auditor {
        reader: BatchReader::new(kafka, &kafka.names().group("audit"))?,
        kafka,
        store,
        options,
        runtime,
    };
    let mut done = 0;
    let mut report = AuditReport::default();
    for topic in topics {
        let mut audited = TopicAudit::new(topic);
        for extent in extents.iter().filter(|extent| extent.topic == topic) {
            let mut advance =
                |offset: u64| progress(done + offset.saturating_sub(extent.low), total);
            audited.add(auditor.partition(*extent, &letters, &mut advance)?);
            done += extent.end - extent.low;
        }
        report.add(audited);
    }
    Ok(report)
}

pub(crate) fn extents(kafka: &KafkaSettings, topics: &[Topic]) -> Result<Vec<Extent>, KafkaError> {
    let names = kafka.names();
    let reader = BatchReader::new(kafka, &names.group("audit"))?;
    let mut extents = Vec::new();
    for topic in topics {
        for (partition, low, end) in reader.ranges(names.topic(*topic))? {
            let unsigned = |offset: i64| u64::try_from(offset).unwrap_or_default();
            let partition = u32::try_from(partition).unwrap_or_default();
            extents.push(Extent {
                topic: *topic,
                partition,
                low: unsigned(low),
                end: unsigned(end),
            });
        }
    }
    Ok(extents)
}

/// Leaves out what is older, by the times that the brokers keep.
fn begin_later(
    kafka: &KafkaSettings,
    extents: &mut [Extent],
    since_ms: i64,
) -> Result<(), KafkaError> {
    let names = kafka.names();
    let reader = BatchReader::new(kafka, &names.group("audit"))?;
    for extent in extents {
        let topic = names.topic(extent.topic);
        let partition = (topic.to_owned(), extent.partition as i32);
        let since = reader.since(&[partition], since_ms)?;
        let first = since.first().map(|position| position.offset);
        let first = first.and_then(|offset| u64::try_from(offset).ok());
        extent.low = first.unwrap_or(extent.end).clamp(extent.low, extent.end);
    }
    Ok(())
}

struct Auditor<'a> {
    reader: BatchReader,
    kafka: &'a KafkaSettings,
    store: &'a Store,
    options: &'a AuditOptions,
    runtime: &'a Handle,
}

#[derive(Row, Deserialize)]
struct Copies {
    offset: u64,
    copies: u64,
}

impl Auditor<'_> {
    fn partition(
        &mut self,
        extent: Extent,
        letters: &SinkDeadLetters,
        advance: &mut dyn FnMut(u64),
    ) -> Result<PartitionAudit, AuditError> {
        let names = self.kafka.names();
        let letters = letters.of(extent.topic, extent.partition);
        let keeps_from = self
            .options
            .retention
            .keeps_from(extent.topic, clock::wall());
        let mut from = extent.low;
        let mut read = Read::default();
        let mut tally = Tally::default();
        let (store, runtime) = (self.store, self.runtime);
        let mut compare = |from: u64, to: u64, read: &mut Read| -> Result<(), AuditError> {
            let Read {
                records,
                expired,
                sample,
            } = std::mem::take(read);
            let rows = runtime.block_on(rows_between(store, extent, from, to))?;
            tally.add_window(&Window {
                records: &records,
                rows: &rows,
                letters,
                expired: &expired,
            });
            let (sampled, differing) = runtime.block_on(sample.compare(store, extent))?;
            tally.add_sample(sampled, &differing);
            advance(to);
            Ok(())
        };
        if extent.low < extent.end {
            let (topic, partition) = (names.topic(extent.topic), extent.partition as i32);
            let start = Some(extent.low as i64);
            self.reader.read_to_end(
                topic,
                partition,
                start,
                self.options.partition_within,
                |message| {
                    let offset = u64::try_from(message.offset).unwrap_or_default();
                    if offset >= extent.end {
                        return Ok(());
                    }
                    read.add(extent, offset, message.value, keeps_from);
                    if read.records.len() == WINDOW {
                        compare(from, offset + 1, &mut read)?;
                        from = offset + 1;
                    }
                    Ok::<(), AuditError>(())
                },
            )?;
        }
        compare(from, extent.end, &mut read)?;
        Ok(PartitionAudit {
            partition: extent.partition,
            from: extent.low,
            to: extent.end,
            tally,
        })
    }
}

/// What was read of a window.
#[derive(Default)]
struct Read {
    records: Vec<u64>,
    expired: Vec<u64>,
    sample: Sample,
}

impl Read {
    fn add(
        &mut self,
        extent: Extent,
        offset: u64,
        value: Option<&[u8]>,
        keeps_from: Option<Micros>,
    ) {
        self.records.push(offset);
        let is_expired = keeps_from.is_some_and(|from| {
            let event = Event::decode(extent.topic, value);
            event.is_ok_and(|event| event.event_time() < from)
        });
        if is_expired {
            self.expired.push(offset);
        } else {
            self.sample.offer(extent, offset, value);
        }
    }
}

async fn rows_between(
    store: &Store,
    extent: Extent,
    from: u64,
    to: u64,
) -> Result<Vec<(u64, u64)>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT _offset AS offset, count() AS copies FROM {} \
         WHERE _partition = {} AND _offset >= {from} AND _offset < {to} GROUP BY offset ORDER BY offset",
        extent.topic.table(),
        extent.partition
    );
    let rows = store.rows::<Copies>(&sql).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.offset, row.copies))
        .collect())
}

impl AuditReport {
    fn add(&mut self, audited: TopicAudit) {
        self.lost += audited.lost;
        self.duplicated += audited.duplicated;
        self.extra += audited.extra;
        self.differing += audited.differing;
        self.topics.push(audited);
    }
}

impl TopicAudit {
    fn new(topic: Topic) -> Self {
        Self {
            topic: topic.name(),
            table: topic.table(),
            partitions: Vec::new(),
            kafka_records: 0,
            store_rows: 0,
            dead_lettered: 0,
            lost: 0,
            duplicated: 0,
            extra: 0,
            expired: 0,
            sampled: 0,
            differing: 0,
        }
    }

    fn add(&mut self, partition: PartitionAudit) {
        let Tally {
            kafka_records,
            store_rows,
            dead_lettered,
            lost,
            duplicated,
            extra,
            expired,
            sampled,
            differing,
            ..
        } = partition.tally;
        self.kafka_records += kafka_records;
        self.store_rows += store_rows;
        self.dead_lettered += dead_lettered;
        self.lost += lost;
        self.duplicated += duplicated;
        self.extra += extra;
        self.expired += expired;
        self.sampled += sampled;
        self.differing += differing;
        self.partitions.push(partition);
    }
}
