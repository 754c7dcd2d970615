//! One account's position in one symbol, and the fills it can be rebuilt from.

use serde::{Deserialize, Serialize, Serializer};
use tapeline_model::money::{Money, MoneyError, Price, Quantity, Rounding};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Fill, FillKind, LedgerFill, Lot, Side, StateBook};
use tapeline_schemas::codec::Record;

/// How many fills stay open to a bust or a correction; older ones are settled.
pub const OPEN_FILLS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "StateBook")]
pub struct Book {
    state: StateBook,
    /// `state.base` and the open fills added up.
    lot: Lot,
}

impl Record for Book {
    const RECORD: &'static str = StateBook::RECORD;
}

/// Only the state is stored.
impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state.serialize(serializer)
    }
}

impl TryFrom<StateBook> for Book {
    type Error = MoneyError;

    fn try_from(state: StateBook) -> Result<Self, MoneyError> {
        let lot = add_up(&state)?;
        Ok(Self { state, lot })
    }
}

/// What a report did to a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    Changed(Book),
    /// The same report came before.
    Repeated,
}

impl Book {
    pub fn new(currency: &str) -> Self {
        Self {
            state: StateBook {
                currency: currency.to_owned(),
                ..StateBook::default()
            },
            lot: Lot::default(),
        }
    }

    pub fn state(&self) -> &StateBook {
        &self.state
    }

    pub fn lot(&self) -> &Lot {
        &self.lot
    }

    /// What one unit of the open position cost.
    pub fn average_price(&self) -> Result<Option<Price>, MoneyError> {
        if self.lot.quantity.is_zero() {
            return Ok(None);
        }
        self.lot
            .cost
            .per_unit(self.lot.quantity, Rounding::HalfEven)
            .map(Some)
    }

    /// What the open position would bring at this price; nothing when flat.
    pub fn unrealised(&self, mark: Option<Price>) -> Result<Option<Money>, MoneyError> {
        if self.lot.quantity.is_zero() {
            return Ok(Some(Money::ZERO));
        }
        let Some(price) = mark else { return Ok(None) };
        let value = price.notional(self.lot.quantity, Rounding::HalfEven)?;
        value.checked_sub(self.lot.cost).map(Some)
    }

    /// The book after a report; this one stays as it is.
    pub fn apply(&self, fill: &Fill) -> Result<Applied, Refusal> {
        if !fill.quantity.is_positive() {
            return Err(refuse(
                fill,
                Reason::BadQuantity,
                &format!("quantity {} is not above zero", fill.quantity),
            ));
        }
        if fill.currency != self.state.currency {
            let detail = format!(
                "{} in a book kept in {}",
                fill.currency, self.state.currency
            );
            return Err(refuse(fill, Reason::WrongCurrency, &detail));
        }
        match fill.kind {
            FillKind::Fill => self.add(fill),
            FillKind::Bust | FillKind::Correction => self.amend(fill),
        }
    }

    fn add(&self, fill: &Fill) -> Result<Applied, Refusal> {
        let entry = ledger_fill(fill);
        if let Some(known) = self.find(fill.exec_id.as_str()) {
            let same = LedgerFill {
                voided: known.voided,
                amended: known.amended,
                ..entry
            } == *known;
            // After a correction the ledger holds other data than the report did.
            return if same || known.amended {
                Ok(Applied::Repeated)
            } else {
                let detail = "came before with another side, price, quantity or fee";
                Err(refuse(fill, Reason::ConflictingFill, detail))
            };
        }
        let mut next = self.clone();
        if next.state.fills.len() >= OPEN_FILLS {
            let oldest = next.state.fills.remove(0);
            next.state.base = after(&next.state.base, &oldest).map_err(|e| overflow(fill, e))?;
        }
        next.lot = after(&next.lot, &entry).map_err(|e| overflow(fill, e))?;
        next.state.fills.push(entry);
        Ok(Applied::Changed(next))
    }

    fn amend(&self, report: &Fill) -> Result<Applied, Refusal> {
        let target = report.ref_exec_id.as_ref().unwrap_or(&report.exec_id);
        let mut next = self.clone();
        let Some(entry) = next.state.fills.iter_mut().find(|f| f.exec_id == *target) else {
            let detail = format!(
                "{} is not among the last {OPEN_FILLS} fills of {} in {}; \
                 compare the position with the broker's",
                target, report.symbol, report.account
            );
            return Err(refuse(report, Reason::UnknownFill, &detail));
        };
        let before = entry.clone();
        if report.kind == FillKind::Bust {
            entry.voided = true;
        } else {
            *entry = LedgerFill {
                exec_id: target.clone(),
                voided: entry.voided,
                amended: true,
                ..ledger_fill(report)
            };
        }
        if *entry == before {
            return Ok(Applied::Repeated);
        }
        next.lot = add_up(&next.state).map_err(|e| overflow(report, e))?;
        Ok(Applied::Changed(next))
    }

    fn find(&self, exec_id: &str) -> Option<&LedgerFill> {
        self.state
            .fills
            .iter()
            .find(|f| f.exec_id.as_str() == exec_id)
    }
}

fn ledger_fill(fill: &Fill) -> LedgerFill {
    LedgerFill {
        exec_id: fill.exec_id.clone(),
        side: fill.side,
        price: fill.price,
        quantity: fill.quantity,
        fee: fill.fee,
        voided: false,
        amended: false,
    }
}

fn add_up(state: &StateBook) -> Result<Lot, MoneyError> {
    state
        .fills
        .iter()
        .try_fold(state.base.clone(), |lot, fill| after(&lot, fill))
}

/// The lot after a fill, at average cost: an increase adds to the cost, a
/// reduction releases its share of it, what goes beyond flat opens anew.
fn after(lot: &Lot, fill: &LedgerFill) -> Result<Lot, MoneyError> {
    if fill.voided {
        return Ok(lot.clone());
    }
    let signed = match fill.side {
        Side::Buy => fill.quantity,
        Side::Sell => fill.quantity.negated(),
    };
    let mut next = lot.clone();
    let mut opening = signed;
    if lot.quantity.signum() * signed.signum() < 0 {
        let closing = lot.quantity.abs().min(signed.abs());
        let closed = if lot.quantity.is_negative() {
            closing.negated()
        } else {
            closing
        };
        let brought = fill.price.notional(closed, Rounding::HalfEven)?;
        let released = lot.cost.share(closed, lot.quantity, Rounding::HalfEven)?;
        next.realised = next.realised.checked_add(brought)?.checked_sub(released)?;
        next.cost = next.cost.checked_sub(released)?;
        next.quantity = sum(next.quantity, closed.negated())?;
        opening = sum(signed, closed)?;
    }
    next.cost = next
        .cost
        .checked_add(fill.price.notional(opening, Rounding::HalfEven)?)?;
    next.quantity = sum(next.quantity, opening)?;
    match fill.fee {
        Some(fee) => {
            next.fees = next.fees.checked_add(fee.into())?;
            next.realised = next.realised.checked_sub(fee.into())?;
        }
        None => next.unknown_fees = next.unknown_fees.saturating_add(1),
    }
    Ok(next)
}

fn sum(a: Quantity, b: Quantity) -> Result<Quantity, MoneyError> {
    a.checked_add(b).ok_or(MoneyError::Overflow)
}

fn refuse(fill: &Fill, reason: Reason, detail: &str) -> Refusal {
    let kind = fill.kind.as_str().to_lowercase();
    Refusal::new(reason, format!("{kind} {}: {detail}", fill.exec_id))
}

fn overflow(fill: &Fill, error: MoneyError) -> Refusal {
    refuse(fill, Reason::AmountOverflow, &error.to_string())
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
