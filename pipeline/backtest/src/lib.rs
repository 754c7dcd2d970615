//! Backtests: historical files through the same processors that run live, with a
//! broker of paper, and what came of it. Reading files is the only I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod history;
pub mod paper;
pub mod pipeline;
pub mod report;
mod run;

pub use history::{History, HistoryError};
pub use paper::{Fees, Paper, PaperSettings};
pub use pipeline::{Pipeline, PipelineError};
pub use report::{Digest, Report, ReportEntry, Summary};
pub use run::{BacktestError, HistorySpan, run};
