//! What is concluded, and what somebody should know.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Charge, Grade, GuardState, LimitAction, Outcome, Severity, Side};
use crate::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use crate::money::{Money, Price, Quantity};
use crate::time::Micros;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub symbol: Symbol,
    pub quantity: Quantity,
    pub average_price: Option<Price>,
    pub realised: Money,
    pub fees: Money,
    pub unknown_fees: i32,
    pub unrealised: Option<Money>,
    pub mark_price: Option<Price>,
    pub currency: String,
    pub cause_topic: String,
    pub cause_partition: i32,
    pub cause_offset: i64,
    #[serde(default)]
    pub market_value: Option<Money>,
    #[serde(default)]
    pub price_kind: Option<String>,
    #[serde(default)]
    pub price_time: Option<Micros>,
    /// Dividends received less those paid; not part of `realised`.
    #[serde(default)]
    pub income: Option<Money>,
    /// Closed parts of which nobody told the cost.
    #[serde(default)]
    pub unknown_costs: i32,
    #[serde(default)]
    pub foreign_fees: Vec<Charge>,
    /// Whose position this event changed; of two, whose it ended.
    #[serde(default)]
    pub strategy: Option<String>,
    /// What this event added to `realised`; its sum is what any events brought.
    #[serde(default)]
    pub realised_change: Option<Money>,
    #[serde(default)]
    pub fees_change: Option<Money>,
    #[serde(default)]
    pub income_change: Option<Money>,
    /// The fill that this event is, if it is one.
    #[serde(default)]
    pub fill: Option<Box<PositionFill>>,
    #[serde(default)]
    pub closed: Option<Box<ClosedTrade>>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionFill {
    pub exec_id: ExecId,
    pub order_id: OrderId,
    pub side: Side,
    pub price: Price,
    pub quantity: Quantity,
    /// What was known of the market when it came.
    pub market_price: Option<Price>,
    pub market_time: Option<Micros>,
}

/// From flat to flat, or to the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// By which it was opened.
    pub side: Side,
    /// All that was opened.
    pub quantity: Quantity,
    pub entry_price: Price,
    pub exit_price: Price,
    pub opened_at: Micros,
    /// After fees; none where a cost is unknown.
    pub result: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Equity {
    pub portfolio: PortfolioId,
    pub cash_flow: Money,
    pub realised: Money,
    pub unrealised: Option<Money>,
    pub equity: Option<Money>,
    pub high_water: Option<Money>,
    pub drawdown: Option<Money>,
    pub missing_prices: i32,
    /// None for the whole portfolio.
    #[serde(default)]
    pub account: Option<AccountId>,
    #[serde(default)]
    pub currency: String,
    #[serde(default)]
    pub cash: Option<Money>,
    #[serde(default)]
    pub gross: Option<Money>,
    #[serde(default)]
    pub net: Option<Money>,
    #[serde(default)]
    pub leverage: Option<Money>,
    #[serde(default)]
    pub buying_power_used: Option<Money>,
    #[serde(default)]
    pub stale_prices: i32,
    #[serde(default)]
    pub missing_rates: i32,
    #[serde(default)]
    pub unknown_costs: i32,
    #[serde(default)]
    pub unknown_fees: i32,
    #[serde(default)]
    pub guard: GuardState,
    /// Where the limits stand, the nearest first.
    #[serde(default)]
    pub limits: Vec<LimitStanding>,
    /// The verdicts that hold the guard up.
    #[serde(default)]
    pub held_by: Vec<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitStanding {
    pub limit: String,
    pub rule: String,
    /// The symbol, sector, currency or account, for rules that measure each.
    pub group: String,
    pub grade: Grade,
    /// None when it is unknown.
    pub value: Option<Money>,
    pub level: Money,
    pub unit: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub verdict_id: Uuid,
    pub portfolio: PortfolioId,
    pub rule: String,
    pub mode: String,
    pub reason: String,
    pub outcome: Outcome,
    pub value: Money,
    pub limit: Money,
    pub distance: Money,
    pub cause_topic: String,
    pub cause_partition: i32,
    pub cause_offset: i64,
    pub config_hash: String,
    #[serde(default)]
    pub grade: Grade,
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub action: LimitAction,
    /// What may still be done after this.
    #[serde(default)]
    pub guard: GuardState,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub request_id: Option<String>,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub marks: Vec<MarkUsed>,
    #[serde(default)]
    pub limit_version: i64,
    #[serde(default)]
    pub limit_author: String,
    #[serde(default)]
    pub limit_name: String,
    /// The symbol, sector, currency or account that was measured.
    #[serde(default)]
    pub group: String,
    /// Of the command or of the order request.
    #[serde(default)]
    pub author: String,
    /// The verdicts that a reset set aside.
    #[serde(default)]
    pub overrides: Vec<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

/// A price that a verdict was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkUsed {
    pub symbol: Symbol,
    /// None when it was missing.
    pub price: Option<Price>,
    pub kind: Option<String>,
    pub time: Option<Micros>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub alert_id: Uuid,
    pub key: String,
    pub subject: String,
    pub rule: String,
    pub severity: Severity,
    pub message: String,
    pub value: Option<Money>,
    pub limit: Option<Money>,
    pub procedure: String,
    pub cause_topic: String,
    pub cause_partition: i32,
    pub cause_offset: i64,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub letter_id: Uuid,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    #[serde(with = "serde_bytes")]
    pub key: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    pub value: Option<Vec<u8>>,
    pub reason: String,
    pub message: String,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}
