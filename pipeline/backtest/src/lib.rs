//! Backtests: historical files through the same processors that run live, with a
//! broker of paper, and what came of it. Reading files is the only I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod history;
pub mod line;
pub mod paper;
pub mod report;
mod run;

pub use history::{History, HistoryError};
pub use line::{Line, LineError};
pub use paper::{Fees, Paper, PaperSettings};
pub use report::{Digest, Noted, Report, Summary};
pub use run::{BacktestError, Passed, run};
