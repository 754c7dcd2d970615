//! A task's life in this process: acquired, run, and acquired again after errors that pass.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tapeline_model::Origin;
use tapeline_processors::Processor;

use crate::acquire::{RestoredTask, acquire};
use crate::error::WorkerError;
use crate::job::Job;
use crate::standby::Standby;
use crate::worker::Worker;

/// A task that fails this often without a commit in between is given up.
const ATTEMPTS: u32 = 8;
/// A record that made the processor panic this often is parked.
const STRIKES: u32 = 3;
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
/// Another owner fenced the task: the group says so within its session time, or
/// it is ours after all.
const FENCED_PATIENCE: Duration = Duration::from_secs(12);

/// Acquires the task again after errors that pass, a bounded number of times without a commit
/// in between.
pub(crate) fn attempt(
    job: &Job,
    make: &dyn Fn() -> Box<dyn Processor>,
    standby: Option<Standby>,
) -> Result<(), WorkerError> {
    let mut job = job.clone();
    let mut standby = standby.and_then(Standby::end);
    let mut strikes: BTreeMap<Origin, u32> = BTreeMap::new();
    let mut failures = 0;
    loop {
        let commits = job.commits.load(Ordering::Relaxed);
        let restored = standby
            .take()
            .unwrap_or_else(|| RestoredTask::new(make(), job.snapshots));
        let Err(error) = run_once(&job, restored) else {
            return Ok(());
        };
        failures = if job.commits.load(Ordering::Relaxed) > commits {
            1
        } else {
            failures + 1
        };
        if let WorkerError::Panicked(origin) = &error {
            let count = strikes.entry(*origin).or_default();
            *count += 1;
            if *count >= STRIKES {
                job.parked.insert(*origin);
                failures = 0;
            }
        }
        if !(error.is_retryable() || error.is_fenced()) || failures >= ATTEMPTS {
            return Err(error);
        }
        let wait = if error.is_fenced() {
            FENCED_PATIENCE
        } else {
            FIRST_BACK_OFF * 2_u32.pow(failures.min(6))
        };
        tracing::warn!(task = job.partition, %error, ?wait, "the task stopped and waits to be taken again");
        if stopped_within(&job, wait) {
            return Ok(());
        }
    }
}

fn stopped_within(job: &Job, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    while Instant::now() < until && !job.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    job.stop.load(Ordering::Relaxed)
}

fn run_once(job: &Job, restored: RestoredTask) -> Result<(), WorkerError> {
    let mut worker = Worker::new(job.clone(), acquire(job, restored)?);
    job.status.task_runs();
    let result = worker.run();
    job.status.task_ended();
    result
}
