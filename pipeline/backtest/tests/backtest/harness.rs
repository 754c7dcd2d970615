//! A whole line without limits, and short ways to say things.

use std::collections::BTreeMap;

use tapeline_backtest::{
    Digest, Fees, HistoryError, HistorySpan, PaperSettings, Report, ReportEntry, Summary, report,
    run,
};
use tapeline_model::ids::{AccountId, PortfolioId, output_id};
use tapeline_model::money::Money;
use tapeline_model::reasons::Refusal;
use tapeline_model::records::{
    Grade, GuardState, LimitAction, Outcome, Quote, Trade, TradeKind, Verdict,
};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::ledger::Currency;
use tapeline_processors::market::{BarSettings, BarsOf, Market, MarketSettings};
use tapeline_processors::risk::{Risk, RiskSettings};
use tapeline_processors::signals::Interval;
use tapeline_processors::strategy::{
    FixedSettings, InstanceSettings, Sides, SizeSettings, Strategy, StrategySettings, TradeSettings,
};
use tapeline_processors::{Input, Out, Processor, StateStore};
use tapeline_schemas::topics::Topic;

pub const SECOND: i64 = 1_000_000;
/// 2026-11-21T09:30:00Z
pub const START: i64 = 1_795_253_400 * SECOND;

pub fn millis(millis: i64) -> Micros {
    Micros(START + millis * 1_000)
}

/// Risk that does not say what it decided.
pub struct Silent(pub Risk);

impl Silent {
    fn but_verdicts(said: &mut Out, out: &mut Out) {
        let told = said
            .drain()
            .filter(|event| !matches!(event, Event::Verdict(_)));
        out.extend(told.collect::<Vec<_>>());
    }
}

impl Processor for Silent {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn inputs(&self) -> &'static [Input] {
        self.0.inputs()
    }

    fn outputs(&self) -> &'static [Topic] {
        self.0.outputs()
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let mut said = Out::default();
        self.0.process(origin, event, now, &mut said)?;
        Self::but_verdicts(&mut said, out);
        Ok(())
    }

    fn before_commit(&mut self, now: Micros, out: &mut Out) {
        self.0.before_commit(now, out);
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        self.0.stores()
    }
}

/// On a request of portfolio `one`.
pub fn verdict(request: &str, grade: Grade, now: Micros) -> Verdict {
    Verdict {
        verdict_id: output_id("orders.requests", 0, 0, request, 0),
        portfolio: PortfolioId::new("one"),
        rule: "none".to_owned(),
        mode: "enforce".to_owned(),
        reason: "WITHIN_LIMITS".to_owned(),
        outcome: Outcome::Pass,
        value: Money::ZERO,
        limit: Money::ZERO,
        distance: Money::ZERO,
        cause_topic: "orders.requests".to_owned(),
        cause_partition: 0,
        cause_offset: 0,
        config_hash: String::new(),
        grade,
        scope: String::new(),
        action: LimitAction::None,
        guard: GuardState::Active,
        unit: String::new(),
        request_id: Some(request.to_owned()),
        message: String::new(),
        marks: Vec::new(),
        limit_version: 0,
        limit_author: String::new(),
        limit_name: String::new(),
        group: String::new(),
        author: String::new(),
        overrides: Vec::new(),
        event_time: now,
        ingest_time: now,
        source: "risk".to_owned(),
    }
}

pub fn paper() -> PaperSettings {
    PaperSettings {
        accounts: accounts(),
        deposit: "100000".parse().unwrap(),
        currency: "USD".to_owned(),
        fees: Fees {
            minimum: "1".parse().unwrap(),
            ..Fees::default()
        },
        instruments: BTreeMap::new(),
    }
}

fn accounts() -> BTreeMap<AccountId, PortfolioId> {
    [(AccountId::new("a1"), PortfolioId::new("one"))].into()
}

pub fn instance(name: &str, symbol: &str, trade: TradeSettings, sides: Sides) -> InstanceSettings {
    InstanceSettings {
        name: name.to_owned(),
        accounts: vec!["a1".to_owned()],
        symbols: vec![symbol.to_owned()],
        interval: Interval::Second,
        trade,
        size: SizeSettings::Fixed(FixedSettings {
            quantity: "10".to_owned(),
        }),
        sides,
        lot: "1".to_owned(),
        multiplier: "1".to_owned(),
        max_quantity: None,
        cooldown_seconds: 0,
        session: None,
        max_signal_age_ms: 10_000,
        max_price_age_ms: 10_000,
        max_equity_age_ms: 60_000,
    }
}

pub fn bars(symbol: &str, of: BarsOf) -> BarSettings {
    BarSettings {
        symbols: vec![symbol.to_owned()],
        of,
        intervals: vec![Interval::Second],
        ..BarSettings::default()
    }
}

/// As `tapeline replay --history` puts them together.
pub fn processors(
    bars: Vec<BarSettings>,
    instances: Vec<InstanceSettings>,
) -> Vec<Box<dyn Processor>> {
    let market = MarketSettings {
        bars,
        rules: instances.iter().flat_map(InstanceSettings::rules).collect(),
        ..MarketSettings::default()
    };
    assert_eq!(market.faults(), []);
    let strategy = StrategySettings {
        instances,
        accounts: accounts(),
    };
    assert_eq!(strategy.faults(), []);
    vec![
        Box::new(Market::new(market)),
        Box::new(risk()),
        Box::new(Strategy::new(&strategy)),
    ]
}

pub fn risk() -> Risk {
    Risk::new(RiskSettings {
        accounts: accounts(),
        ..RiskSettings::new(Currency::USD)
    })
}

/// All that came of a run.
pub struct Ran {
    pub events: Vec<Event<'static>>,
    pub equity: Vec<report::EquityPoint>,
    pub trades: Vec<report::Trade>,
    pub summary: Summary,
    pub passed: HistorySpan,
    pub hash: String,
}

pub fn backtest(
    processors: Vec<Box<dyn Processor>>,
    history: impl IntoIterator<Item = Result<Event<'static>, HistoryError>>,
) -> Ran {
    let paper = paper();
    let (mut report, mut digest) = (Report::new(&paper), Digest::default());
    let (mut events, mut equity, mut trades) = (Vec::new(), Vec::new(), Vec::new());
    let mut sink = |event: &Event<'static>| {
        digest.take(event).unwrap();
        match report.take(event).unwrap() {
            ReportEntry::Equity(point) => equity.push(point),
            ReportEntry::Trade(trade) => trades.push(*trade),
            ReportEntry::Nothing | ReportEntry::Verdict => {}
        }
        events.push(event.clone());
    };
    let passed = run(processors, &paper, history, &mut sink).unwrap();
    Ran {
        summary: report.summary(&passed),
        hash: digest.finish(),
        events,
        equity,
        trades,
        passed,
    }
}

pub fn quote(time: Micros, symbol: &str, bid: &str, ask: &str) -> Event<'static> {
    Event::Quote(Quote {
        symbol: symbol.to_owned().into(),
        venue: "test".into(),
        seq: 1,
        bid_price: bid.parse().unwrap(),
        ask_price: ask.parse().unwrap(),
        bid_size: "1".parse().unwrap(),
        ask_size: "1".parse().unwrap(),
        event_time: time,
        ingest_time: time,
        source: "test".into(),
    })
}

pub fn trade(time: Micros, symbol: &str, price: &str, id: String) -> Event<'static> {
    Event::Trade(Trade {
        kind: TradeKind::Trade,
        trade_id: id.into(),
        ref_trade_id: None,
        symbol: symbol.to_owned().into(),
        venue: "test".into(),
        seq: 1,
        price: price.parse().unwrap(),
        size: "1".parse().unwrap(),
        event_time: time,
        ingest_time: time,
        source: "test".into(),
    })
}
