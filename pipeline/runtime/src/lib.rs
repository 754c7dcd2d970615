//! Runs processors exactly once. A task is a processor and a partition number;
//! each has its own reader, its own transactional producer and its own thread.
//!
//! [`Task`] decides and holds everything in memory: it is pure. [`worker`]
//! moves its records in and out of Kafka. [`service`] takes and gives up tasks
//! as the group that leases the changelog's partitions says.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod changelog;
mod journal;
pub mod metric_names;
mod policy;
pub mod replay;
pub mod service;
mod task;
mod worker;

pub use policy::CommitPolicy;
pub use service::{ProcessorService, RuntimeError, Status};
pub use task::{Refused, SnapshotPolicy, Task, TaskError, Write};
