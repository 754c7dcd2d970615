//! A copy of a task's state that follows its changelog, so that taking the task
//! over needs only the last few records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::gauge;
use tapeline_kafka::{BatchReader, KafkaSettings, Position};

use crate::acquire::RestoredTask;
use crate::error::WorkerError;
use crate::metric_names as names;

const BATCH: usize = 4096;
/// It checks this often whether it should stop.
const WAIT: Duration = Duration::from_millis(100);
/// The pause before reading again after an error that passes.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Compaction removes tombstones after a day: a copy that missed some would bring keys back.
const FRESH: Duration = Duration::from_secs(12 * 3600);

pub(crate) struct Standby {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Option<RestoredTask>>,
}

impl Standby {
    pub fn follow(
        kafka: KafkaSettings,
        task: u32,
        processor: &'static str,
        restored: RestoredTask,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let outcome = follow(&kafka, task, processor, restored, &stopping);
            outcome.unwrap_or_else(|error| {
                // Whoever acquires the task meets the same error, and reports what to do about it.
                tracing::warn!(processor, task, %error, "the standby ended");
                None
            })
        });
        Self { stop, thread }
    }

    /// Ends it and returns the state; none if it could not follow.
    pub fn end(self) -> Option<RestoredTask> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().flatten()
    }
}

fn follow(
    kafka: &KafkaSettings,
    task: u32,
    processor: &'static str,
    mut restored: RestoredTask,
    stop: &AtomicBool,
) -> Result<Option<RestoredTask>, WorkerError> {
    let mut read_at = Instant::now();
    while !stop.load(Ordering::Relaxed) && read_at.elapsed() < FRESH {
        match read(kafka, task, processor, &mut restored, &mut read_at, stop) {
            Ok(()) => {}
            Err(error) if error.is_retryable() => std::thread::park_timeout(RETRY_AFTER),
            Err(error) => return Err(error),
        }
    }
    Ok((read_at.elapsed() < FRESH).then_some(restored))
}

fn read(
    kafka: &KafkaSettings,
    task: u32,
    processor: &'static str,
    restored: &mut RestoredTask,
    read_at: &mut Instant,
    stop: &AtomicBool,
) -> Result<(), WorkerError> {
    let names = kafka.names();
    let mut reader = BatchReader::new(kafka, &names.group("standby"))?;
    let from = restored.next().unwrap_or(Position::BEGINNING);
    let changelog = names.changelog(processor);
    reader.assign(&[Position::new(changelog, task as i32, from)])?;
    while !stop.load(Ordering::Relaxed) && read_at.elapsed() < FRESH {
        restored.apply_batch(&reader.fetch(BATCH, WAIT)?)?;
        *read_at = Instant::now();
        gauge!(names::STANDBY_RECORDS, "processor" => processor, "task" => task.to_string())
            .set(restored.records() as f64);
    }
    Ok(())
}
