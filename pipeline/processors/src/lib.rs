//! Stream processors as plain values: records in, records out. They never see
//! Kafka, HTTP, a clock or a random source; `now` is handed to them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod bars;
mod cause;
pub mod contract;
#[cfg(test)]
mod golden;
pub mod indicators;
pub mod ledger;
pub mod limits;
pub mod logins;
pub mod market;
pub mod risk;
mod settings;
pub mod signals;
mod store;
pub mod strategy;

/// Names the sources that decide: programs with the same name come to the same outputs.
pub const LOGIC: &str = env!("TAPELINE_LOGIC");

pub use contract::{CommitUrgency, Input, Out, Processor, Reach, Share, StateError, StateStore};
pub use settings::SettingFault;
pub use store::{StateKey, Store};
