//! A market to hand records to, and records to hand to it.

use super::*;
use crate::signals::{
    BarField, CrossSettings, Interval, OperandSettings, RuleSettings, Stance, ThresholdSettings,
    When,
};

pub(super) const SECOND: i64 = 1_000_000;
/// 2026-11-21T00:00:00Z
pub(super) const DAY: i64 = 20_778 * 86_400 * SECOND;

/// Of a store: the key and the value.
type StoredChange = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// A market, and everything it wrote.
pub(super) struct MarketHarness {
    pub settings: MarketSettings,
    pub market: Market,
    offset: u64,
    changelog: Vec<StoredChange>,
}

impl MarketHarness {
    pub fn new(settings: MarketSettings) -> Self {
        assert_eq!(settings.faults(), []);
        Self {
            market: Market::new(settings.clone()),
            settings,
            offset: 0,
            changelog: Vec::new(),
        }
    }

    /// Half a second after it happened.
    pub fn feed(&mut self, event: &Event<'_>) -> Result<Vec<Event<'static>>, Refusal> {
        let now = Micros(event.event_time().0 + SECOND / 2);
        self.feed_at(event, now)
    }

    pub fn feed_at(
        &mut self,
        event: &Event<'_>,
        now: Micros,
    ) -> Result<Vec<Event<'static>>, Refusal> {
        let origin = Origin {
            topic: event.topic(),
            partition: 3,
            offset: self.offset,
        };
        self.offset += 1;
        let mut out = Out::default();
        let result = self.market.process(origin, event, now, &mut out);
        assert!(
            result.is_ok() || out.is_empty(),
            "a refused record makes nothing"
        );
        result.map(|()| out.drain().collect())
    }

    pub fn tick(&mut self, seconds: f64) -> Vec<Event<'static>> {
        let mut out = Out::default();
        self.market.tick(at(seconds), &mut out);
        out.drain().collect()
    }

    pub fn commit(&mut self, now: Micros) -> Vec<Event<'static>> {
        let mut out = Out::default();
        self.market.before_commit(now, &mut out);
        for store in self.market.stores() {
            let name = store.name();
            let changelog = &mut self.changelog;
            let mut write = |key: &[u8], value: Option<&[u8]>| {
                changelog.push((name, key.to_vec(), value.map(<[u8]>::to_vec)));
            };
            store.drain_changes(&mut write).unwrap();
        }
        out.drain().collect()
    }

    pub fn restart(&mut self) {
        self.market = Market::new(self.settings.clone());
        for (name, key, value) in &self.changelog {
            for store in self.market.stores() {
                if store.name() == *name {
                    store.restore(key, value.as_deref()).unwrap();
                }
            }
        }
        self.market.restored().unwrap();
    }

    pub fn dump(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        for store in self.market.stores() {
            store
                .dump(&mut |key, value| all.push((key.to_vec(), value.to_vec())))
                .unwrap();
        }
        all
    }
}

pub(super) fn at(seconds: f64) -> Micros {
    Micros(DAY + (seconds * SECOND as f64) as i64)
}

pub(super) fn trade(seconds: f64, id: &str, price: &str) -> Event<'static> {
    Event::Trade(Trade {
        kind: TradeKind::Trade,
        trade_id: id.to_owned().into(),
        ref_trade_id: None,
        symbol: "A".into(),
        venue: "XNAS".into(),
        seq: (seconds * 10.0) as i64,
        price: price.parse().unwrap(),
        size: "2".parse().unwrap(),
        event_time: at(seconds),
        ingest_time: at(seconds),
        source: "test".into(),
    })
}

pub(super) fn amendment(kind: TradeKind, seconds: f64, of: &str, price: &str) -> Event<'static> {
    let Event::Trade(trade) = trade(seconds, &format!("{of}-amended"), price) else {
        unreachable!()
    };
    Event::Trade(Trade {
        kind,
        ref_trade_id: Some(of.to_owned().into()),
        ..trade
    })
}

pub(super) fn quote(seconds: f64, bid: &str, ask: &str) -> Event<'static> {
    Event::Quote(Quote {
        symbol: "A".into(),
        venue: "XNAS".into(),
        seq: 1,
        bid_price: bid.parse().unwrap(),
        ask_price: ask.parse().unwrap(),
        bid_size: "1".parse().unwrap(),
        ask_size: "1".parse().unwrap(),
        event_time: at(seconds),
        ingest_time: at(seconds),
        source: "test".into(),
    })
}

pub(super) fn bars(of: BarsOf, intervals: &[Interval]) -> MarketSettings {
    MarketSettings {
        bars: vec![BarSettings {
            symbols: vec!["A".to_owned()],
            of,
            intervals: intervals.to_vec(),
            ..BarSettings::default()
        }],
        config_hash: "hash".to_owned(),
        ..MarketSettings::default()
    }
}

pub(super) fn with_rules(mut settings: MarketSettings, rules: Vec<RuleSettings>) -> MarketSettings {
    settings.rules = rules;
    settings
}

pub(super) fn rule(name: &str, interval: Interval, when: When) -> RuleSettings {
    RuleSettings {
        name: name.to_owned(),
        symbols: vec!["*".to_owned()],
        interval,
        when,
        tell: true,
        cooldown_seconds: 0,
        session: None,
        with: Vec::new(),
    }
}

pub(super) fn close() -> OperandSettings {
    OperandSettings {
        bar: Some(BarField::Close),
        ..OperandSettings::default()
    }
}

pub(super) fn average(period: u32) -> OperandSettings {
    OperandSettings::indicator("sma", &[("period", f64::from(period))])
}

pub(super) fn cross() -> When {
    When::Cross(CrossSettings {
        a: close(),
        b: average(3),
    })
}

pub(super) fn above(of: OperandSettings, above: f64, back: f64, then: Stance) -> When {
    When::Threshold(ThresholdSettings {
        of,
        above: Some(above),
        below: None,
        back: Some(back),
        then,
    })
}

/// `1s@0+0 open/high/low/close volume/count` or `rule LONG@60 price`.
pub(super) fn shown(events: &[Event<'_>]) -> Vec<String> {
    let second = |time: Micros| time.since(Micros(DAY)) / SECOND;
    let one = |event: &Event<'_>| match event {
        Event::Bar(b) => Some(format!(
            "{}@{}+{} {}/{}/{}/{} {}/{}",
            b.interval,
            second(b.start),
            b.revision,
            b.open,
            b.high,
            b.low,
            b.close,
            b.volume,
            b.count
        )),
        Event::Signal(s) => Some(format!(
            "{} {}@{} {}",
            s.rule,
            s.direction,
            second(s.event_time),
            s.price
        )),
        _ => None,
    };
    events.iter().filter_map(one).collect()
}

/// A trade a second, and what is told of each.
pub(super) fn signals(settings: MarketSettings, prices: &[&str]) -> Vec<String> {
    let mut harness = MarketHarness::new(settings);
    let mut told = Vec::new();
    for (second, price) in prices.iter().enumerate() {
        let event = trade(second as f64, &second.to_string(), price);
        told.extend(harness.feed(&event).unwrap());
    }
    told.extend(harness.tick(prices.len() as f64 + 1.0));
    shown(&told)
}
