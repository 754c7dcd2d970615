//! What is open, and what it cost.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tapeline_model::money::{Money, MoneyError, Quantity};

use super::ROUNDING;
use super::terms::{Method, Ratio};

/// How many lots a position keeps apart. Beyond that the two oldest become one:
/// that moves profit between realised and unrealised, never its sum.
pub const LOTS: usize = 128;

/// Quantity and cost have the same sign, as long as prices are positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Negative is short, never zero.
    pub quantity: Quantity,
    /// None when nobody knows.
    pub cost: Option<Money>,
}

/// Lots of one side, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inventory {
    quantity: Quantity,
    /// Most positions have one.
    lots: SmallVec<[Lot; 1]>,
}

impl Inventory {
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    pub fn lots(&self) -> &[Lot] {
        &self.lots
    }

    /// None when the cost of a part is unknown.
    pub fn cost(&self) -> Result<Option<Money>, MoneyError> {
        self.lots
            .iter()
            .try_fold(Some(Money::ZERO), |sum, lot| both(sum, lot.cost))
    }

    /// Opens `quantity`, which has the sign of what is open.
    pub fn add(
        &mut self,
        quantity: Quantity,
        cost: Option<Money>,
        method: Method,
    ) -> Result<(), MoneyError> {
        if quantity.is_zero() {
            return Ok(());
        }
        self.quantity = sum(self.quantity, quantity)?;
        if method == Method::Fifo {
            if self.lots.len() >= LOTS {
                let oldest = self.lots.remove(0);
                merge(&mut self.lots[0], oldest)?;
            }
            self.lots.push(Lot { quantity, cost });
            return Ok(());
        }
        match self.lots.last_mut() {
            Some(open) => merge(open, Lot { quantity, cost })?,
            None => self.lots.push(Lot { quantity, cost }),
        }
        Ok(())
    }

    /// Takes out `quantity`, a part of what is open with its sign, and gives what it cost.
    pub fn release(&mut self, quantity: Quantity) -> Result<Option<Money>, MoneyError> {
        let mut left = quantity;
        let mut released = Some(Money::ZERO);
        let mut used_up = 0;
        for lot in &mut self.lots {
            if left.abs() < lot.quantity.abs() {
                let cost = match lot.cost {
                    Some(cost) => Some(cost.share(left, lot.quantity, ROUNDING)?),
                    None => None,
                };
                released = both(released, cost)?;
                lot.quantity = sum(lot.quantity, left.negated())?;
                lot.cost = both(lot.cost, cost.map(Money::negated))?;
                break;
            }
            released = both(released, lot.cost)?;
            left = sum(left, lot.quantity.negated())?;
            used_up += 1;
        }
        self.lots.drain(..used_up);
        self.quantity = sum(self.quantity, quantity.negated())?;
        Ok(released)
    }

    /// Every lot at the new ratio; the whole is rounded, not each lot. A lot
    /// that vanishes leaves its cost to its neighbour. Not for a whole that vanishes.
    pub fn split(&mut self, ratio: Ratio) -> Result<(), MoneyError> {
        let mut before = Quantity::ZERO;
        let mut after = Quantity::ZERO;
        let mut lots: SmallVec<[Lot; 1]> = SmallVec::with_capacity(self.lots.len());
        for lot in &self.lots {
            before = sum(before, lot.quantity)?;
            let scaled = before.scaled(ratio.new, ratio.old, ROUNDING)?;
            let lot = Lot {
                quantity: sum(scaled, after.negated())?,
                cost: lot.cost,
            };
            after = scaled;
            match lots.last_mut() {
                Some(last) if last.quantity.is_zero() || lot.quantity.is_zero() => {
                    merge(last, lot)?;
                }
                _ => lots.push(lot),
            }
        }
        self.quantity = after;
        self.lots = lots;
        Ok(())
    }
}

fn merge(into: &mut Lot, other: Lot) -> Result<(), MoneyError> {
    *into = Lot {
        quantity: sum(into.quantity, other.quantity)?,
        cost: both(into.cost, other.cost)?,
    };
    Ok(())
}

/// The sum of two costs, unknown when one of them is.
fn both(a: Option<Money>, b: Option<Money>) -> Result<Option<Money>, MoneyError> {
    match (a, b) {
        (Some(a), Some(b)) => a.checked_add(b).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn sum(a: Quantity, b: Quantity) -> Result<Quantity, MoneyError> {
    a.checked_add(b).ok_or(MoneyError::Overflow)
}
