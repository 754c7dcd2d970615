//! Fees: several, none, a rebate, or unknown.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tapeline_model::money::{Money, MoneyError};

use super::error::LedgerError;
use super::terms::Currency;

/// How many charges one fill may bear, and in how many currencies one position may.
const CHARGES: usize = 16;

/// Paid by the account; a negative one is a rebate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub amount: Money,
    pub currency: Currency,
}

/// What a report says about fees. That there are none is something else than
/// that nobody told, whatever sentinel the broker has for the latter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fees(Option<SmallVec<[Charge; 1]>>);

impl Fees {
    pub const UNKNOWN: Self = Self(None);

    pub fn known(charges: impl IntoIterator<Item = Charge>) -> Self {
        Self(Some(charges.into_iter().collect()))
    }

    pub fn none() -> Self {
        Self(Some(SmallVec::new()))
    }

    pub fn told(&self) -> Option<&[Charge]> {
        self.0.as_deref()
    }
}

pub(super) fn check(charges: &[Charge]) -> Result<(), LedgerError> {
    if charges.len() > CHARGES {
        return Err(LedgerError::TooManyCharges { most: CHARGES });
    }
    Ok(())
}

/// Charges added up by currency, in the order of the currencies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChargeSums(SmallVec<[Charge; 1]>);

impl ChargeSums {
    pub fn sum_of<'a>(charges: impl IntoIterator<Item = &'a Charge>) -> Result<Self, LedgerError> {
        let mut sums = Self::default();
        for charge in charges {
            sums.add(*charge)?;
        }
        Ok(sums)
    }

    pub fn add(&mut self, charge: Charge) -> Result<(), LedgerError> {
        match self
            .0
            .binary_search_by_key(&charge.currency, |known| known.currency)
        {
            Ok(at) => {
                let sum = &mut self.0[at].amount;
                *sum = sum.checked_add(charge.amount)?;
            }
            Err(_) if self.0.len() >= CHARGES => {
                return Err(LedgerError::TooManyCharges { most: CHARGES });
            }
            Err(at) => self.0.insert(at, charge),
        }
        Ok(())
    }

    pub fn subtract(&mut self, charge: Charge) -> Result<(), LedgerError> {
        self.add(Charge {
            amount: charge.amount.negated(),
            ..charge
        })
    }

    pub fn get(&self, currency: Currency) -> Money {
        self.0
            .iter()
            .find(|charge| charge.currency == currency)
            .map_or(Money::ZERO, |charge| charge.amount)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Charge> {
        self.0.iter()
    }

    /// Whether each of these sums lies between zero and its own.
    pub fn contain(&self, part: &Self) -> Result<bool, MoneyError> {
        for returned in part.iter() {
            let charged = self.get(returned.currency);
            let kept = charged.checked_sub(returned.amount)?;
            let within =
                |money: Money| money.is_zero() || money.is_negative() == charged.is_negative();
            if !within(returned.amount) || !within(kept) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
