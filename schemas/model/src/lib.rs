//! What the pipeline speaks of: decimals, ids, times and records. No I/O, no
//! async, no clock.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod event;
mod fault;
pub mod ids;
pub mod json;
pub mod money;
pub mod reasons;
pub mod records;
mod symbols;
mod time;

pub use event::{Event, Origin};
pub use fault::Fault;
pub use symbols::{SymbolId, Symbols};
pub use time::Micros;
