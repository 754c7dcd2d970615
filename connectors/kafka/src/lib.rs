//! Everything that talks to Kafka, and the only crate that knows rdkafka.
//!
//! | Who | Uses |
//! |---|---|
//! | a task of the runtime | [`TaskProducer`] (one transaction after the other) and [`BatchReader`] (manual assignment) |
//! | a sink | [`GroupReader`] (a group member that commits offsets with metadata) |
//! | who must know which partitions are its own | [`Membership`] |
//! | a connector | [`Publisher`] (idempotent), [`tail`] (where it stopped) |
//! | what one process at a time may have, of several machines | [`SharedKey`] |
//! | deploy steps and audits | [`Admin`], [`read_to_end`] |
//!
//! All calls block, for a bounded time: they belong on dedicated threads,
//! never on an async worker. Values are opaque bytes here; the codec lives in
//! `tapeline-schemas`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod admin;
mod batch;
mod context;
mod dead_letters;
mod error;
mod group;
mod hanging;
mod member;
pub mod metric_names;
mod names;
mod plan;
mod position;
mod publisher;
mod reader;
mod sender;
mod settings;
mod shared;
mod stats;
mod tail;
mod task;
#[cfg(test)]
mod testing;

pub use admin::Admin;
pub use batch::{Batch, Message, TopicRef};
pub use dead_letters::{MAX_DEAD_LETTER_BYTES, REPLAYED_FROM, RefusedRecord, Truncated, truncate};
pub use error::KafkaError;
pub use group::{Committed, GroupBatch, GroupReader};
pub use hanging::HangingTransaction;
pub use member::{Membership, Ownership};
pub use names::Names;
pub use plan::TopicChange;
pub use position::{Partition, Position};
pub use publisher::Publisher;
pub use reader::{BatchReader, Span};
pub use settings::KafkaSettings;
pub use shared::{SharedError, SharedKey};
pub use tail::{OwnedMessage, read_to_end, tail};
pub use task::{CommitTimes, TaskProducer, TxError};
