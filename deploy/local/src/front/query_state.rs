//! What a query's thread and its connection's task share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exception::Exception;

#[derive(Debug, Default)]
pub(super) struct QueryState {
    /// By this the query is cancelled; no client knows it.
    pub(super) mark: String,
    /// The client has gone: do not start.
    pub(super) abandoned: AtomicBool,
    /// A query that only reads runs, or is about to: it may be killed.
    pub(super) reading: AtomicBool,
    /// The format of the rows that come through the pipe.
    pub(super) format: OnceLock<String>,
}

impl QueryState {
    /// An error once the client has gone.
    pub(super) fn check_abandoned(&self) -> Result<(), Exception> {
        if self.abandoned.load(Ordering::SeqCst) {
            return Err(Exception::new(
                394,
                "QUERY_WAS_CANCELLED",
                "the client has gone",
            ));
        }
        Ok(())
    }
}
