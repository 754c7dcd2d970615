//! The newest so many numbers, folded: one structure for every sliding sum, mean,
//! variance and extreme.

use std::collections::VecDeque;

use super::saved_state::StateVisitor;

/// What a stretch of numbers comes to; neighbouring stretches join.
pub(super) trait Aggregate: Copy {
    fn of(value: f64) -> Self;
    fn join(self, newer: Self) -> Self;
}

/// Numbers leave by being forgotten, not by being subtracted, so nothing cancels
/// and no rounding error outlives its number. O(1) a number on the average: the
/// older part is folded once, from its newest end, whenever it is used up.
#[derive(Clone)]
pub(super) struct SlidingWindow<A> {
    length: usize,
    values: VecDeque<f64>,
    /// Of each of the first values, what it and all up to the end of this part
    /// come to; the oldest is last.
    older: Vec<A>,
    /// What the values behind those come to.
    newer: Option<A>,
}

impl<A: Aggregate> SlidingWindow<A> {
    pub fn new(length: usize) -> Self {
        Self {
            length,
            values: VecDeque::new(),
            older: Vec::new(),
            newer: None,
        }
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// What the window comes to with this number in it, once it is full.
    pub fn push(&mut self, value: f64) -> Option<A> {
        if self.values.len() == self.length {
            if self.older.is_empty() {
                self.split_at(self.values.len());
            }
            self.values.pop_front();
            self.older.pop();
        }
        self.values.push_back(value);
        self.newer = Some(joined(self.newer, value));
        self.total()
    }

    /// What the window comes to; None before it is full.
    pub fn total(&self) -> Option<A> {
        if self.values.len() < self.length {
            return None;
        }
        match (self.older.last(), self.newer) {
            (Some(older), Some(newer)) => Some(older.join(newer)),
            (Some(older), None) => Some(*older),
            (None, newer) => newer,
        }
    }

    pub fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        let mut split = self.older.len();
        visitor.list(&mut self.values, self.length);
        visitor.count(&mut split, self.values.len());
        self.split_at(split.min(self.values.len()));
    }

    /// Folds anew, the older part up to here. Doing it again gives the same bits.
    fn split_at(&mut self, split: usize) {
        self.older.clear();
        for value in self.values.range(..split).rev() {
            let value = A::of(*value);
            let folded = self.older.last().map_or(value, |newer| value.join(*newer));
            self.older.push(folded);
        }
        let newer = self.values.range(split..);
        self.newer = newer.fold(None, |sum, value| Some(joined(sum, *value)));
    }
}

fn joined<A: Aggregate>(so_far: Option<A>, value: f64) -> A {
    let value = A::of(value);
    so_far.map_or(value, |sum| sum.join(value))
}

#[derive(Clone, Copy)]
pub(super) struct Sum(pub f64);

impl Aggregate for Sum {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn join(self, newer: Self) -> Self {
        Self(self.0 + newer.0)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Highest(pub f64);

impl Aggregate for Highest {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn join(self, newer: Self) -> Self {
        Self(self.0.max(newer.0))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Lowest(pub f64);

impl Aggregate for Lowest {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn join(self, newer: Self) -> Self {
        Self(self.0.min(newer.0))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Oldest(pub f64);

impl Aggregate for Oldest {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn join(self, _newer: Self) -> Self {
        self
    }
}

/// Weights 1, 2, 3, … from the oldest to the newest.
#[derive(Clone, Copy)]
pub(super) struct Ramp {
    count: f64,
    sum: f64,
    weighted: f64,
}

impl Ramp {
    pub fn mean(self) -> f64 {
        self.weighted / (self.count * (self.count + 1.0) / 2.0)
    }
}

impl Aggregate for Ramp {
    fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            weighted: value,
        }
    }

    fn join(self, newer: Self) -> Self {
        Self {
            count: self.count + newer.count,
            sum: self.sum + newer.sum,
            weighted: self.weighted + newer.weighted + self.count * newer.sum,
        }
    }
}

/// Mean and squared deviations from it, joined as Chan, Golub and LeVeque do: the
/// difference of two large squares never appears, and equal values deviate by exactly 0.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    count: f64,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    /// Of these values alone: divided by their number.
    pub fn deviation(self) -> f64 {
        (self.squares / self.count).sqrt()
    }

    /// Of what they are a sample of: divided by one less.
    pub fn sample_deviation(self) -> f64 {
        (self.squares / (self.count - 1.0)).sqrt()
    }

    /// How many deviations a value is away from the mean; None if there is no deviation.
    pub fn score(self, value: f64) -> Option<f64> {
        let deviation = self.deviation();
        (deviation > 0.0).then(|| (value - self.mean) / deviation)
    }
}

impl Aggregate for Moments {
    fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            mean: value,
            squares: 0.0,
        }
    }

    fn join(self, newer: Self) -> Self {
        let count = self.count + newer.count;
        let apart = newer.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * (newer.count / count),
            squares: self.squares
                + newer.squares
                + apart * apart * (self.count * newer.count / count),
        }
    }
}
