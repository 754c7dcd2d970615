//! Time in a world of its own: it stands still while anything is to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tapeline_model::Micros;
use tokio::time::Instant;

const START: i64 = 1_750_000_000_000_000;

#[derive(Clone)]
pub(super) struct Time(Instant);

impl Time {
    /// Begins now, in a runtime whose clock is paused.
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(&self) -> i64 {
        let passed = i64::try_from(self.0.elapsed().as_micros());
        START + passed.unwrap_or(i64::MAX - START)
    }
}

/// One machine's, which may be wrong.
#[derive(Clone)]
pub(super) struct Wrong {
    time: Time,
    off: Arc<AtomicI64>,
}

impl Wrong {
    pub(super) fn by(time: &Time, off: i64) -> Self {
        let off = Arc::new(AtomicI64::new(off));
        Self {
            time: time.clone(),
            off,
        }
    }

    pub(super) fn set(&self, off: i64) {
        self.off.store(off, Ordering::Relaxed);
    }

    pub(super) fn true_now(&self) -> i64 {
        self.time.now()
    }

    pub(super) fn now(&self) -> Micros {
        Micros(self.time.now() + self.off.load(Ordering::Relaxed))
    }
}
