use super::definition::{Definition, IndicatorLine, PERIOD, PERIOD_AFTER_FIRST};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::sample::{Close, InputError, Reads, above_zero};
use super::saved_state::StateVisitor;
use super::window::{Moments, SlidingWindow};

pub(super) const Z_SCORE: Definition = Definition {
    name: "z_score",
    title: "Z-score",
    reads: Reads::Price,
    parameters: &[Parameter::period("period", "how many values", 20.0, 2.0)],
    ascending: None,
    lines: &[IndicatorLine::new(
        "score",
        "how many standard deviations the value is above the mean",
        PERIOD,
    )],
    formula: "(value − mean) / standard deviation of the newest `period` values, this one among them (divided by `period`, not by one less).",
    seeding: "None: only the values in the window count.",
    flat: "Undefined when all values are equal.",
    build: |given| Box::new(ZScore(SlidingWindow::new(given.count("period")))),
};

pub(super) const REALISED_VOLATILITY: Definition = Definition {
    name: "realised_volatility",
    title: "Realised volatility",
    reads: Reads::Price,
    parameters: &[
        Parameter::period("period", "how many returns", 20.0, 2.0),
        Parameter {
            name: "per_year",
            meaning: "how many of them a year has: 252 for daily bars of shares, 365 of coins",
            default: 252.0,
            min: 1.0,
            max: 31_622_400.0,
            whole: false,
        },
    ],
    ascending: None,
    lines: &[IndicatorLine::new(
        "volatility",
        "a year's standard deviation, as a fraction",
        PERIOD_AFTER_FIRST,
    )],
    formula: "The standard deviation (divided by one less than `period`) of the newest `period` logarithmic returns, times the square root of `per_year`.",
    seeding: "The first value has no return. Only the returns in the window count.",
    flat: "0 when all returns are equal. A value that is not above zero is refused: it has no logarithm.",
    build: |given| {
        Box::new(RealisedVolatility {
            previous: None,
            returns: SlidingWindow::new(given.count("period")),
            scale: given.number("per_year").sqrt(),
        })
    },
};

#[derive(Clone)]
struct ZScore(SlidingWindow<Moments>);

impl Computation for ZScore {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        let moments = self.0.push(value);
        lines([moments.and_then(|moments| moments.score(value))])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct RealisedVolatility {
    previous: Option<f64>,
    returns: SlidingWindow<Moments>,
    scale: f64,
}

impl Computation for RealisedVolatility {
    type Input = Close;

    fn check(&self, Close(value): &Close) -> Result<(), InputError> {
        above_zero("value", *value)
    }

    fn next(&mut self, Close(value): Close) -> Lines {
        let Some(previous) = self.previous.replace(value) else {
            return lines([]);
        };
        let moments = self.returns.push(libm::log(value / previous));
        lines([moments.map(|moments| moments.sample_deviation() * self.scale)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.previous, StateVisitor::number);
        self.returns.visit_state(visitor);
    }
}
