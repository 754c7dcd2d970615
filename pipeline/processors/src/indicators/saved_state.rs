//! State as a row of numbers: a new indicator needs no new schema, and each is
//! written and read by one and the same function.

use std::collections::VecDeque;

pub(super) enum StateVisitor<'n> {
    Write(Vec<f64>),
    Read { rest: &'n [f64], broken: bool },
}

impl StateVisitor<'_> {
    pub fn number(&mut self, value: &mut f64) {
        match self {
            Self::Write(numbers) => numbers.push(*value),
            Self::Read { rest, broken } => match rest.split_first() {
                Some((first, others)) if first.is_finite() => {
                    *value = *first;
                    *rest = others;
                }
                _ => *broken = true,
            },
        }
    }

    /// At most `max`, so that damaged state costs no memory.
    pub fn count(&mut self, value: &mut usize, max: usize) {
        let mut number = *value as f64;
        self.number(&mut number);
        if number.fract() == 0.0 && (0.0..=max as f64).contains(&number) {
            *value = number as usize;
        } else {
            self.mark_broken();
        }
    }

    /// In two halves: a float has too few digits for some.
    pub fn integer(&mut self, value: &mut i64) {
        let mut high = (*value >> 32) as f64;
        let mut low = (*value & 0xffff_ffff) as f64;
        self.number(&mut high);
        self.number(&mut low);
        *value = ((high as i64) << 32) | (low as i64);
    }

    pub fn optional<T: Default>(&mut self, value: &mut Option<T>, each: fn(&mut Self, &mut T)) {
        let mut there = usize::from(value.is_some());
        self.count(&mut there, 1);
        if there == 0 {
            *value = None;
        } else {
            each(self, value.get_or_insert_default());
        }
    }

    pub fn list(&mut self, values: &mut VecDeque<f64>, max: usize) {
        let mut len = values.len();
        self.count(&mut len, max);
        values.resize(len, 0.0);
        for value in values {
            self.number(value);
        }
    }

    pub fn mark_broken(&mut self) {
        if let Self::Read { broken, .. } = self {
            *broken = true;
        }
    }
}
