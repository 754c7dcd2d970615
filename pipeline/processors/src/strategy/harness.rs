//! A strategy to hand records to, and records to hand to it.

use std::collections::BTreeMap;

use tapeline_model::ids::output_id;
use tapeline_model::records::MarkBasis;

use super::*;
use crate::signals::Interval;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const START: i64 = 1_795_000_000 * SECOND;

pub(super) fn at(seconds: i64) -> Micros {
    Micros(START + seconds * SECOND)
}

pub(super) fn settings(instance: InstanceSettings) -> StrategySettings {
    let account = |id, portfolio| (AccountId::new(id), PortfolioId::new(portfolio));
    StrategySettings {
        instances: vec![instance],
        accounts: BTreeMap::from([
            account("one", "alone"),
            account("two", "shared"),
            account("three", "shared"),
        ]),
    }
}

pub(super) fn instance(trade: TradeSettings) -> InstanceSettings {
    InstanceSettings {
        name: "s".to_owned(),
        accounts: vec!["one".to_owned()],
        symbols: vec!["A".to_owned()],
        interval: Interval::Minute,
        trade,
        size: SizeSettings::Equity(EquitySettings {
            fraction: "0.1".to_owned(),
        }),
        sides: Sides::Both,
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

pub(super) fn trend() -> InstanceSettings {
    instance(TradeSettings::Trend(TrendSettings::default()))
}

/// Of a store: the key and the value.
type StoredChange = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// A strategy, and what it wrote.
pub(super) struct StrategyHarness {
    settings: StrategySettings,
    pub strategy: Strategy,
    offset: u64,
    changelog: Vec<StoredChange>,
}

impl StrategyHarness {
    /// Equity 100,000 and a price of 50, both of second 0.
    pub fn new(instance: InstanceSettings) -> Self {
        let settings = settings(instance);
        assert_eq!(settings.faults(), []);
        let mut harness = Self {
            strategy: Strategy::new(&settings),
            settings,
            offset: 0,
            changelog: Vec::new(),
        };
        harness.feed(Event::Equity(equity("alone", None, Some("100000"), 0)), 0);
        harness.feed(mark("A", "50", 0), 0);
        harness
    }

    pub fn feed(&mut self, event: Event<'static>, now: i64) -> Vec<Event<'static>> {
        let origin = Origin {
            topic: event.topic(),
            partition: 1,
            offset: self.offset,
        };
        self.offset += 1;
        let mut out = Out::default();
        self.strategy
            .process(origin, &event, at(now), &mut out)
            .unwrap();
        out.drain().collect()
    }

    pub fn signal(&mut self, rule: &str, direction: Direction, time: i64) -> Vec<String> {
        let event = Event::Signal(signal(rule, direction, time));
        shown(&self.feed(event, time))
    }

    pub fn position(&mut self, quantity: &str, time: i64) {
        let event = Event::Position(position("one", quantity, time));
        assert!(self.feed(event, time).is_empty());
    }

    pub fn restart(&mut self) {
        for store in self.strategy.stores() {
            let name = store.name();
            let changelog = &mut self.changelog;
            let mut write = |key: &[u8], value: Option<&[u8]>| {
                changelog.push((name, key.to_vec(), value.map(<[u8]>::to_vec)));
            };
            store.drain_changes(&mut write).unwrap();
        }
        self.strategy = Strategy::new(&self.settings);
        for (name, key, value) in &self.changelog {
            for store in self.strategy.stores() {
                if store.name() == *name {
                    store.restore(key, value.as_deref()).unwrap();
                }
            }
        }
        self.strategy.restored().unwrap();
    }
}

pub(super) fn equity(
    portfolio: &str,
    account: Option<&str>,
    amount: Option<&str>,
    time: i64,
) -> Equity {
    Equity {
        portfolio: PortfolioId::new(portfolio),
        cash_flow: "100000".parse().unwrap(),
        realised: "0".parse().unwrap(),
        unrealised: None,
        equity: amount.map(|amount| amount.parse().unwrap()),
        high_water: None,
        drawdown: None,
        missing_prices: 0,
        account: account.map(AccountId::new),
        currency: "USD".to_owned(),
        cash: None,
        gross: Some("1".parse().unwrap()),
        net: None,
        leverage: None,
        buying_power_used: None,
        stale_prices: 0,
        missing_rates: 0,
        unknown_costs: 0,
        unknown_fees: 0,
        guard: GuardState::Active,
        limits: Vec::new(),
        held_by: Vec::new(),
        event_time: at(time),
        ingest_time: at(time),
        source: "risk".to_owned(),
    }
}

pub(super) fn mark(symbol: &'static str, price: &str, time: i64) -> Event<'static> {
    let price = price.parse().unwrap();
    Event::Mark(Mark {
        symbol: symbol.into(),
        price,
        bid_price: price,
        ask_price: price,
        quotes: 1,
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
        event_time: at(time),
        ingest_time: at(time),
        source: "market".into(),
    })
}

pub(super) fn position(account: &str, quantity: &str, time: i64) -> Position {
    Position {
        portfolio: PortfolioId::new("alone"),
        account: AccountId::new(account),
        symbol: Symbol::new("A"),
        quantity: quantity.parse().unwrap(),
        average_price: None,
        realised: "0".parse().unwrap(),
        fees: "0".parse().unwrap(),
        unknown_fees: 0,
        unrealised: None,
        mark_price: None,
        currency: "USD".to_owned(),
        cause_topic: "broker.fills".to_owned(),
        cause_partition: 0,
        cause_offset: 0,
        market_value: None,
        price_kind: None,
        price_time: None,
        income: None,
        unknown_costs: 0,
        foreign_fees: Vec::new(),
        strategy: None,
        realised_change: None,
        fees_change: None,
        income_change: None,
        fill: None,
        closed: None,
        event_time: at(time),
        ingest_time: at(time),
        source: "risk".to_owned(),
    }
}

pub(super) fn signal(rule: &str, direction: Direction, time: i64) -> Signal {
    Signal {
        signal_id: output_id("market.trades", 0, time as u64, rule, 0),
        symbol: Symbol::new("A"),
        rule: rule.to_owned(),
        kind: "cross".to_owned(),
        direction,
        interval: "1m".to_owned(),
        price: "50".parse().unwrap(),
        inputs: BTreeMap::from([("atr(period=14)".to_owned(), 2.5)]),
        parameters: BTreeMap::new(),
        config_hash: String::new(),
        cause_topic: "market.trades".to_owned(),
        cause_partition: 0,
        cause_offset: time,
        event_time: at(time),
        ingest_time: at(time),
        source: "market".to_owned(),
    }
}

/// `BUY 200 A one`, `SELL 200 A one reduce`, or the end of an alert's sentence.
pub(super) fn shown(events: &[Event<'_>]) -> Vec<String> {
    let one = |event: &Event<'_>| match event {
        Event::Request(r) => {
            let reduce = if r.reduce_only { " reduce" } else { "" };
            format!(
                "{} {} {} {}{reduce}",
                r.side, r.quantity, r.symbol, r.account
            )
        }
        Event::Alert(alert) => {
            let (_, why) = alert.message.split_once(" of A: ").unwrap();
            why.to_owned()
        }
        other => panic!("{other:?}"),
    };
    events.iter().map(one).collect()
}
