//! Time in a world of its own: it stands still while anything is to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tapeline_model::Micros;
use tokio::time::Instant;

use super::login_kind::LoginKind;
use crate::chaos::random::Random;

const SECOND: i64 = 1_000_000;
const START: i64 = 1_750_000_000 * SECOND;
/// 01:00 of a Sunday in New York: the week of a gateway ends.
const WEEK_ENDS: i64 = 1_750_568_400 * SECOND;

#[derive(Clone)]
pub(super) struct Time {
    began: Instant,
    start: i64,
}

impl Time {
    /// Begins now, in a runtime whose clock is paused; where a week ends, some hours before that.
    pub(super) fn begin(way: LoginKind, random: &mut Random) -> Self {
        let start = match way {
            LoginKind::Gateway => WEEK_ENDS - random.between(1_800, 14_400) as i64 * SECOND,
            _ => START,
        };
        Self {
            began: Instant::now(),
            start,
        }
    }

    pub(super) fn now(&self) -> i64 {
        let passed = i64::try_from(self.began.elapsed().as_micros());
        self.start + passed.unwrap_or(i64::MAX - self.start)
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
