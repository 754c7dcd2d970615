//! Acquiring a task: fence the former owner, repair its last transaction if need be, restore
//! and check the state, seek the inputs. In any other order a zombie could still commit after
//! its progress was read.

use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tapeline_kafka::{Batch, BatchReader, KafkaError, Message, Position, TaskProducer};
use tapeline_model::Micros;
use tapeline_processors::{Input, Processor};
use tapeline_schemas::topics::Topic;

use crate::continuity;
use crate::error::WorkerError;
use crate::job::Job;
use crate::metric_names as names;
use crate::repair::repair_partial_commit;
use crate::task::{SnapshotPolicy, Task};

/// A restore that takes longer fails, and is tried again.
const RESTORE_WITHIN: Duration = Duration::from_secs(600);
/// A long restore logs its progress this often.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// After a change of leader, a partition may report too low an end for a moment.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// A task with the state that was read of its changelog so far.
pub(crate) struct RestoredTask {
    task: Task,
    /// The next offset of the changelog; none before the first read.
    next: Option<i64>,
    records: u64,
}

impl RestoredTask {
    pub fn new(processor: Box<dyn Processor>, snapshots: SnapshotPolicy) -> Self {
        Self {
            task: Task::new(processor, snapshots),
            next: None,
            records: 0,
        }
    }

    pub fn next(&self) -> Option<i64> {
        self.next
    }

    pub fn records(&self) -> u64 {
        self.records
    }

    /// Applies what was fetched of the changelog.
    pub fn apply_batch(&mut self, batch: &Batch) -> Result<(), WorkerError> {
        for message in batch.messages() {
            self.apply(&message)?;
        }
        let ends = batch.eofs().map(|(_, _, offset)| offset);
        self.next = self.next.max(ends.max());
        Ok(())
    }

    fn apply(&mut self, message: &Message<'_>) -> Result<(), WorkerError> {
        let key = message.key.unwrap_or_default();
        let restored = self.task.restore(key, message.value);
        self.next = self.next.max(Some(message.offset + 1));
        self.records += 1;
        restored.map_err(|source| WorkerError::Changelog {
            topic: message.topic.name.to_owned(),
            partition: message.partition,
            offset: message.offset,
            source,
        })
    }
}

/// All that a worker needs to run the task.
pub(crate) struct AcquiredTask {
    pub producer: TaskProducer,
    pub reader: BatchReader,
    pub task: Task,
    /// No former owner sealed a transaction after this time.
    pub sealed: Micros,
}

/// Fences, repairs, restores and seeks; `restored` is what a standby has read of the state already.
pub(crate) fn acquire(job: &Job, restored: RestoredTask) -> Result<AcquiredTask, WorkerError> {
    let names = job.kafka.names();
    let name = restored.task.processor();
    let id = names.transactional_id(name, job.partition);
    let producer = TaskProducer::new(&job.kafka, &id)?;
    #[cfg(not(feature = "planted-faults"))]
    producer.fence()?;
    #[cfg(feature = "planted-faults")]
    crate::planted::fence_in_time(&producer)?;
    let mut reader = BatchReader::new(&job.kafka, &names.group(name))?;
    let sealed = repair_partial_commit(job, &restored.task, &producer, &mut reader)?;
    let task = restore(job, restored, &mut reader)?;
    #[cfg(feature = "planted-faults")]
    crate::planted::fence_late(&producer)?;
    seek_inputs(job, &task, &mut reader)?;
    Ok(AcquiredTask {
        producer,
        reader,
        task,
        sealed,
    })
}

fn restore(
    job: &Job,
    mut restored: RestoredTask,
    reader: &mut BatchReader,
) -> Result<Task, WorkerError> {
    let started = Instant::now();
    let (known, partition) = (restored.records, job.partition as i32);
    let processor = restored.task.processor();
    let changelog = job.kafka.names().changelog(processor);
    let (first, end) = reader.range(&changelog, partition)?;
    let mut logged_at = Instant::now();
    let from = restored.next;
    reader.read_to_end(&changelog, partition, from, RESTORE_WITHIN, |message| {
        if logged_at.elapsed() >= LOG_EVERY {
            logged_at = Instant::now();
            let (task, offset) = (job.partition, message.offset);
            tracing::info!(processor, task, offset, end, "restoring from the changelog");
        }
        restored.apply(message)
    })?;
    let contents = continuity::ChangelogContents {
        first,
        records: restored.records,
        transaction: restored.task.transactions(),
    };
    continuity::check(&job.kafka, reader, processor, job.partition, &contents)?;
    let mut task = restored.task;
    task.restored()?;
    let (seconds, records) = (started.elapsed().as_secs_f64(), restored.records - known);
    record_restore(job, processor, seconds, records);
    Ok(task)
}

fn record_restore(job: &Job, processor: &'static str, seconds: f64, records: u64) {
    let label = job.partition.to_string();
    let labels = [("processor", processor.to_owned()), ("task", label)];
    gauge!(names::RESTORE_SECONDS, &labels).set(seconds);
    gauge!(names::RESTORE_RECORDS, &labels).set(records as f64);
    counter!(names::TASK_STARTS, &labels).increment(1);
    let task = job.partition;
    tracing::info!(processor, task, records, seconds, "task taken from the log");
}

fn seek_inputs(job: &Job, task: &Task, reader: &mut BatchReader) -> Result<(), WorkerError> {
    let names = job.kafka.names();
    let mut positions = Vec::new();
    for (topic, partition) in inputs(job, task.inputs()) {
        let name = names.topic(topic);
        let next = match task.next_offset(topic, partition) {
            Some(next) => {
                let next = next as i64;
                check_position_exists(job, task, reader, topic, partition as i32, next)?;
                next
            }
            None => Position::BEGINNING,
        };
        positions.push(Position::new(name, partition as i32, next));
    }
    Ok(reader.assign(&positions)?)
}

fn inputs(job: &Job, inputs: &[Input]) -> Vec<(Topic, u32)> {
    let all = inputs.iter().flat_map(|input| {
        let count = job.kafka.partitions(input.topic.spec().group);
        let partitions = input.partitions(job.partition, count);
        partitions.map(|partition| (input.topic, partition))
    });
    all.collect()
}

/// Checked before anything is processed: reading would fail only once it gets there.
fn check_position_exists(
    job: &Job,
    task: &Task,
    reader: &BatchReader,
    topic: Topic,
    partition: i32,
    next: i64,
) -> Result<(), WorkerError> {
    let names = job.kafka.names();
    let name = names.topic(topic);
    let deadline = Instant::now() + job.kafka.request_timeout;
    loop {
        let (low, end) = reader.range(name, partition)?;
        if (low..=end).contains(&next) {
            return Ok(());
        }
        if next < low || Instant::now() >= deadline {
            let gap = KafkaError::OffsetGone {
                topic: name.to_owned(),
                partition,
                offset: next,
                held: Some((low, end)),
            };
            return Err(WorkerError::of_input(
                task.processor(),
                job.partition,
                Some(topic),
                gap,
            ));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}
