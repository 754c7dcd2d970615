//! What a portfolio looks like at one moment: what limits are measured with.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Quantity};

use super::scope::Activity;
use crate::ledger::{Missing, Shift};

pub type Known = Result<Money, Missing>;

/// Amounts are in one currency, the portfolio's.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    pub portfolio: &'a PortfolioId,
    pub currency: &'a str,
    pub whole: Sums,
    pub accounts: &'a BTreeMap<AccountId, Sums>,
    /// What is held, one row for each account and symbol.
    pub positions: &'a [HeldPosition<'a>],
}

/// Of an account, or of a portfolio as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub equity: Known,
    /// Equity without what open positions gained or lost.
    pub realised_equity: Known,
    pub gross: Known,
    pub net: Known,
    pub buying_power_used: Known,
}

#[derive(Debug, Clone, Copy)]
pub struct HeldPosition<'a> {
    pub account: &'a AccountId,
    pub symbol: &'a Symbol,
    pub sector: Option<&'a str>,
    pub currency: &'a str,
    pub strategy: Option<&'a str>,
    pub quantity: Quantity,
    pub market_value: Known,
    /// When the price it is valued at was made.
    pub price_time: Option<Micros>,
}

/// Money that came in or went out, or a position that was taken over: neither
/// profit nor loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapitalFlow {
    /// What it added to the equity.
    pub marked: Money,
    /// What it added to the equity without unrealised gains: for a position, its cost.
    pub realised: Money,
}

impl CapitalFlow {
    /// Cash: a withdrawal is negative.
    pub fn cash(amount: Money) -> Self {
        Self {
            marked: amount,
            realised: amount,
        }
    }
}

impl Sums {
    /// After prices changed what is held in the portfolio's own currency; none where
    /// something is missing.
    pub fn shifted(&self, by: &Shift) -> Option<Self> {
        let add = |known: Known, more: Money| known.ok()?.checked_add(more).ok();
        let realised = by.equity.checked_sub(by.unrealised).ok()?;
        Some(Self {
            equity: Ok(add(self.equity, by.equity)?),
            realised_equity: Ok(add(self.realised_equity, realised)?),
            gross: Ok(add(self.gross, by.gross)?),
            net: Ok(add(self.net, by.net)?),
            buying_power_used: Ok(add(self.buying_power_used, by.gross)?),
        })
    }

    /// Of something that has nothing.
    pub const NOTHING: Self = Self {
        equity: Ok(Money::ZERO),
        realised_equity: Ok(Money::ZERO),
        gross: Ok(Money::ZERO),
        net: Ok(Money::ZERO),
        buying_power_used: Ok(Money::ZERO),
    };
}

/// Leverage where there is exposure and no equity to carry it.
pub(super) const BEYOND_ALL: Money =
    match Money::from_raw(99_999_999_999_999_999_999_999_999_999_999_999_999) {
        Some(most) => most,
        None => Money::ZERO,
    };

pub(super) fn leverage(gross: Known, equity: Known) -> Known {
    let (gross, equity) = (gross?, equity?);
    if gross.is_zero() {
        return Ok(Money::ZERO);
    }
    if equity <= Money::ZERO {
        return Ok(BEYOND_ALL);
    }
    // Larger than an amount can be is beyond every level.
    Ok(gross.times(equity, super::ROUNDING).unwrap_or(BEYOND_ALL))
}

impl<'a> HeldPosition<'a> {
    pub(super) fn activity(&self) -> Activity<'a> {
        Activity {
            account: self.account,
            symbol: self.symbol,
            strategy: self.strategy,
        }
    }
}
