//! Runs processors exactly once. A task is a processor and a partition number;
//! each has its own reader, its own transactional producer and its own thread.
//!
//! [`Task`] decides and holds everything in memory: it is pure. [`worker`]
//! moves its records in and out of Kafka. [`service`] takes and gives up tasks
//! as the group that leases the changelog's partitions says.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod acquire;
mod attempt;
mod changelog;
mod clock;
mod commit_policy;
mod continuity;
mod error;
mod hanging_transactions;
mod job;
mod journal;
pub mod metric_names;
mod partial_commit;
#[cfg(feature = "planted-faults")]
mod planted;
pub mod progress;
mod repair;
pub mod replay;
pub mod service;
mod standby;
mod status;
mod task;
mod worker;

pub use commit_policy::CommitPolicy;
pub use service::{ProcessorService, RunSettings, RuntimeError};
pub use status::Status;
pub use task::{InputRecord, SnapshotPolicy, Task, TaskError, Write};
