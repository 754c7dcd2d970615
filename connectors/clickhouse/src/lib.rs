//! Everything that talks to ClickHouse, and the only crate that knows it.
//!
//! | Who | Uses |
//! |---|---|
//! | deploy steps | [`plan`], [`apply`] |
//! | the sink role | [`Sink`]: every topic into its table, each record once |
//! | `tapeline audit` | [`audit`], [`wait_caught_up`] |
//! | `tapeline store rebuild`, `export`, `backfill` | [`rebuild`], [`export`], [`backfill`] |
//! | `tapeline query` | [`QUERIES`], [`Store::ask`] |
//! | `tapeline up` | [`counts`], [`SinkProgress`] |
//!
//! The sink and the audit read Kafka and block: they belong on threads of their
//! own and are given a handle of the async runtime for the store's side.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod archive;
mod audit;
mod cells;
mod client;
mod clock;
mod counts;
mod difference;
mod error;
mod lock;
pub mod metric_names;
mod migrate;
mod queries;
mod rebuild;
mod retention;
mod rows;
mod schema_drift;
mod settings;
mod sink;
mod tables;
#[cfg(test)]
mod testing;

pub use archive::{ArchiveError, Backfilled, backfill, export};
pub use audit::{
    AuditError, AuditOptions, AuditReport, PartitionAudit, Tally, TopicAudit, audit, wait_caught_up,
};
pub use client::Store;
pub use counts::counts;
pub use error::StoreError;
pub use migrate::{Drift, Plan, Step, apply, apply_up_to, plan};
pub use queries::{Format, Parameter, QUERIES, Query, View, reference, views};
pub use rebuild::{RebuildError, Rebuilt, first_offsets, rebuild};
pub use retention::{Retention, RetentionChange, keep, retention_changes};
pub use settings::{Password, StoreSettings};
pub use sink::{Sink, SinkError, SinkProgress, SinkSettings};
