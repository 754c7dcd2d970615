//! What may come out one way or the other, for all that share it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::chaos::random::Random;

#[derive(Clone)]
pub(super) struct SharedRandom(Arc<Mutex<Random>>);

impl SharedRandom {
    pub(super) fn of(random: &mut Random) -> Self {
        Self(Arc::new(Mutex::new(Random::new(random.next()))))
    }

    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        random.between(low, high)
    }

    /// True once in so many times.
    pub(super) fn hits(&self, one_in: u64) -> bool {
        self.between(1, one_in) == 1
    }

    /// For so many milliseconds.
    pub(super) async fn pause(&self, low: u64, high: u64) {
        sleep(Duration::from_millis(self.between(low, high))).await;
    }
}
