use tapeline_model::records::Direction;

use super::formula::Formula;

/// When a rule is on, and which way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Of the values a and b.
    Cross,
    /// Of one value.
    Threshold(Threshold),
    /// Of the close and the range's upper end, lower end and middle.
    Breakout {
        flat_at_middle: bool,
    },
    Combination {
        of: Formula,
        then: Direction,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    pub level: f64,
    pub above: bool,
    pub back: f64,
    pub then: Direction,
}

impl Kind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cross => "cross",
            Self::Threshold(_) => "threshold",
            Self::Breakout { .. } => "breakout",
            Self::Combination { .. } => "combination",
        }
    }

    /// Whether being on at its first look is news: what is beyond a level or out of
    /// a range got there; what is above something else may always have been.
    pub fn begins_flat(&self) -> bool {
        matches!(self, Self::Threshold(_) | Self::Breakout { .. })
    }

    /// None where there is not enough data.
    pub fn next(
        &self,
        before: Option<Direction>,
        value: &dyn Fn(usize) -> Option<f64>,
        rule: &dyn Fn(usize) -> Option<Direction>,
    ) -> Option<Direction> {
        match self {
            Self::Cross => crossed(before, value(0)?, value(1)?),
            Self::Threshold(threshold) => Some(threshold.next(before, value(0)?)),
            Self::Breakout { flat_at_middle } => {
                let range = Range {
                    upper: value(1)?,
                    lower: value(2)?,
                    middle: value(3)?,
                };
                Some(range.next(before, value(0)?, *flat_at_middle))
            }
            Self::Combination { of, then } => {
                let on = of.is_true(rule)?;
                Some(if on { *then } else { Direction::Flat })
            }
        }
    }
}

/// Equal values are on the side where they were.
fn crossed(before: Option<Direction>, a: f64, b: f64) -> Option<Direction> {
    if a > b {
        Some(Direction::Long)
    } else if a < b {
        Some(Direction::Short)
    } else {
        before
    }
}

impl Threshold {
    fn next(&self, before: Option<Direction>, value: f64) -> Direction {
        let (beyond, back) = if self.above {
            (value > self.level, value <= self.back)
        } else {
            (value < self.level, value >= self.back)
        };
        if beyond {
            self.then
        } else if back {
            Direction::Flat
        } else {
            before.unwrap_or(Direction::Flat)
        }
    }
}

struct Range {
    upper: f64,
    lower: f64,
    middle: f64,
}

impl Range {
    fn next(&self, before: Option<Direction>, close: f64, flat_at_middle: bool) -> Direction {
        if close > self.upper {
            return Direction::Long;
        }
        if close < self.lower {
            return Direction::Short;
        }
        let before = before.unwrap_or(Direction::Flat);
        let is_back = match before {
            Direction::Long => close <= self.middle,
            Direction::Short => close >= self.middle,
            Direction::Flat | Direction::Neutral => false,
        };
        if flat_at_middle && is_back {
            Direction::Flat
        } else {
            before
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Flat, Long, Short};

    /// The states after each row of values.
    fn states<const N: usize>(kind: &Kind, rows: &[[f64; N]]) -> Vec<Option<Direction>> {
        let mut state = None;
        let mut next = |row: &[f64; N]| {
            let value = |n: usize| row.get(n).copied().filter(|value| !value.is_nan());
            state = kind.next(state, &value, &|_| None).or(state);
            state
        };
        rows.iter().map(&mut next).collect()
    }

    #[test]
    fn a_cross_needs_more_than_touching() {
        let rows = [
            [2.0, 2.0],
            [1.0, 2.0],
            [2.0, 2.0],
            [3.0, 2.0],
            [2.0, 2.0],
            [1.0, 2.0],
        ];
        let expected = [
            None,
            Some(Short),
            Some(Short),
            Some(Long),
            Some(Long),
            Some(Short),
        ];
        assert_eq!(states(&Kind::Cross, &rows), expected);
    }

    #[test]
    fn a_threshold_is_on_until_the_value_is_well_back() {
        let threshold = Threshold {
            level: 70.0,
            above: true,
            back: 60.0,
            then: Short,
        };
        let kind = Kind::Threshold(threshold);
        let rows = [[65.0], [70.0], [70.1], [60.1], [60.0], [69.0]];
        let expected = [Flat, Flat, Short, Short, Flat, Flat].map(Some);
        assert_eq!(states(&kind, &rows), expected);
        let below = Kind::Threshold(Threshold {
            level: 30.0,
            above: false,
            back: 40.0,
            then: Long,
        });
        let rows = [[35.0], [30.0], [29.9], [39.9], [40.0]];
        assert_eq!(
            states(&below, &rows),
            [Flat, Flat, Long, Long, Flat].map(Some)
        );
    }

    #[test]
    fn a_breakout_holds_until_the_other_side_or_the_middle() {
        // close, upper, lower, middle
        let rows = [
            [11.0, 12.0, 8.0, 10.0],
            [12.0, 12.0, 8.0, 10.0],
            [12.1, 12.0, 8.0, 10.0],
            [10.0, 12.0, 8.0, 10.0],
            [7.9, 12.0, 8.0, 10.0],
            [10.0, 12.0, 8.0, 10.0],
        ];
        let hold = Kind::Breakout {
            flat_at_middle: false,
        };
        assert_eq!(
            states(&hold, &rows),
            [Flat, Flat, Long, Long, Short, Short].map(Some)
        );
        let exit = Kind::Breakout {
            flat_at_middle: true,
        };
        assert_eq!(
            states(&exit, &rows),
            [Flat, Flat, Long, Flat, Short, Flat].map(Some)
        );
    }

    #[test]
    fn without_a_value_there_is_no_state() {
        assert_eq!(
            states(&Kind::Cross, &[[1.0, f64::NAN], [1.0, 2.0]]),
            [None, Some(Short)]
        );
    }
}
