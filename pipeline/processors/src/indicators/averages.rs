use super::definition::{Definition, IndicatorLine, PERIOD};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::sample::{Close, Reads};
use super::saved_state::StateVisitor;
use super::smoothing::Smoothed;
use super::window::{Ramp, SlidingWindow, Sum};

const PARAMETERS: &[Parameter] = &[Parameter::period("period", "how many values", 20.0, 1.0)];

const fn average(name: &'static str, meaning: &'static str) -> IndicatorLine {
    IndicatorLine::new(name, meaning, PERIOD)
}

pub(super) const SMA: Definition = Definition {
    name: "sma",
    title: "Simple moving average",
    reads: Reads::Price,
    parameters: PARAMETERS,
    ascending: None,
    lines: &[average("sma", "the average")],
    formula: "The sum of the newest `period` values, divided by `period`.",
    seeding: "None: only the values in the window count.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| Box::new(Sma::new(given.count("period"))),
};

pub(super) const EMA: Definition = Definition {
    name: "ema",
    title: "Exponential moving average",
    reads: Reads::Price,
    parameters: PARAMETERS,
    ascending: None,
    lines: &[average("ema", "the average")],
    formula: "ema + (value − ema) × 2 / (`period` + 1).",
    seeding: "The first is the plain mean of the first `period` values.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| Box::new(Ema(Smoothed::exponential(given.count("period")))),
};

pub(super) const WMA: Definition = Definition {
    name: "wma",
    title: "Weighted moving average",
    reads: Reads::Price,
    parameters: PARAMETERS,
    ascending: None,
    lines: &[average("wma", "the average")],
    formula: "The mean of the newest `period` values, weighted 1 for the oldest up to `period` for the newest.",
    seeding: "None: only the values in the window count.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| Box::new(Wma(SlidingWindow::new(given.count("period")))),
};

#[derive(Clone)]
pub(super) struct Sma(SlidingWindow<Sum>);

impl Sma {
    pub fn new(period: usize) -> Self {
        Self(SlidingWindow::new(period))
    }

    pub fn push(&mut self, value: f64) -> Option<f64> {
        let Sum(sum) = self.0.push(value)?;
        Some(sum / self.0.length() as f64)
    }
}

impl Computation for Sma {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        lines([self.push(value)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Ema(Smoothed);

impl Computation for Ema {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        lines([self.0.push(value)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Wma(SlidingWindow<Ramp>);

impl Computation for Wma {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        lines([self.0.push(value).map(Ramp::mean)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}
