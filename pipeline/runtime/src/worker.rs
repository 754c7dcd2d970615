//! A task's thread: moves records through it, commits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tapeline_kafka::{Batch, BatchReader, KafkaError, Names, Position, TaskProducer};
use tapeline_model::reasons::Refusal;
use tapeline_model::{Micros, Origin};
use tapeline_schemas::topics::Topic;

use crate::acquire::AcquiredTask;
use crate::clock;
use crate::commit_policy::Pending;
use crate::error::WorkerError;
use crate::job::{Job, keyed_group};
use crate::metric_names as names;
use crate::task::{InputRecord, Task, Write};

/// Records taken from the reader at once.
const BATCH: usize = 4096;
/// The header of a record that answers an order request.
const REQUEST_ID: &str = "tapeline-request-id";
/// An idle task wakes this often, to tick and to see whether it should stop.
const TICK: Duration = Duration::from_millis(100);
/// A broker that was just started may not know of a topic for a moment.
const MISSING_CHECKS: u32 = 3;
/// Group offsets are for dashboards only.
const SHOW_PROGRESS_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Worker {
    job: Job,
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
    /// Time spent on processing in the open transaction.
    processing: Duration,
    last_commit: Instant,
    last_tick: Instant,
    last_shown: Instant,
    /// Nothing was read since then.
    idle: bool,
    /// How often in a row an input was not there.
    missing: u32,
    now: Micros,
    /// The last transaction's sealed time.
    sealed: Micros,
}

impl Worker {
    pub fn new(job: Job, acquired: AcquiredTask) -> Self {
        let names = job.kafka.names();
        let processor = acquired.task.processor();
        Self {
            changelog: names.changelog(processor),
            journal: names.journal(processor),
            snapshots: names.snapshots(processor),
            names,
            processor,
            label: job.partition.to_string(),
            task: acquired.task,
            producer: acquired.producer,
            reader: acquired.reader,
            topics: Vec::new(),
            open_since: None,
            processing: Duration::ZERO,
            last_commit: Instant::now(),
            last_tick: Instant::now(),
            last_shown: Instant::now(),
            idle: false,
            missing: 0,
            now: acquired.sealed,
            sealed: acquired.sealed,
            job,
        }
    }

    /// Runs until it should stop, then commits the open transaction.
    pub fn run(&mut self) -> Result<(), WorkerError> {
        while !self.job.stop.load(Ordering::Relaxed) {
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
            .map_or(TICK, |p| self.job.policy.max_wait(p));
        let fetched = self.reader.fetch(BATCH, wait.min(TICK));
        let batch = fetched.map_err(|error| self.input_error(error))?;
        let started = Instant::now();
        let count = self.process_batch(&batch)?;
        self.processing += started.elapsed();
        if self.last_tick.elapsed() >= TICK {
            self.tick()?;
        }
        let due = self
            .pending(count < BATCH)
            .is_some_and(|pending| self.job.policy.is_due(pending));
        if due {
            self.commit()?;
        } else if count == 0 {
            self.producer.poll();
        }
        Ok(())
    }

    fn input_error(&self, error: KafkaError) -> WorkerError {
        let topic = match &error {
            KafkaError::OffsetGone { topic, .. } => self.names.resolve(topic),
            _ => None,
        };
        WorkerError::of_input(self.processor, self.job.partition, topic, error)
    }

    fn pending(&self, drained: bool) -> Option<Pending> {
        Some(Pending {
            age: self.open_since?.elapsed(),
            since_commit: self.last_commit.elapsed(),
            records: self.task.pending_records(),
            urgent: self.task.is_urgent(),
            urgency: self.task.commit_urgency(),
            drained,
        })
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<usize, WorkerError> {
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
            let record = InputRecord {
                key: message.key,
                value: message.value,
            };
            if self.job.parked.contains(&origin) {
                self.task.park(origin, record, self.now);
            } else {
                match self.process_record(origin, record)? {
                    Ok(event_time) => newest = Some(event_time),
                    Err(refusal) => self.record_refusal(origin, &refusal),
                }
            }
            count += 1;
        }
        if count > 0 {
            self.idle = false;
            counter!(names::RECORDS, "processor" => self.processor).increment(count as u64);
        }
        if let Some(event_time) = newest {
            let lag = self.now.since(event_time) as f64 / 1e6;
            gauge!(names::EVENT_LAG_SECONDS, "processor" => self.processor, "task" => self.label.clone())
                .set(lag);
        }
        Ok(count)
    }

    /// A panic costs the whole task, whose state may be inconsistent.
    fn process_record(
        &mut self,
        origin: Origin,
        record: InputRecord<'_>,
    ) -> Result<Result<Micros, Refusal>, WorkerError> {
        let (task, now) = (&mut self.task, self.now);
        catch_unwind(AssertUnwindSafe(|| task.process(origin, record, now)))
            .map_err(|_| WorkerError::Panicked(origin))
    }

    fn record_refusal(&self, origin: Origin, refusal: &Refusal) {
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
            self.check_inputs()?;
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
        let tasks = self.job.kafka.partitions(keyed_group(self.task.inputs()));
        self.now = clock::seal(self.now, self.sealed, self.job.partition, tasks);
        self.sealed = self.now;
        let records = self.task.pending_records();
        let (producer, names) = (&self.producer, &self.names);
        let (journal, snapshots) = (self.journal.as_str(), self.snapshots.as_str());
        let (changelog, partition) = (self.changelog.as_str(), self.job.partition as i32);
        let (own, time) = (Some(partition), Some(self.now.millis()));
        let started = Instant::now();
        let sealed = self.task.seal(self.now, |write| {
            match write {
                Write::Output {
                    topic,
                    key,
                    value,
                    request_id,
                } => {
                    let headers = request_id.map(|id| (REQUEST_ID, id.as_bytes()));
                    let (topic, key) = (names.topic(topic), key.as_bytes());
                    producer.send(topic, None, key, Some(value), headers.as_slice(), time)
                }
                Write::State { key, value } => producer.send(changelog, own, key, value, &[], time),
                Write::Journal { key, value } => {
                    #[cfg(feature = "planted-faults")]
                    crate::planted::before_journal(producer)?;
                    producer.send(journal, own, key, Some(value), &[], time)
                }
                Write::Snapshot { key, value } => {
                    producer.send(snapshots, own, key, Some(value), &[], time)
                }
            }
            .map_err(WorkerError::from)
        })?;
        let seal = started.elapsed();
        let commit = self.producer.commit()?;
        self.last_commit = Instant::now();
        let process = std::mem::take(&mut self.processing);
        let phases = [
            ("process", process),
            ("seal", seal),
            ("deliver", commit.deliver),
            ("end", commit.end),
        ];
        for (phase, took) in phases {
            histogram!(names::PHASE_SECONDS, "processor" => self.processor, "phase" => phase)
                .record(took.as_secs_f64());
        }
        self.record_commit(records, sealed.outputs);
        Ok(())
    }

    fn record_commit(&mut self, records: usize, outputs: i32) {
        let age = self
            .open_since
            .take()
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        histogram!(names::TRANSACTION_SECONDS, "processor" => self.processor).record(age);
        histogram!(names::TRANSACTION_RECORDS, "processor" => self.processor)
            .record(records as f64);
        counter!(names::EMITTED, "processor" => self.processor)
            .increment(outputs.unsigned_abs().into());
        self.job.commits.fetch_add(1, Ordering::Relaxed);
        self.job.status.committed(records as u64);
    }

    /// A deleted input is not an error of reading, so it is looked for now and then.
    fn check_inputs(&mut self) -> Result<(), WorkerError> {
        let gone = |error: &KafkaError| {
            matches!(
                error,
                KafkaError::TopicMissing { .. } | KafkaError::PartitionMissing { .. }
            )
        };
        if !std::mem::replace(&mut self.idle, true) {
            self.missing = 0;
            return Ok(());
        }
        self.missing = match self.reader.check_assigned() {
            Err(error) if gone(&error) => {
                if self.missing + 1 >= MISSING_CHECKS {
                    return Err(error.into());
                }
                self.missing + 1
            }
            _ => 0,
        };
        Ok(())
    }

    fn show_progress(&mut self) {
        self.last_shown = Instant::now();
        let entries = self.task.state_entries() as f64;
        gauge!(names::STATE_ENTRIES, "processor" => self.processor, "task" => self.label.clone())
            .set(entries);
        let longer_than = self.job.kafka.transaction_timeout * 2;
        for hanging in self.reader.hanging(longer_than) {
            // A full channel means that enough alerts are being raised already.
            let _sent = self.job.hanging.try_send(hanging);
        }
        let positions: Vec<Position> = self
            .task
            .progress()
            .filter(|(topic, _, _)| {
                // A broadcast input is read by every task: one of them shows it.
                topic.spec().group == tapeline_schemas::topics::Group::Portfolio
                    || self.job.partition == 0
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

    /// The wall clock, but never backwards, whoever had the task before.
    fn advance_now(&mut self) {
        self.now = self.now.max(clock::wall());
    }
}
