use super::saved_state::StateVisitor;

/// An average that moves a fixed part of the way to each new number, and starts
/// as the plain mean of the first `period`.
#[derive(Clone)]
pub(super) struct Smoothed {
    period: usize,
    weight: f64,
    seen: usize,
    sum: f64,
    value: Option<f64>,
}

impl Smoothed {
    /// Moves 2 / (period + 1) of the way.
    pub fn exponential(period: usize) -> Self {
        Self::with_weight(period, 2.0 / (period as f64 + 1.0))
    }

    /// Moves 1 / period of the way.
    pub fn wilder(period: usize) -> Self {
        Self::with_weight(period, 1.0 / period as f64)
    }

    fn with_weight(period: usize, weight: f64) -> Self {
        Self {
            period,
            weight,
            seen: 0,
            sum: 0.0,
            value: None,
        }
    }

    pub fn push(&mut self, number: f64) -> Option<f64> {
        if let Some(value) = &mut self.value {
            *value += self.weight * (number - *value);
            return self.value;
        }
        self.seen += 1;
        self.sum += number;
        if self.seen == self.period {
            self.value = Some(self.sum / self.period as f64);
        }
        self.value
    }

    pub fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.count(&mut self.seen, self.period);
        visitor.number(&mut self.sum);
        visitor.optional(&mut self.value, StateVisitor::number);
    }
}

/// A sum over any number of terms: what each addition rounds off is kept
/// (Neumaier), or it would drift with the length of the series.
#[derive(Clone, Default)]
pub(super) struct LongSum {
    sum: f64,
    rounded_off: f64,
}

impl LongSum {
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.rounded_off += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    pub fn total(&self) -> f64 {
        self.sum + self.rounded_off
    }

    pub fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.number(&mut self.sum);
        visitor.number(&mut self.rounded_off);
    }
}
