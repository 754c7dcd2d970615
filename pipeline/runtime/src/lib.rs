//! Runs processors exactly once. A task is a processor and a partition number;
//! each has its own reader, its own transactional producer and its own thread.
//!
//! [`Task`] decides and holds everything in memory: it is pure. [`worker`]
//! moves its records in and out of Kafka. [`service`] takes and gives up tasks
//! as the group that leases the changelog's partitions says.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod attempt;
mod changelog;
mod clock;
mod continuity;
mod error;
mod hanging;
mod journal;
mod mend;
pub mod metric_names;
#[cfg(feature = "planted-faults")]
mod planted;
mod policy;
pub mod progress;
pub mod replay;
pub mod service;
mod standby;
mod take;
mod task;
mod torn;
mod worker;

pub use policy::CommitPolicy;
pub use service::{ProcessorService, RunSettings, RuntimeError, Status};
pub use task::{Refused, SnapshotPolicy, Task, TaskError, Write};
