use crate::market::instrument::LEVEL_ONE;
use crate::random::Random;
use crate::steps::STEPS_PER_SECOND;

/// 1.5 s: the concentrated position stands by then.
const FIRST_CRASH_STEP: u64 = 3 * STEPS_PER_SECOND / 2;
const FIRST_DEPTH: i64 = 1_200;
/// The price moves in stages a tenth of a second apart.
const STAGE_STEPS: u64 = STEPS_PER_SECOND / 10;

/// The script of the symbol that crashes about every 8 s, so that nobody waits
/// long for an alert: a fall within one second, a moment at the bottom, and a
/// recovery that stays incomplete.
#[derive(Debug, Clone)]
pub(crate) struct Crash {
    random: Random,
    phase: Phase,
    from: i64,
    to: i64,
    start: u64,
    end: u64,
    told: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Calm,
    Falling,
    Low,
    Recovering,
}

impl Crash {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, 2),
            phase: Phase::Calm,
            from: LEVEL_ONE,
            to: LEVEL_ONE,
            start: 0,
            end: FIRST_CRASH_STEP,
            told: LEVEL_ONE,
        }
    }

    /// The new level, in ten-thousandths of the price, if this step changes it.
    pub(crate) fn step(&mut self, step: u64) -> Option<i64> {
        if step >= self.end {
            self.next_phase(step);
        }
        let stages = ((self.end - self.start) / STAGE_STEPS).max(1) as i64;
        let stage = ((step - self.start) / STAGE_STEPS) as i64 + 1;
        let level = self.from + (self.to - self.from) * stage.min(stages) / stages;
        (level != self.told).then(|| {
            self.told = level;
            level
        })
    }

    /// The last level found no quote to show it: tell it again.
    pub(crate) fn repeat(&mut self) {
        self.told = 0;
    }

    fn next_phase(&mut self, step: u64) {
        let second = STEPS_PER_SECOND as i64;
        let (phase, to, steps) = match self.phase {
            Phase::Calm => {
                let first = step <= FIRST_CRASH_STEP;
                let drawn = self.random.between(1_100, 1_300);
                let depth = if first { FIRST_DEPTH } else { drawn };
                (Phase::Falling, LEVEL_ONE - depth, second)
            }
            Phase::Falling => {
                let steps = self.random.between(second / 2, second);
                (Phase::Low, self.to, steps)
            }
            Phase::Low => {
                let to = self.random.between(9_650, 9_800);
                (Phase::Recovering, to, 3 * second)
            }
            Phase::Recovering => {
                let steps = self.random.between(3 * second, 4 * second);
                (Phase::Calm, self.to, steps)
            }
        };
        self.phase = phase;
        self.from = self.to;
        self.to = to;
        self.start = step;
        self.end = step + steps.unsigned_abs();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_at_once_and_again_and_again() {
        let mut crash = Crash::new(1);
        let mut level = LEVEL_ONE;
        let mut lows = Vec::new();
        for step in 0..120 * STEPS_PER_SECOND {
            let before = level;
            level = crash.step(step).unwrap_or(level);
            if level < 9_300 && before >= 9_300 {
                lows.push(step);
            }
            assert!((8_700..=LEVEL_ONE).contains(&level), "{level} at {step}");
        }
        assert_eq!(lows[0], FIRST_CRASH_STEP + 5 * STAGE_STEPS);
        assert!((13..=16).contains(&lows.len()), "{lows:?}");
    }

    #[test]
    fn a_level_that_was_not_shown_is_told_again() {
        let mut crash = Crash::new(1);
        assert_eq!(crash.step(FIRST_CRASH_STEP), Some(9_880));
        assert_eq!(crash.step(FIRST_CRASH_STEP + 1), None);
        crash.repeat();
        assert_eq!(crash.step(FIRST_CRASH_STEP + 2), Some(9_880));
    }
}
