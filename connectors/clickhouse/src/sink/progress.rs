//! How far the sink is, for whoever runs it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tapeline_schemas::topics::Topic;

/// Numbers of a running sink. Cheap to clone; all clones see the same.
#[derive(Clone, Debug, Default)]
pub struct SinkProgress {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By topic, in the order of `Topic::ALL`.
    rows: [AtomicU64; Topic::ALL.len()],
    ranges: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
    paused: AtomicBool,
    /// By table: why it cannot be written at the moment.
    failing: Mutex<BTreeMap<&'static str, String>>,
}

impl SinkProgress {
    /// Rows the store has taken since the sink started.
    pub fn rows(&self, topic: Topic) -> u64 {
        self.inner.rows[topic as usize].load(Ordering::Relaxed)
    }

    /// The same by table.
    pub fn tables(&self) -> BTreeMap<&'static str, u64> {
        Topic::ALL
            .iter()
            .map(|topic| (topic.table(), self.rows(*topic)))
            .collect()
    }

    /// Ranges the store has taken.
    pub fn ranges(&self) -> u64 {
        self.inner.ranges.load(Ordering::Relaxed)
    }

    /// Attempts that failed and were repeated.
    pub fn retries(&self) -> u64 {
        self.inner.retries.load(Ordering::Relaxed)
    }

    /// Records that went to the dead letters.
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }

    /// Whether reading waits for the store.
    pub fn is_paused(&self) -> bool {
        self.inner.paused.load(Ordering::Relaxed)
    }

    /// Why the store does not take rows at the moment; none while it does.
    pub fn failing(&self) -> Option<String> {
        let failing = self
            .inner
            .failing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failing
            .iter()
            .next()
            .map(|(table, reason)| format!("{table}: {reason}"))
    }

    pub(crate) fn add_range(&self, topic: Topic, rows: usize) {
        self.inner.rows[topic as usize].fetch_add(rows as u64, Ordering::Relaxed);
        self.inner.ranges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_retry(&self) {
        self.inner.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_refused(&self, records: usize) {
        self.inner
            .refused
            .fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.inner.paused.store(paused, Ordering::Relaxed);
    }

    /// True if this is news.
    pub(crate) fn set_failing(&self, topic: Topic, reason: Option<String>) -> bool {
        let mut failing = self
            .inner
            .failing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => failing.insert(topic.table(), reason).is_none(),
            None => failing.remove(topic.table()).is_some(),
        }
    }
}
