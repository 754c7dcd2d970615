use super::averages::Sma;
use super::definition::{Definition, IndicatorLine, Need, PERIOD_AFTER_FIRST};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::sample::{Candle, Close, Reads};
use super::saved_state::StateVisitor;
use super::smoothing::Smoothed;
use super::window::{Highest, Lowest, Oldest, SlidingWindow};

/// What a scale from 0 to 100 reads when the market stands still: neither end.
const MIDDLE: f64 = 50.0;

pub(super) const RSI: Definition = Definition {
    name: "rsi",
    title: "Relative strength index",
    reads: Reads::Price,
    parameters: &[Parameter::period("period", "of the averages", 14.0, 1.0)],
    ascending: None,
    lines: &[IndicatorLine::new(
        "rsi",
        "0 when all changes were losses, 100 when all were gains",
        PERIOD_AFTER_FIRST,
    )],
    formula: "100 × average gain / (average gain + average loss) of the changes from value to value; a change one way counts 0 the other way. Averages as Wilder's: average + (new − average) / `period`.",
    seeding: "The first averages are the plain means of the first `period` changes.",
    flat: "50 when neither a gain nor a loss is left.",
    build: |given| {
        let period = given.count("period");
        Box::new(Rsi {
            previous: None,
            gains: Smoothed::wilder(period),
            losses: Smoothed::wilder(period),
        })
    },
};

pub(super) const MACD: Definition = Definition {
    name: "macd",
    title: "Moving average convergence divergence",
    reads: Reads::Price,
    parameters: &[
        Parameter::period("fast", "of the faster average", 12.0, 1.0),
        Parameter::period("slow", "of the slower average", 26.0, 2.0),
        Parameter::period("signal", "of the average of the difference", 9.0, 1.0),
    ],
    ascending: Some(("fast", "slow")),
    lines: &[
        IndicatorLine::new(
            "macd",
            "the faster less the slower average",
            &[Need::of(&["slow"], 0)],
        ),
        IndicatorLine::new(
            "signal",
            "the average of macd",
            &[Need::of(&["slow", "signal"], -1)],
        ),
        IndicatorLine::new(
            "histogram",
            "macd less signal",
            &[Need::of(&["slow", "signal"], -1)],
        ),
    ],
    formula: "macd = ema(`fast`) − ema(`slow`); signal = ema(`signal`) of macd; histogram = macd − signal.",
    seeding: "Each average is seeded as `ema` is: the two of the value with its own first values, the signal with the first values of macd.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| {
        Box::new(Macd {
            fast: Smoothed::exponential(given.count("fast")),
            slow: Smoothed::exponential(given.count("slow")),
            signal: Smoothed::exponential(given.count("signal")),
        })
    },
};

pub(super) const STOCHASTIC: Definition = Definition {
    name: "stochastic",
    title: "Stochastic oscillator",
    reads: Reads::Bar,
    parameters: &[
        Parameter::period("period", "how many bars make the range", 14.0, 1.0),
        Parameter::period("smooth", "over how many bars %K is averaged", 3.0, 1.0),
        Parameter::period(
            "signal",
            "over how many values of %K %D is averaged",
            3.0,
            1.0,
        ),
    ],
    ascending: None,
    lines: &[
        IndicatorLine::new(
            "k",
            "%K: where the close is in the range, 0 at its low, 100 at its high",
            &[Need::of(&["period", "smooth"], -1)],
        ),
        IndicatorLine::new(
            "d",
            "%D: the average of %K",
            &[Need::of(&["period", "smooth", "signal"], -2)],
        ),
    ],
    formula: "raw = 100 × (close − lowest low) / (highest high − lowest low) of the newest `period` bars; k = sma(`smooth`) of raw; d = sma(`signal`) of k.",
    seeding: "None: only the bars in the windows count.",
    flat: "raw is 50 when the highest high is the lowest low.",
    build: |given| {
        let period = given.count("period");
        Box::new(Stochastic {
            highs: SlidingWindow::new(period),
            lows: SlidingWindow::new(period),
            k: Sma::new(given.count("smooth")),
            d: Sma::new(given.count("signal")),
        })
    },
};

pub(super) const RATE_OF_CHANGE: Definition = Definition {
    name: "rate_of_change",
    title: "Rate of change",
    reads: Reads::Price,
    parameters: &[Parameter::period(
        "period",
        "how many values back",
        10.0,
        1.0,
    )],
    ascending: None,
    lines: &[IndicatorLine::new(
        "percent",
        "the change in percent of the older value",
        PERIOD_AFTER_FIRST,
    )],
    formula: "100 × (value − value `period` before) / value `period` before.",
    seeding: "None: only the two values count.",
    flat: "Undefined when the older value is not above zero.",
    build: |given| Box::new(RateOfChange(SlidingWindow::new(given.count("period") + 1))),
};

#[derive(Clone)]
struct Rsi {
    previous: Option<f64>,
    gains: Smoothed,
    losses: Smoothed,
}

impl Computation for Rsi {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        let Some(previous) = self.previous.replace(value) else {
            return lines([]);
        };
        let change = value - previous;
        let gain = self.gains.push(change.max(0.0));
        let loss = self.losses.push((-change).max(0.0));
        let rsi = gain.zip(loss).map(|(gain, loss)| {
            let both = gain + loss;
            if both > 0.0 {
                100.0 * gain / both
            } else {
                MIDDLE
            }
        });
        lines([rsi])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.previous, StateVisitor::number);
        self.gains.visit_state(visitor);
        self.losses.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Macd {
    fast: Smoothed,
    slow: Smoothed,
    signal: Smoothed,
}

impl Computation for Macd {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        let fast = self.fast.push(value);
        let slow = self.slow.push(value);
        let macd = fast.zip(slow).map(|(fast, slow)| fast - slow);
        let signal = macd.and_then(|macd| self.signal.push(macd));
        let histogram = macd.zip(signal).map(|(macd, signal)| macd - signal);
        lines([macd, signal, histogram])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.fast.visit_state(visitor);
        self.slow.visit_state(visitor);
        self.signal.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Stochastic {
    highs: SlidingWindow<Highest>,
    lows: SlidingWindow<Lowest>,
    k: Sma,
    d: Sma,
}

impl Computation for Stochastic {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        let range = self.highs.push(candle.high).zip(self.lows.push(candle.low));
        let raw = range.map(|(Highest(high), Lowest(low))| {
            if high > low {
                100.0 * (candle.close - low) / (high - low)
            } else {
                MIDDLE
            }
        });
        let k = raw.and_then(|raw| self.k.push(raw));
        let d = k.and_then(|k| self.d.push(k));
        lines([k, d])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.highs.visit_state(visitor);
        self.lows.visit_state(visitor);
        self.k.visit_state(visitor);
        self.d.visit_state(visitor);
    }
}

#[derive(Clone)]
struct RateOfChange(SlidingWindow<Oldest>);

impl Computation for RateOfChange {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        let before = self.0.push(value).map(|Oldest(before)| before);
        let before = before.filter(|before| *before > 0.0);
        lines([before.map(|before| 100.0 * (value - before) / before)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}
