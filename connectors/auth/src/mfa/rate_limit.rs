//! What is done once in a while, however often it is wanted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one through in a while, and counts the others.
pub(crate) struct RateLimit {
    every: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl RateLimit {
    pub const fn new(every: Duration) -> Self {
        Self {
            every,
            state: Mutex::new((None, 0)),
        }
    }

    /// How many were kept back since the last one, if it is time for one.
    pub fn turn(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, kept_back) = &mut *state;
        let now = Instant::now();
        if last.is_some_and(|last| now < last + self.every) {
            *kept_back += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_in_a_while_and_the_others_are_counted() {
        let seldom = RateLimit::new(Duration::from_mins(1));
        assert_eq!(seldom.turn(), Some(0));
        assert_eq!((seldom.turn(), seldom.turn()), (None, None));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(seldom.turn(), Some(2));
        assert_eq!(seldom.turn(), None);
    }
}
