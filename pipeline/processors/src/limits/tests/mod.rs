//! What the tests speak with.

mod calendars;
mod commands;
mod definitions;
mod drawdowns;
mod guards;
mod holds;
mod judgements;
mod measures;
mod projections;
mod properties;
mod rolling;
mod storage;

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::reasons::Reason;
use tapeline_model::records::{Command, CommandKind, Grade, OrderRequest, Side};

use super::*;
use crate::ledger::{Currency, Missing, Positive, Prices, Quoted, Rates};

pub(super) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

pub(super) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(super) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

/// `2026-03-09T13:30:00Z`
pub(super) fn at(text: &str) -> Micros {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Micros(moment.as_microsecond())
}

pub(super) fn seconds_on(time: Micros, seconds: i64) -> Micros {
    Micros(time.0 + seconds * 1_000_000)
}

/// A Monday, noon in New York, where it is winter: the exchange opened at 14:30 UTC.
pub(super) fn noon() -> Micros {
    at("2026-01-05T17:00:00Z")
}

pub(crate) fn calendars() -> Calendars {
    Calendars::built_in().unwrap()
}

/// Limits as they stand in a configuration, one on a line.
pub(crate) fn limits(lines: &str) -> Limits {
    parse_all(&definitions(lines), &calendars()).unwrap()
}

pub(super) fn definitions(lines: &str) -> Vec<LimitDefinition> {
    #[derive(serde::Deserialize)]
    struct File {
        limits: Vec<LimitDefinition>,
    }
    let rows: Vec<&str> = lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let text = format!("limits = [{}]", rows.join(","));
    let file: File = toml::from_str(&text).unwrap();
    file.limits
}

/// A row of a picture as it is easy to write.
#[derive(Debug, Clone)]
pub(super) struct PositionRow {
    pub account: AccountId,
    pub symbol: Symbol,
    pub sector: Option<&'static str>,
    pub currency: &'static str,
    pub strategy: Option<&'static str>,
    pub quantity: Quantity,
    pub value: Known,
    pub price_time: Option<Micros>,
}

pub(super) fn row(account: &str, symbol: &str, held: &str, value: &str) -> PositionRow {
    PositionRow {
        account: AccountId::new(account),
        symbol: Symbol::new(symbol),
        sector: None,
        currency: "USD",
        strategy: None,
        quantity: quantity(held),
        value: Ok(money(value)),
        price_time: Some(noon()),
    }
}

/// A portfolio `growth` with its watch.
pub(super) struct LimitsHarness {
    pub limits: Limits,
    pub plan: Plan,
    pub watch: Watch,
    pub portfolio: PortfolioId,
    pub whole: Sums,
    pub accounts: BTreeMap<AccountId, Sums>,
    pub rows: Vec<PositionRow>,
    pub now: Micros,
}

pub(super) fn equity(amount: &str) -> Sums {
    Sums {
        equity: Ok(money(amount)),
        realised_equity: Ok(money(amount)),
        ..Sums::NOTHING
    }
}

impl LimitsHarness {
    /// With the accounts `a` and `b`, and 10,000 in the first.
    pub fn new(lines: &str) -> Self {
        let portfolio = PortfolioId::new("growth");
        let accounts: BTreeMap<AccountId, Sums> = [("a", equity("10000")), ("b", Sums::NOTHING)]
            .into_iter()
            .map(|(id, sums)| (AccountId::new(id), sums))
            .collect();
        let limits = limits(lines);
        let plan = Plan::new(&limits, &calendars(), &portfolio, accounts.keys());
        Self {
            limits,
            plan,
            watch: Watch::default(),
            portfolio,
            whole: equity("10000"),
            accounts,
            rows: Vec::new(),
            now: noon(),
        }
    }

    pub fn evaluate(&mut self) -> Vec<Decision> {
        let rows = self.rows.clone();
        let held = held(&rows);
        let snapshot = Snapshot {
            portfolio: &self.portfolio,
            currency: "USD",
            whole: self.whole,
            accounts: &self.accounts,
            positions: &held,
        };
        self.watch.evaluate(&self.plan, &snapshot, self.now)
    }

    /// The whole portfolio's equity, marked and realised alike, and what came of it.
    pub fn set_equity(&mut self, amount: &str) -> Vec<Decision> {
        self.whole = equity(amount);
        self.evaluate()
    }

    pub fn grades(decisions: &[Decision]) -> Vec<Grade> {
        decisions.iter().map(|decision| decision.grade).collect()
    }

    pub fn value(&self, limit: &str) -> Value {
        self.watch.status(limit, "").unwrap().value
    }

    pub fn deposit(&mut self, amount: &str) {
        let moved = CapitalFlow::cash(money(amount));
        self.watch.moved(&AccountId::new("a"), moved).unwrap();
    }

    /// Evaluates and raises the guard, as the processor does; verdicts are named `v1`, `v2` …
    pub fn latch(&mut self, amount: &str, first: usize) -> Vec<Decision> {
        let decisions = self.set_equity(amount);
        for (n, decision) in decisions.iter().enumerate() {
            self.watch
                .latch(decision, &format!("v{}", first + n), self.now);
        }
        decisions
    }
}

pub(super) fn held(rows: &[PositionRow]) -> Vec<HeldPosition<'_>> {
    rows.iter()
        .map(|row| HeldPosition {
            account: &row.account,
            symbol: &row.symbol,
            sector: row.sector,
            currency: row.currency,
            strategy: row.strategy,
            quantity: row.quantity,
            market_value: row.value,
            price_time: row.price_time,
        })
        .collect()
}

pub(super) fn command(kind: CommandKind, overrides: &[&str]) -> Command {
    Command {
        command_id: "c1".to_owned(),
        portfolio: PortfolioId::new("growth"),
        kind,
        author: "maria".to_owned(),
        reason: "prices were wrong".to_owned(),
        overrides: overrides.iter().map(|id| (*id).to_owned()).collect(),
        limit: None,
        definition: None,
        event_time: noon(),
        ingest_time: noon(),
        source: "test".to_owned(),
    }
}
