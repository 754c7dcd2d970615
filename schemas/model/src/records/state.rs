//! What tasks keep: their progress, their state, their history.

use serde::{Deserialize, Serialize};

use super::{Mark, MarkBasis, Side, StepKind};
use crate::ids::ExecId;
use crate::money::{Money, Price, Quantity};
use crate::time::Micros;

/// How far a task has read its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub inputs: Vec<InputOffset>,
    pub transactions: i64,
    /// When the last snapshot was taken; none before the first one is due.
    #[serde(default)]
    pub snapshot_at: Option<Micros>,
    /// Which sources decided in the last transaction; empty if that is not known.
    #[serde(default)]
    pub logic: String,
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
    #[serde(default)]
    pub basis: MarkBasis,
    /// Of the newest trade.
    #[serde(default)]
    pub last_price: Option<Price>,
    #[serde(default)]
    pub last_time: Option<Micros>,
}

/// As a reader keeps it, who does not judge spreads.
impl From<&Mark<'_>> for StateMark {
    fn from(mark: &Mark<'_>) -> Self {
        Self {
            price: mark.price,
            bid_price: mark.bid_price,
            ask_price: mark.ask_price,
            quotes: mark.quotes,
            event_time: mark.event_time,
            wide: false,
            basis: mark.basis,
            last_price: mark.last_price,
            last_time: mark.last_time,
        }
    }
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
    /// Which sources decided; empty in records of before.
    #[serde(default)]
    pub logic: String,
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
