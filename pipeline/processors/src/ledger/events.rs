//! What can happen to one account's position in one symbol.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::{ExecId, OrderId};
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::records::Side;

use super::charges::{Charge, Fees};
use super::terms::{Currency, Positive, Ratio};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Opening(Opening),
    Order(OrderSize),
    Fill(Fill),
    Amend(Amend),
    Split(Split),
    Dividend(Dividend),
}

/// What was held when the ledger began; contains everything up to its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Negative is short.
    pub quantity: Quantity,
    /// What one unit cost, if anybody knows.
    pub price: Option<Price>,
    pub time: Micros,
}

/// How much an order is for: fills beyond that are flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSize {
    pub order_id: OrderId,
    pub quantity: Positive,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pub exec_id: ExecId,
    pub order_id: OrderId,
    pub currency: Currency,
    pub execution: Execution,
    pub time: Micros,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    pub side: Side,
    pub quantity: Positive,
    pub price: Price,
    pub fees: Fees,
}

impl Execution {
    /// The same trade, whatever is known of its fees.
    pub fn same_trade(&self, other: &Self) -> bool {
        (self.side, self.quantity, self.price) == (other.side, other.quantity, other.price)
    }
}

/// A change to a fill reported before, or yet to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amend {
    pub of: ExecId,
    pub time: Micros,
    pub change: Amendment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    Bust(Void),
    /// What the fill was in truth. Fees not reported stay as they were.
    Correction(Currency, Execution),
    /// What the fill's fees were in truth.
    Fees(Vec<Charge>),
}

/// How much of a fill is undone, cumulatively.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// None is the whole fill.
    pub quantity: Option<Positive>,
    /// None keeps the fees until the whole fill is void, which returns them all.
    pub returned: Option<Vec<Charge>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub id: String,
    pub ratio: Ratio,
    /// What the account was paid (a short position: paid, so negative) for the
    /// fraction behind the point, which leaves then. Until that is reported, with
    /// the same id, the fraction stays and is valued like the rest.
    pub cash_in_lieu: Option<Money>,
    pub time: Micros,
}

/// Paid to a long and by a short position, on what was held at its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dividend {
    pub id: String,
    pub currency: Currency,
    pub per_unit: Price,
    pub time: Micros,
}
