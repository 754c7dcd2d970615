//! One type a record of the schema catalog, field for field.
//!
//! Records that come by the hundred thousand borrow their text from the bytes
//! they were read from; the others own it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tapeline_schemas::codec::Record;
use uuid::Uuid;

use crate::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use crate::money::{Money, Price, Quantity};
use crate::time::Micros;

macro_rules! records {
    ($($type:ty = $name:literal)*) => {
        $(impl Record for $type { const RECORD: &'static str = $name; })*
    };
}

records! {
    Quote<'_> = "quote"
    Mark<'_> = "mark"
    Fill = "fill"
    Order = "order"
    AccountEvent = "account_event"
    AuthEvent = "auth_event"
    Position = "position"
    Equity = "equity"
    Verdict = "verdict"
    Alert = "alert"
    DeadLetter = "dead_letter"
    Progress = "progress"
    StateMark = "state_mark"
    StateBook = "state_book"
    StatePortfolio = "state_portfolio"
    Journal = "journal"
    Snapshot = "snapshot"
}

/// A closed set that Avro writes as an enum of upper-case symbols.
macro_rules! symbols {
    ($($name:ident { $($variant:ident $text:literal),* })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $text)] $variant),* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

symbols! {
    Side { Buy "BUY", Sell "SELL" }
    FillKind { Fill "FILL", Bust "BUST", Correction "CORRECTION" }
    OrderStatus {
        New "NEW", PartiallyFilled "PARTIALLY_FILLED", Filled "FILLED",
        Canceled "CANCELED", Rejected "REJECTED"
    }
    AccountEventKind {
        Balance "BALANCE", Deposit "DEPOSIT", Withdrawal "WITHDRAWAL",
        Dividend "DIVIDEND", Fee "FEE"
    }
    AuthEventKind {
        Challenge "CHALLENGE", CodeSeen "CODE_SEEN", LoginSucceeded "LOGIN_SUCCEEDED",
        LoginFailed "LOGIN_FAILED", ExpiresSoon "EXPIRES_SOON", Expired "EXPIRED",
        SessionLost "SESSION_LOST", Refused "REFUSED", Healthy "HEALTHY"
    }
    StepKind { Read "READ", Parked "PARKED", Tick "TICK" }
    Outcome { Pass "PASS", Breach "BREACH" }
    Severity { Info "INFO", Warning "WARNING", Critical "CRITICAL" }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quote<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(borrow)]
    pub venue: Cow<'a, str>,
    pub seq: i64,
    pub bid_price: Price,
    pub ask_price: Price,
    pub bid_size: Quantity,
    pub ask_size: Quantity,
    pub event_time: Micros,
    pub ingest_time: Micros,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    pub price: Price,
    pub bid_price: Price,
    pub ask_price: Price,
    pub quotes: i64,
    pub event_time: Micros,
    pub ingest_time: Micros,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

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
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
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
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

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
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
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
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
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
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
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

/// How far a task has read its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub inputs: Vec<InputOffset>,
    pub transactions: i64,
    /// When the last snapshot was taken; none before the first one is due.
    #[serde(default)]
    pub snapshot_at: Option<Micros>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputOffset {
    pub topic: String,
    pub partition: i32,
    pub next_offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMark {
    pub price: Price,
    pub bid_price: Price,
    pub ask_price: Price,
    pub quotes: i64,
    pub event_time: Micros,
    /// Its spread is beyond the limit, and that was told.
    #[serde(default)]
    pub wide: bool,
}

/// A position in one symbol: what it cost, and what closing parts of it brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Negative is short.
    pub quantity: Quantity,
    /// What the open quantity cost; has the sign of the quantity (for positive prices).
    pub cost: Money,
    /// After fees, since the start.
    pub realised: Money,
    pub fees: Money,
    pub unknown_fees: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerFill {
    pub exec_id: ExecId,
    pub side: Side,
    pub price: Price,
    pub quantity: Quantity,
    pub fee: Option<Price>,
    /// A bust took it back.
    pub voided: bool,
    /// A correction replaced what was reported first.
    pub amended: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBook {
    pub base: Lot,
    pub fills: Vec<LedgerFill>,
    pub currency: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePortfolio {
    pub cash_flow: Money,
    pub high_water: Money,
    pub breached: Vec<String>,
    pub recent_events: Vec<String>,
}

/// One transaction of a task: what it read in order, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub transaction: i64,
    pub steps: Vec<JournalStep>,
    pub sealed_at: Micros,
    pub outputs: i32,
    #[serde(with = "serde_bytes")]
    pub output_hash: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub state_hash: Option<Vec<u8>>,
}

/// A run of records from one partition, or a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStep {
    pub kind: StepKind,
    pub now: Micros,
    pub topic: String,
    pub partition: i32,
    pub first_offset: i64,
    pub last_offset: i64,
    pub count: i32,
}

/// Closes a full copy of a task's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub transaction: i64,
    pub entries: i64,
    #[serde(with = "serde_bytes")]
    pub state_hash: Vec<u8>,
}
