//! What brokers report, and what is wanted of them.

use serde::{Deserialize, Serialize};

use super::{
    AccountEventKind, AccountMatter, AuthEventKind, CommandKind, FillKind, OrderStatus, Side,
};
use crate::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use crate::money::{Money, Price, Quantity};
use crate::time::Micros;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    pub kind: FillKind,
    pub exec_id: ExecId,
    pub ref_exec_id: Option<ExecId>,
    pub order_id: OrderId,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub symbol: Symbol,
    pub side: Side,
    pub price: Price,
    pub quantity: Quantity,
    pub fee: Option<Price>,
    pub currency: String,
    /// All of them; counts in place of `fee`.
    #[serde(default)]
    pub fees: Option<Vec<Charge>>,
    /// How much a bust undoes, cumulatively; none is all of it.
    #[serde(default)]
    pub voided_quantity: Option<Quantity>,
    #[serde(default)]
    pub strategy: Option<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

/// A fee; a negative one is a rebate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub amount: Money,
    pub currency: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub order_id: OrderId,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub symbol: Symbol,
    pub side: Side,
    pub status: OrderStatus,
    pub quantity: Quantity,
    pub filled_quantity: Quantity,
    pub limit_price: Option<Price>,
    pub reason: Option<String>,
    #[serde(default)]
    pub strategy: Option<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountEvent {
    pub event_id: String,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub kind: AccountEventKind,
    pub amount: Money,
    pub currency: String,
    /// Where this is not cash, `kind` is a balance, which counts nothing.
    #[serde(default)]
    pub matter: AccountMatter,
    #[serde(default)]
    pub symbol: Option<Symbol>,
    #[serde(default)]
    pub quantity: Option<Quantity>,
    #[serde(default)]
    pub price: Option<Price>,
    #[serde(default)]
    pub ratio_new: Option<i32>,
    #[serde(default)]
    pub ratio_old: Option<i32>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthEvent {
    pub event_id: String,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub venue: String,
    pub kind: AuthEventKind,
    pub method: Option<String>,
    pub attempt: i32,
    pub category: Option<String>,
    pub expires_at: Option<Micros>,
    pub detail: String,
    /// The same for all steps from one request for a session to its end.
    #[serde(default)]
    pub login_id: Option<String>,
    /// How long the venue took to answer what led to this step.
    #[serde(default)]
    pub latency_ms: Option<i32>,
    /// The machine that logged in.
    #[serde(default)]
    pub host: Option<String>,
    /// Whether nothing more is tried until a person acts.
    #[serde(default)]
    pub stopped: Option<bool>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRequest {
    pub request_id: String,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub symbol: Symbol,
    pub side: Side,
    pub quantity: Quantity,
    /// None for a market order.
    pub limit_price: Option<Price>,
    pub reduce_only: bool,
    pub strategy: Option<String>,
    pub author: String,
    pub reason: String,
    pub signal_id: Option<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub command_id: String,
    /// `*` is everybody.
    pub portfolio: PortfolioId,
    pub kind: CommandKind,
    pub author: String,
    pub reason: String,
    /// The verdicts that a reset knowingly sets aside.
    pub overrides: Vec<String>,
    pub limit: Option<String>,
    pub definition: Option<String>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}
