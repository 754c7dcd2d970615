use super::definition::{Definition, IndicatorLine, Need, PERIOD_AFTER_FIRST};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::sample::{Candle, Reads};
use super::saved_state::StateVisitor;
use super::smoothing::Smoothed;

pub(super) const ATR: Definition = Definition {
    name: "atr",
    title: "Average true range",
    reads: Reads::Bar,
    parameters: &[Parameter::period("period", "of the average", 14.0, 1.0)],
    ascending: None,
    lines: &[IndicatorLine::new(
        "atr",
        "how far the price moves in a bar, gaps included",
        PERIOD_AFTER_FIRST,
    )],
    formula: "true range = the larger of high and previous close, less the smaller of low and previous close. The average as Wilder's: average + (new − average) / `period`.",
    seeding: "The first bar has no previous close and so no true range. The first average is the plain mean of the first `period` true ranges.",
    flat: "Nothing is divided by what can be zero.",
    build: |given| Box::new(Atr::new(given.count("period"))),
};

pub(super) const ADX: Definition = Definition {
    name: "adx",
    title: "Average directional index",
    reads: Reads::Bar,
    parameters: &[Parameter::period("period", "of all averages", 14.0, 1.0)],
    ascending: None,
    lines: &[
        IndicatorLine::new(
            "plus_di",
            "+DI: movement up in percent of the true range",
            PERIOD_AFTER_FIRST,
        ),
        IndicatorLine::new(
            "minus_di",
            "−DI: movement down in percent of the true range",
            PERIOD_AFTER_FIRST,
        ),
        IndicatorLine::new(
            "adx",
            "how strong the trend is, whichever way; 0 to 100",
            &[Need::of(&["period", "period"], 0)],
        ),
    ],
    formula: "up = high − previous high; down = previous low − low; the larger of them counts if it is above 0, the other counts 0. ±DI = 100 × average movement / average true range; DX = 100 × |+DI − −DI| / (+DI + −DI); adx = average of DX. All averages as Wilder's: average + (new − average) / `period`.",
    seeding: "The first bar has nothing to compare with. The first averages are the plain means of the first `period` movements and true ranges, then of the first `period` DX.",
    flat: "±DI are 0 when there was no true range; DX is 0 when there was no movement.",
    build: |given| {
        let period = given.count("period");
        Box::new(Adx {
            previous: None,
            true_range: Atr::new(period),
            up: Smoothed::wilder(period),
            down: Smoothed::wilder(period),
            direction: Smoothed::wilder(period),
        })
    },
};

#[derive(Clone)]
pub(super) struct Atr {
    previous_close: Option<f64>,
    average: Smoothed,
}

impl Atr {
    pub fn new(period: usize) -> Self {
        Self {
            previous_close: None,
            average: Smoothed::wilder(period),
        }
    }

    pub fn push(&mut self, candle: &Candle) -> Option<f64> {
        let before = self.previous_close.replace(candle.close)?;
        let true_range = candle.high.max(before) - candle.low.min(before);
        self.average.push(true_range)
    }
}

impl Computation for Atr {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        lines([self.push(&candle)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.previous_close, StateVisitor::number);
        self.average.visit_state(visitor);
    }
}

#[derive(Clone)]
struct Adx {
    previous: Option<Extremes>,
    true_range: Atr,
    up: Smoothed,
    down: Smoothed,
    direction: Smoothed,
}

#[derive(Clone, Copy, Default)]
struct Extremes {
    high: f64,
    low: f64,
}

impl Extremes {
    fn visit_state(visitor: &mut StateVisitor<'_>, value: &mut Self) {
        visitor.number(&mut value.high);
        visitor.number(&mut value.low);
    }
}

impl Adx {
    /// +DI and −DI.
    fn indices(&mut self, candle: &Candle) -> Option<(f64, f64)> {
        let true_range = self.true_range.push(candle);
        let Candle { high, low, .. } = *candle;
        let before = self.previous.replace(Extremes { high, low })?;
        let (up, down) = (high - before.high, before.low - low);
        let counted = |this: f64, other: f64| if this > other { this.max(0.0) } else { 0.0 };
        let plus = self.up.push(counted(up, down));
        let minus = self.down.push(counted(down, up));
        let (true_range, plus, minus) = (true_range?, plus?, minus?);
        if true_range > 0.0 {
            Some((100.0 * plus / true_range, 100.0 * minus / true_range))
        } else {
            Some((0.0, 0.0))
        }
    }
}

impl Computation for Adx {
    type Input = Candle;

    fn next(&mut self, candle: Candle) -> Lines {
        let Some((plus, minus)) = self.indices(&candle) else {
            return lines([]);
        };
        let moved = plus + minus;
        let direction = if moved > 0.0 {
            100.0 * (plus - minus).abs() / moved
        } else {
            0.0
        };
        lines([Some(plus), Some(minus), self.direction.push(direction)])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.previous, Extremes::visit_state);
        self.true_range.visit_state(visitor);
        self.up.visit_state(visitor);
        self.down.visit_state(visitor);
        self.direction.visit_state(visitor);
    }
}
