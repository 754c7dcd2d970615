//! Positions that were kept by releases before the ledger.

use tapeline_model::Micros;
use tapeline_model::ids::OrderId;
use tapeline_model::money::MoneyError;
use tapeline_model::records::{LedgerFill, Lot, StateBook};

use super::charges::{Charge, ChargeSums, Fees};
use super::entry::{Entry, FillEntry};
use super::error::LedgerError;
use super::events::{Amend, Amendment, Execution, Void};
use super::position::Position;
use super::position_totals::PositionTotals;
use super::state::PositionState;
use super::terms::{Positive, Terms};

impl Position {
    /// Money and quantity to the last digit. What a book did not keep is unknown: the
    /// orders of its fills, and their times, so that whatever comes counts after them.
    pub fn from_book(terms: Terms, book: &StateBook) -> Result<Self, LedgerError> {
        let mut state = PositionState::new(terms);
        state.base = totals(&terms, &book.base)?;
        for fill in &book.fills {
            state.entries.push_back(entry(&terms, fill)?);
        }
        Self::try_from(state)
    }
}

fn totals(terms: &Terms, lot: &Lot) -> Result<PositionTotals, LedgerError> {
    let mut totals = PositionTotals::default();
    totals
        .inventory
        .add(lot.quantity, Some(lot.cost), terms.method)?;
    // A book's profit is after fees, and its cost is what purchases cost beyond it.
    totals.realised = lot.realised.checked_add(lot.fees)?;
    totals.proceeds = totals.realised.checked_sub(lot.cost)?;
    totals.fees = ChargeSums::sum_of(&[Charge {
        amount: lot.fees,
        currency: terms.currency,
    }])?;
    totals.unknown_fees = u32::try_from(lot.unknown_fees).map_err(|_| MoneyError::Overflow)?;
    Ok(totals)
}

fn entry(terms: &Terms, fill: &LedgerFill) -> Result<Entry, LedgerError> {
    let charge = fill.fee.map(|fee| Charge {
        amount: fee.into(),
        currency: terms.currency,
    });
    let mut entry = FillEntry {
        exec_id: fill.exec_id.clone(),
        order_id: OrderId::new(""),
        reported: Execution {
            side: fill.side,
            quantity: Positive::try_from(fill.quantity).map_err(|_| MoneyError::Overflow)?,
            price: fill.price,
            fees: charge.map_or(Fees::UNKNOWN, |charge| Fees::known([charge])),
        },
        amendments: None,
        time: Micros::default(),
    };
    if fill.voided {
        let whole = Amend {
            of: fill.exec_id.clone(),
            time: Micros::default(),
            change: Amendment::Bust(Void {
                quantity: None,
                returned: None,
            }),
        };
        entry.amend(&whole)?;
    }
    Ok(Entry::Fill(entry))
}
