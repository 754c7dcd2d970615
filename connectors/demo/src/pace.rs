use std::time::Duration;

use crate::steps::{STEP, STEPS_PER_SECOND};

/// Steps made up for at once after a delay: the market speeds up, but does not
/// come as one flood.
const MAX_STEPS_AT_ONCE: u64 = 10;
/// What was missed beyond this is not made up for at all.
const MAX_STEPS_BEHIND: u64 = STEPS_PER_SECOND;

/// How many steps are due at a moment.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    done: u64,
}

impl Pace {
    pub(crate) fn due(&mut self, elapsed: Duration) -> u64 {
        let target = (elapsed.as_micros() / STEP.as_micros()) as u64;
        self.done = self.done.max(target.saturating_sub(MAX_STEPS_BEHIND));
        let due = target.saturating_sub(self.done).min(MAX_STEPS_AT_ONCE);
        self.done += due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn one_step_a_tick() {
        let mut pace = Pace::default();
        let due: Vec<u64> = (0..5).map(|tick| pace.due(STEP * tick)).collect();
        assert_eq!(due, [0, 1, 1, 1, 1]);
    }

    #[test]
    fn a_short_delay_is_made_up_for_in_parts() {
        let mut pace = Pace::default();
        let due: Vec<u64> = [100, 100, 100].map(|ms| pace.due(after(ms))).into();
        assert_eq!(due, [10, 10, 0]);
    }

    #[test]
    fn a_long_delay_is_forgotten_but_for_its_last_second() {
        let mut pace = Pace::default();
        let due: u64 = (0..1000).map(|_| pace.due(after(3_600_000))).sum();
        assert_eq!(due, STEPS_PER_SECOND);
    }
}
