//! A task's thread: takes it from the log, moves records through it, commits.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::{counter, gauge, histogram};
use tapeline_kafka::{
    Batch, BatchReader, KafkaError, KafkaSettings, Names, Position, TaskProducer, TxError,
};
use tapeline_model::reasons::Refusal;
use tapeline_model::{Micros, Origin};
use tapeline_processors::{Input, Processor, Reach};
use tapeline_schemas::topics::Topic;

use crate::metric_names as names;
use crate::policy::{CommitPolicy, Pending};
use crate::service::Status;
use crate::task::{Refused, SnapshotPolicy, Task, TaskError, Write};

/// Records taken from the reader at once.
const BATCH: usize = 4096;
/// An idle task wakes this often, to tick and to see whether it should stop.
const TICK: Duration = Duration::from_millis(100);
/// The longest a restore may take before it is given up and started anew.
const RESTORE_WITHIN: Duration = Duration::from_secs(600);
/// Group offsets are for dashboards only.
const SHOW_PROGRESS_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Transaction(#[from] TxError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error("the processor panicked on {}/{} offset {}; its message is above", .0.topic, .0.partition, .0.offset)]
    Panicked(Origin),
}

impl WorkerError {
    /// Taking the task anew from the log can help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Transaction(error) => matches!(error, TxError::Abort(_) | TxError::Lost(_)),
            Self::Kafka(error) => error.retryable(),
            Self::Task(_) => false,
            Self::Panicked(_) => true,
        }
    }

    pub(crate) fn is_fenced(&self) -> bool {
        matches!(self, Self::Transaction(TxError::Fenced))
    }
}

/// What a worker is given.
#[derive(Clone)]
pub(crate) struct Order {
    pub kafka: KafkaSettings,
    pub policy: CommitPolicy,
    pub snapshots: SnapshotPolicy,
    pub partition: u32,
    /// Records the processor is not given any more.
    pub parked: BTreeSet<Origin>,
    /// Commits of this task, whoever the worker was.
    pub commits: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
    pub status: Arc<Status>,
}

pub(crate) struct Worker {
    order: Order,
    names: Names,
    changelog: String,
    journal: String,
    snapshots: String,
    processor: &'static str,
    label: String,
    task: Task,
    producer: TaskProducer,
    reader: BatchReader,
    /// Topics by the index the reader gives them.
    topics: Vec<Option<Topic>>,
    open_since: Option<Instant>,
    last_commit: Instant,
    last_tick: Instant,
    last_shown: Instant,
    now: Micros,
}

impl Worker {
    /// Takes the task: fences its former owner, then reads state and progress,
    /// then seeks the inputs. In any other order a zombie could still commit
    /// after its progress was read.
    pub fn take(order: Order, processor: Box<dyn Processor>) -> Result<Self, WorkerError> {
        let names = order.kafka.names();
        let name = processor.name();
        let inputs = processor.inputs();
        let changelog = names.changelog(name);
        let producer =
            TaskProducer::new(&order.kafka, &names.transactional_id(name, order.partition))?;
        producer.fence()?;
        let reader = BatchReader::new(&order.kafka, &names.group(name))?;
        let label = order.partition.to_string();
        let mut worker = Self {
            changelog,
            journal: names.journal(name),
            snapshots: names.snapshots(name),
            names,
            processor: name,
            label,
            task: Task::new(processor, order.snapshots),
            producer,
            reader,
            topics: Vec::new(),
            open_since: None,
            last_commit: Instant::now(),
            last_tick: Instant::now(),
            last_shown: Instant::now(),
            now: Micros(0),
            order,
        };
        worker.restore()?;
        worker.seek(inputs)?;
        Ok(worker)
    }

    fn restore(&mut self) -> Result<(), WorkerError> {
        let started = Instant::now();
        let mut records = 0_u64;
        let task = &mut self.task;
        let partition = self.order.partition as i32;
        self.reader.read_to_end(
            &self.changelog,
            partition,
            None,
            RESTORE_WITHIN,
            |message| {
                records += 1;
                task.restore(message.key.unwrap_or_default(), message.value)
                    .map_err(WorkerError::from)
            },
        )?;
        self.task.restored()?;
        let seconds = started.elapsed().as_secs_f64();
        gauge!(names::RESTORE_SECONDS, "processor" => self.processor, "task" => self.label.clone())
            .set(seconds);
        counter!(names::TASK_STARTS, "processor" => self.processor, "task" => self.label.clone())
            .increment(1);
        tracing::info!(
            processor = self.processor,
            task = self.order.partition,
            records,
            seconds,
            "task taken from the log"
        );
        Ok(())
    }

    fn seek(&mut self, inputs: &[Input]) -> Result<(), WorkerError> {
        let mut positions = Vec::new();
        for input in inputs {
            let partitions = match input.reach {
                Reach::Keyed => self.order.partition..self.order.partition + 1,
                Reach::Broadcast => 0..self.order.kafka.partitions(input.topic.spec().group),
            };
            for partition in partitions {
                let next = self.task.next_offset(input.topic, partition);
                positions.push(Position::new(
                    self.names.topic(input.topic),
                    partition as i32,
                    next.map_or(Position::BEGINNING, |n| n as i64),
                ));
            }
        }
        Ok(self.reader.assign(&positions)?)
    }

    /// Until told to stop; then commits what is open.
    pub fn run(&mut self) -> Result<(), WorkerError> {
        while !self.order.stop.load(Ordering::Relaxed) {
            self.step()?;
        }
        if self.task.is_dirty() {
            self.commit()?;
        }
        self.show_progress();
        Ok(())
    }

    fn step(&mut self) -> Result<(), WorkerError> {
        let wait = self
            .pending(true)
            .map_or(TICK, |p| self.order.policy.patience(p));
        let batch = self.reader.fetch(BATCH, wait.min(TICK))?;
        let count = self.take_batch(&batch)?;
        if self.last_tick.elapsed() >= TICK {
            self.tick()?;
        }
        let due = self
            .pending(count < BATCH)
            .is_some_and(|pending| self.order.policy.is_due(pending));
        if due {
            self.commit()?;
        } else if count == 0 {
            self.producer.poll();
        }
        Ok(())
    }

    fn pending(&self, drained: bool) -> Option<Pending> {
        Some(Pending {
            age: self.open_since?.elapsed(),
            since_commit: self.last_commit.elapsed(),
            records: self.task.taken(),
            urgent: self.task.is_urgent(),
            drained,
        })
    }

    fn take_batch(&mut self, batch: &Batch) -> Result<usize, WorkerError> {
        self.advance_now();
        let mut count = 0;
        let mut newest = None;
        for message in batch.messages() {
            if self.open_since.is_none() {
                self.begin()?;
            }
            let Some(topic) = self.topic(message.topic.index, message.topic.name) else {
                continue;
            };
            let origin = Origin {
                topic,
                partition: message.partition as u32,
                offset: message.offset as u64,
            };
            let record = Refused {
                key: message.key,
                value: message.value,
            };
            if self.order.parked.contains(&origin) {
                self.task.park(origin, record, self.now);
            } else {
                match self.take_record(origin, record)? {
                    Ok(event_time) => newest = Some(event_time),
                    Err(refusal) => self.note_refusal(origin, &refusal),
                }
            }
            count += 1;
        }
        if count > 0 {
            counter!(names::RECORDS, "processor" => self.processor).increment(count as u64);
        }
        if let Some(event_time) = newest {
            let lag = self.now.since(event_time) as f64 / 1e6;
            gauge!(names::EVENT_LAG_SECONDS, "processor" => self.processor, "task" => self.label.clone())
                .set(lag);
        }
        Ok(count)
    }

    /// A panic costs the whole task: what it did half is dropped with it.
    fn take_record(
        &mut self,
        origin: Origin,
        record: Refused<'_>,
    ) -> Result<Result<Micros, Refusal>, WorkerError> {
        let (task, now) = (&mut self.task, self.now);
        catch_unwind(AssertUnwindSafe(|| task.take(origin, record, now)))
            .map_err(|_| WorkerError::Panicked(origin))
    }

    fn note_refusal(&self, origin: Origin, refusal: &Refusal) {
        counter!(names::REFUSED, "processor" => self.processor, "reason" => refusal.reason.code())
            .increment(1);
        tracing::warn!(
            processor = self.processor,
            topic = origin.topic.name(),
            partition = origin.partition,
            offset = origin.offset,
            reason = refusal.reason.code(),
            "record sent to the dead letters: {}",
            refusal.message
        );
    }

    fn topic(&mut self, index: usize, name: &str) -> Option<Topic> {
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if self.topics[index].is_none() {
            self.topics[index] = self.names.resolve(name);
        }
        self.topics[index]
    }

    fn tick(&mut self) -> Result<(), WorkerError> {
        self.last_tick = Instant::now();
        self.advance_now();
        self.task.tick(self.now);
        if self.task.is_dirty() && self.open_since.is_none() {
            self.begin()?;
        }
        if self.last_shown.elapsed() >= SHOW_PROGRESS_EVERY {
            self.show_progress();
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), WorkerError> {
        self.producer.begin()?;
        self.open_since = Some(Instant::now());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), WorkerError> {
        self.advance_now();
        let records = self.task.taken();
        let (producer, names) = (&self.producer, &self.names);
        let (journal, snapshots) = (self.journal.as_str(), self.snapshots.as_str());
        let (changelog, partition) = (self.changelog.as_str(), self.order.partition as i32);
        let own = Some(partition);
        let sealed = self.task.seal(self.now, |write| {
            match write {
                Write::Output { topic, key, value } => {
                    producer.send(names.topic(topic), None, key.as_bytes(), Some(value), &[])
                }
                Write::State { key, value } => producer.send(changelog, own, key, value, &[]),
                Write::Journal { key, value } => producer.send(journal, own, key, Some(value), &[]),
                Write::Snapshot { key, value } => {
                    producer.send(snapshots, own, key, Some(value), &[])
                }
            }
            .map_err(WorkerError::from)
        })?;
        self.producer.commit()?;
        self.last_commit = Instant::now();
        self.note_commit(records, sealed.outputs);
        Ok(())
    }

    fn note_commit(&mut self, records: usize, outputs: i32) {
        let age = self
            .open_since
            .take()
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        histogram!(names::TRANSACTION_SECONDS, "processor" => self.processor).record(age);
        histogram!(names::TRANSACTION_RECORDS, "processor" => self.processor)
            .record(records as f64);
        counter!(names::EMITTED, "processor" => self.processor)
            .increment(outputs.unsigned_abs().into());
        self.order.commits.fetch_add(1, Ordering::Relaxed);
        self.order.status.committed(records as u64);
    }

    fn show_progress(&mut self) {
        self.last_shown = Instant::now();
        let entries = self.task.state_entries() as f64;
        gauge!(names::STATE_ENTRIES, "processor" => self.processor, "task" => self.label.clone())
            .set(entries);
        let positions: Vec<Position> = self
            .task
            .progress()
            .filter(|(topic, _, _)| {
                // A broadcast input is read by every task: one of them shows it.
                topic.spec().group == tapeline_schemas::topics::Group::Portfolio
                    || self.order.partition == 0
                    || self.processor == tapeline_processors::market::NAME
            })
            .map(|(topic, partition, next)| {
                Position::new(self.names.topic(topic), partition as i32, next as i64)
            })
            .collect();
        if !positions.is_empty() {
            self.reader.store_progress(&positions);
        }
    }

    /// The wall clock, but never backwards.
    fn advance_now(&mut self) {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.now = self.now.max(Micros(wall.as_micros() as i64));
    }
}
