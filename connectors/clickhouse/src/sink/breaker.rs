//! When the store may be asked again. After a failure nobody asks for a while; then one attempt
//! goes ahead, and the others wait for what becomes of it. Pure: it is told the time.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    wait: Duration,
    /// Nobody asks before this.
    until: Duration,
}

impl Breaker {
    /// How long to wait before asking here again; zero to go ahead.
    pub(crate) fn remaining(&self, now: Duration) -> Duration {
        let until = self.open.as_ref().map_or(Duration::ZERO, |open| open.until);
        until.saturating_sub(now).min(FIRST_WAIT)
    }

    /// Somebody goes ahead: the others wait until it tells how it went.
    pub(crate) fn begin_attempt(&mut self) {
        if let Some(open) = &mut self.open {
            open.until = Duration::MAX;
        }
    }

    /// The attempt was cut off, and its outcome is not known.
    pub(crate) fn abandon_attempt(&mut self, now: Duration) {
        if let Some(open) = &mut self.open {
            open.until = open.until.min(now + open.wait);
        }
    }

    /// `probing` says that it was the one that went ahead; those that were under way before
    /// do not make the wait longer.
    pub(crate) fn failed(&mut self, now: Duration, probing: bool) {
        let before = self.open.as_ref().map(|open| open.wait);
        if before.is_some() && !probing {
            return;
        }
        let wait = before.map_or(FIRST_WAIT, |wait| (wait * 2).min(LONGEST_WAIT));
        let until = now + wait;
        self.open = Some(Open { wait, until });
    }

    pub(crate) fn succeeded(&mut self) {
        self.open = None;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn after_a_failure_one_goes_ahead_and_the_others_wait_for_it() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.remaining(ms(0)), Duration::ZERO);
        breaker.failed(ms(0), false);
        assert_eq!(breaker.remaining(ms(40)), ms(60));
        assert_eq!(breaker.remaining(ms(100)), Duration::ZERO);
        breaker.begin_attempt();
        assert_eq!(breaker.remaining(ms(10_000)), FIRST_WAIT);
        assert!(breaker.is_open());
        breaker.succeeded();
        assert!(!breaker.is_open());
        assert_eq!(breaker.remaining(ms(102)), Duration::ZERO);
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        let mut breaker = Breaker::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            breaker.failed(Duration::ZERO, true);
            breaker.failed(Duration::ZERO, false);
            let open = breaker.open.as_ref().unwrap();
            waits.push(open.until.as_millis());
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn one_that_went_ahead_and_vanished_is_replaced() {
        let mut breaker = Breaker::default();
        breaker.failed(ms(0), false);
        breaker.begin_attempt();
        breaker.abandon_attempt(ms(300));
        assert_eq!(breaker.remaining(ms(350)), ms(50));
        assert_eq!(breaker.remaining(ms(400)), Duration::ZERO);
    }
}
