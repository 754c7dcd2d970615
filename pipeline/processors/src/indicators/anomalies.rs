use tapeline_model::Micros;

use super::definition::{Definition, IndicatorLine, Need, PERIOD_AFTER_FIRST};
use super::indicator::{Computation, Lines, lines};
use super::parameters::Parameter;
use super::sample::{InputError, Reads, TopOfBook, Traded, above_zero, not_back};
use super::saved_state::StateVisitor;
use super::window::{Moments, SlidingWindow};

const BASIS_POINTS: f64 = 1e4;
const MICROS: f64 = 1e6;

const COMPARED: Parameter = Parameter::period(
    "period",
    "how many of those before it are compared with",
    20.0,
    2.0,
);
const SEEDING: &str = "None: only the window counts. What is judged is not in it, so that it cannot hide itself; it is in the next one.";
const FLAT: &str = "ratio is undefined when the mean is 0, score when all in the window are equal.";

const fn ratio(needs: &'static [Need]) -> IndicatorLine {
    IndicatorLine::new("ratio", "how many times the mean of those before it", needs)
}

const fn score(needs: &'static [Need]) -> IndicatorLine {
    IndicatorLine::new(
        "score",
        "how many standard deviations above that mean",
        needs,
    )
}

const AFTER_GAPS: &[Need] = &[Need::of(&["period"], 2)];

pub(super) const VOLUME_SPIKE: Definition = Definition {
    name: "volume_spike",
    title: "Volume spike",
    reads: Reads::Volume,
    parameters: &[COMPARED],
    ascending: None,
    lines: &[ratio(PERIOD_AFTER_FIRST), score(PERIOD_AFTER_FIRST)],
    formula: "ratio = volume / mean and score = (volume − mean) / standard deviation of the `period` volumes before (divided by `period`, not by one less).",
    seeding: SEEDING,
    flat: FLAT,
    build: |given| Box::new(VolumeSpike(Baseline::new(given.count("period")))),
};

pub(super) const SPREAD_ANOMALY: Definition = Definition {
    name: "spread_anomaly",
    title: "Spread anomaly",
    reads: Reads::Quote,
    parameters: &[COMPARED],
    ascending: None,
    lines: &[
        IndicatorLine::new(
            "spread_bps",
            "ask less bid in basis points of the price between",
            &[Need::of(&[], 1)],
        ),
        ratio(PERIOD_AFTER_FIRST),
        score(PERIOD_AFTER_FIRST),
    ],
    formula: "spread_bps = 10000 × (ask − bid) / ((ask + bid) / 2); ratio = spread_bps / mean and score = (spread_bps − mean) / standard deviation of the `period` spreads before (divided by `period`, not by one less).",
    seeding: SEEDING,
    flat: "ratio is undefined when the mean is 0, score when all in the window are equal. A bid that is not above zero is refused.",
    build: |given| Box::new(SpreadAnomaly(Baseline::new(given.count("period")))),
};

pub(super) const QUOTE_GAP: Definition = Definition {
    name: "quote_gap",
    title: "Quote-gap anomaly",
    reads: Reads::Quote,
    parameters: &[COMPARED],
    ascending: None,
    lines: &[
        IndicatorLine::new("gap_seconds", "how long no quote came", &[Need::of(&[], 2)]),
        ratio(AFTER_GAPS),
        score(AFTER_GAPS),
    ],
    formula: "gap_seconds = time since the quote before; ratio = gap / mean and score = (gap − mean) / standard deviation of the `period` gaps before (divided by `period`, not by one less).",
    seeding: SEEDING,
    flat: FLAT,
    build: |given| {
        Box::new(QuoteGap {
            last: None,
            gaps: Baseline::new(given.count("period")),
        })
    },
};

/// What is usual: the newest so many, without the one that is judged.
#[derive(Clone)]
struct Baseline(SlidingWindow<Moments>);

impl Baseline {
    fn new(period: usize) -> Self {
        Self(SlidingWindow::new(period))
    }

    /// The ratio and the score of the next one, which then belongs to what is usual.
    fn judge(&mut self, value: f64) -> [Option<f64>; 2] {
        let usual = self.0.total();
        self.0.push(value);
        let Some(usual) = usual else {
            return [None; 2];
        };
        let ratio = (usual.mean > 0.0).then(|| value / usual.mean);
        [ratio, usual.score(value)]
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct VolumeSpike(Baseline);

impl Computation for VolumeSpike {
    type Input = Traded;

    fn next(&mut self, Traded(volume): Traded) -> Lines {
        lines(self.0.judge(volume))
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct SpreadAnomaly(Baseline);

impl Computation for SpreadAnomaly {
    type Input = TopOfBook;

    fn check(&self, quote: &TopOfBook) -> Result<(), InputError> {
        above_zero("bid", quote.bid)
    }

    fn next(&mut self, quote: TopOfBook) -> Lines {
        let between = f64::midpoint(quote.bid, quote.ask);
        let spread = BASIS_POINTS * (quote.ask - quote.bid) / between;
        let [ratio, score] = self.0.judge(spread);
        lines([Some(spread), ratio, score])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        self.0.visit_state(visitor);
    }
}

#[derive(Clone)]
struct QuoteGap {
    last: Option<i64>,
    gaps: Baseline,
}

impl Computation for QuoteGap {
    type Input = TopOfBook;

    fn check(&self, quote: &TopOfBook) -> Result<(), InputError> {
        not_back("quote time", self.last, quote.time.0)
    }

    fn next(&mut self, quote: TopOfBook) -> Lines {
        let Some(last) = self.last.replace(quote.time.0) else {
            return lines([]);
        };
        let gap = quote.time.since(Micros(last)) as f64 / MICROS;
        let [ratio, score] = self.gaps.judge(gap);
        lines([Some(gap), ratio, score])
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        visitor.optional(&mut self.last, StateVisitor::integer);
        self.gaps.visit_state(visitor);
    }
}
