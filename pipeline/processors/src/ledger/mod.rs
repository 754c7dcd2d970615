//! Positions, profit and cash, exactly: reports go in, what they mean comes out.
//!
//! **Rounding.** An amount is rounded once, half to even at eight places, when a
//! price times a quantity becomes money. Every part taken from an amount later is
//! rounded the same way and the rest is what remains, so that nothing is lost:
//! realised and unrealised together are the cash that flowed plus what the
//! position is worth, to the last digit.
//!
//! **Missing is missing.** A price, a rate, a cost or a fee that is unknown is
//! never a zero: what depends on it has a reason instead of a value, see [`Amount`].
//!
//! **Currencies.** Profit is kept in the currency of the instrument and
//! translated at the newest rate, so a rate that was missing at the fill costs
//! nothing later. What idle foreign cash gains is equity, not profit.
//!
//! **Time.** Reports count in the order of their event times, equal times in the
//! order of arrival. A position keeps its newest [`OPEN_ENTRIES`] reports, which
//! can be busted, corrected or preceded by late ones; older ones are settled. The
//! ids of the [`REMEMBERED`] newest settled fills are kept, so that a repeat does
//! nothing and an amendment is refused as [`LedgerError::Settled`]. What is older
//! than that is refused: it cannot be told from a repeat.
//!
//! Applying a report either changes everything it should or, refused, nothing.

mod amount;
mod cash;
mod charges;
mod entry;
mod error;
mod events;
mod inventory;
mod migration;
mod orders;
mod position;
mod position_totals;
mod position_value;
mod queue;
mod seen_ids;
mod state;
mod terms;
mod totals;
mod valuation;

pub use amount::{Amount, Missing};
pub use cash::{CashBook, CashEvent, CashKind};
pub use charges::{Charge, Fees};
pub use error::LedgerError;
pub use events::{
    Amend, Amendment, Dividend, Event, Execution, Fill, Opening, OrderSize, Split, Void,
};
pub use inventory::{LOTS, Lot};
pub use orders::ORDERS;
pub use position::{Applied, Change, Late, Position};
pub use position_totals::PositionTotals;
pub use position_value::{
    Exposure, Holding, PositionValue, PriceKind, Prices, Quoted, Shift, Valued,
};
pub use seen_ids::REMEMBERED;
pub use state::{HELD, OPEN_ENTRIES};
pub use terms::{Currency, Method, NotACurrency, NotPositive, Positive, Ratio, Settlement, Terms};
pub use totals::{Rate, Rates, Totals};
pub use valuation::{Booked, Open, Valuation};

use tapeline_model::money::Rounding;

const ROUNDING: Rounding = Rounding::HalfEven;

#[cfg(test)]
mod tests;
