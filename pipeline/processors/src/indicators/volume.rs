use super::definition::{Definition, IndicatorLine, Need};
use super::indicator::{Computation, Lines, lines};
use super::sample::{Candle, InputError, Reads, not_back};
use super::saved_state::StateVisitor;
use super::smoothing::LongSum;

const FIRST: &[Need] = &[Need::of(&[], 1)];

pub(super) const OBV: Definition = Definition {
    name: "obv",
    title: "On-balance volume",
    reads: Reads::Bar,
    parameters: &[],
    ascending: None,
    lines: &[IndicatorLine::new(
        "obv",
        "volume of bars that rose less volume of bars that fell",
        FIRST,
    )],
    formula: "obv plus the volume of a bar that closed above the one before, less that of one that closed below.",
    seeding: "0 at the first bar, which has nothing to compare with.",
    flat: "A bar that closed where the one before did changes nothing.",
    build: |_| Box::new(Obv::default()),
};

pub(super) const VWAP: Definition = Definition {
    name: "vwap",
    title: "Volume-weighted average price of the session",
    reads: Reads::Bar,
    parameters: &[],
    ascending: None,
    lines: &[
        IndicatorLine::new(
            "vwap",
            "what a unit cost on the average since the session began",
            FIRST,
        ),
        IndicatorLine::new(
            "deviation",
            "how far the close is above it, in percent of it",
            FIRST,
        ),
    ],
    formula: "vwap = sum of notional / sum of volume of the bars of the session; deviation = 100 × (close − vwap) / vwap.",
    seeding: "Both sums begin at 0 with the first bar of each session.",
    flat: "Undefined while the session has no volume; deviation also when vwap is not above zero.",
    build: |_| Box::new(Vwap::default()),
};

#[derive(Clone, Default)]
struct Obv {
    previous_close: Option<f64>,
    balance: LongSum,
}

impl Computation for Obv {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        let previous = self.previous_close.replace(candle.close);
        let previous = previous.unwrap_or(candle.close);
        if candle.close > previous {
            self.balance.add(candle.volume);
        } else if candle.close < previous {
            self.balance.add(-candle.volume);
        }
        lines([Some(self.balance.total())])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.previous_close, StateVisitor::number);
        self.balance.visit_state(visitor);
    }
}

#[derive(Clone, Default)]
struct Vwap {
    session: Option<i64>,
    notional: LongSum,
    volume: LongSum,
}

impl Computation for Vwap {
    type Input = Candle;

    fn check(&self, candle: &Candle) -> Result<(), InputError> {
        not_back("session", self.session, candle.session)
    }

    fn next(&mut self, candle: Candle) -> Lines {
        if self.session.replace(candle.session) != Some(candle.session) {
            self.notional = LongSum::default();
            self.volume = LongSum::default();
        }
        self.notional.add(candle.notional);
        self.volume.add(candle.volume);
        let volume = self.volume.total();
        let vwap = (volume > 0.0).then(|| self.notional.total() / volume);
        let above_zero = vwap.filter(|vwap| *vwap > 0.0);
        let deviation = above_zero.map(|vwap| 100.0 * (candle.close - vwap) / vwap);
        lines([vwap, deviation])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.session, StateVisitor::integer);
        self.notional.visit_state(visitor);
        self.volume.visit_state(visitor);
    }
}
