//! What the tasks of a processor are doing, for health and dashboards.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub struct Status {
    pub(crate) owned: AtomicUsize,
    running: AtomicUsize,
    pub(crate) joined: AtomicBool,
    records: AtomicU64,
}

impl Status {
    /// Every task this process owns has its state back and reads.
    pub fn is_ready(&self) -> bool {
        self.joined.load(Ordering::Acquire)
            && self.running.load(Ordering::Acquire) == self.owned.load(Ordering::Acquire)
    }

    pub fn owned(&self) -> usize {
        self.owned.load(Ordering::Acquire)
    }

    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn task_runs(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn task_ended(&self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn committed(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }
}
