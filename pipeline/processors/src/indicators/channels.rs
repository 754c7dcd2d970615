use super::definition::{Definition, IndicatorLine, Need, PERIOD};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::range::Atr;
use super::sample::{Candle, Close, Reads};
use super::saved_state::StateVisitor;
use super::smoothing::Smoothed;
use super::window::{Highest, Lowest, Moments, SlidingWindow};

pub(super) const BOLLINGER: Definition = Definition {
    name: "bollinger",
    title: "Bollinger bands",
    reads: Reads::Price,
    parameters: &[
        Parameter::period("period", "how many values", 20.0, 2.0),
        Parameter::width(
            "deviations",
            "how many standard deviations the bands are away",
        ),
    ],
    ascending: None,
    lines: &[
        IndicatorLine::new("middle", "the mean", PERIOD),
        IndicatorLine::new("upper", "the mean plus the deviations", PERIOD),
        IndicatorLine::new("lower", "the mean less the deviations", PERIOD),
        IndicatorLine::new(
            "percent_b",
            "where the value is: 0 at the lower band, 1 at the upper",
            PERIOD,
        ),
        IndicatorLine::new(
            "bandwidth",
            "upper less lower, as a fraction of the middle",
            PERIOD,
        ),
    ],
    formula: "middle = mean of the newest `period` values; upper and lower = middle ± `deviations` × their standard deviation (divided by `period`, not by one less); percent_b = (value − lower) / (upper − lower); bandwidth = (upper − lower) / middle.",
    seeding: "None: only the values in the window count.",
    flat: "percent_b is undefined when all values are equal, bandwidth when the middle is not above zero.",
    build: |given| {
        Box::new(Bollinger {
            window: SlidingWindow::new(given.count("period")),
            deviations: given.number("deviations"),
        })
    },
};

const DONCHIAN_NEEDS: &[Need] = &[Need::of(&["period", "offset"], 0)];

pub(super) const DONCHIAN: Definition = Definition {
    name: "donchian",
    title: "Donchian channel",
    reads: Reads::Bar,
    parameters: &[
        Parameter::period("period", "how many bars", 20.0, 1.0),
        Parameter {
            name: "offset",
            meaning: "0: with the newest bar; 1: the bars before it, which it can break out of",
            default: 0.0,
            min: 0.0,
            max: 1.0,
            whole: true,
        },
    ],
    ascending: None,
    lines: &[
        IndicatorLine::new("upper", "the highest high", DONCHIAN_NEEDS),
        IndicatorLine::new("lower", "the lowest low", DONCHIAN_NEEDS),
        IndicatorLine::new("middle", "halfway between", DONCHIAN_NEEDS),
    ],
    formula: "upper = highest high and lower = lowest low of `period` bars, the newest of which is `offset` bars back; middle = (upper + lower) / 2.",
    seeding: "None: only the bars in the window count.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| {
        let period = given.count("period");
        Box::new(Donchian {
            highs: SlidingWindow::new(period),
            lows: SlidingWindow::new(period),
            before_newest: given.count("offset") > 0,
        })
    },
};

const KELTNER_BANDS: &[Need] = &[Need::of(&["period"], 0), Need::of(&["atr_period"], 1)];

pub(super) const KELTNER: Definition = Definition {
    name: "keltner",
    title: "Keltner channel",
    reads: Reads::Bar,
    parameters: &[
        Parameter::period("period", "of the average of the close", 20.0, 1.0),
        Parameter::period("atr_period", "of the average true range", 10.0, 1.0),
        Parameter::width("ranges", "how many average true ranges the bands are away"),
    ],
    ascending: None,
    lines: &[
        IndicatorLine::new("middle", "the average", PERIOD),
        IndicatorLine::new("upper", "the average plus the ranges", KELTNER_BANDS),
        IndicatorLine::new("lower", "the average less the ranges", KELTNER_BANDS),
    ],
    formula: "middle = ema(`period`) of the close; upper and lower = middle ± `ranges` × atr(`atr_period`).",
    seeding: "As `ema` and `atr` are.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| {
        Box::new(Keltner {
            middle: Smoothed::exponential(given.count("period")),
            range: Atr::new(given.count("atr_period")),
            ranges: given.number("ranges"),
        })
    },
};

#[derive(Clone)]
struct Bollinger {
    window: SlidingWindow<Moments>,
    deviations: f64,
}

impl Computation for Bollinger {
    type Input = Close;

    fn next(&mut self, Close(value): Close) -> Lines {
        let Some(moments) = self.window.push(value) else {
            return lines([]);
        };
        let middle = moments.mean;
        let away = self.deviations * moments.deviation();
        let width = 2.0 * away;
        let percent_b = (width > 0.0).then(|| (value - middle + away) / width);
        let bandwidth = (middle > 0.0).then(|| width / middle);
        lines([
            Some(middle),
            Some(middle + away),
            Some(middle - away),
            percent_b,
            bandwidth,
        ])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.window.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Donchian {
    highs: SlidingWindow<Highest>,
    lows: SlidingWindow<Lowest>,
    before_newest: bool,
}

impl Computation for Donchian {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        let before = self.highs.total().zip(self.lows.total());
        let with = self.highs.push(candle.high).zip(self.lows.push(candle.low));
        let range = if self.before_newest { before } else { with };
        let Some((Highest(upper), Lowest(lower))) = range else {
            return lines([]);
        };
        lines([Some(upper), Some(lower), Some(f64::midpoint(upper, lower))])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.highs.visit_state(visitor);
        self.lows.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Keltner {
    middle: Smoothed,
    range: Atr,
    ranges: f64,
}

impl Computation for Keltner {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        let middle = self.middle.push(candle.close);
        let range = self.range.push(&candle);
        let bands = middle.zip(range.map(|range| range * self.ranges));
        lines([
            middle,
            bands.map(|(middle, away)| middle + away),
            bands.map(|(middle, away)| middle - away),
        ])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.middle.visit_state(visitor);
        self.range.visit_state(visitor);
    }
}
