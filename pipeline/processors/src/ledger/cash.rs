//! The cash of one account that no trade explains: deposits, interest, fees.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError};
use tapeline_schemas::codec::Record;

use super::error::LedgerError;
use super::position::{Applied, Change};
use super::seen_ids::SeenIds;
use super::terms::Currency;
use super::valuation::Booked;

/// How many currencies one account may hold cash in.
const CURRENCIES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CashKind {
    /// Deposits and withdrawals: they change cash and equity, never profit.
    Transfer,
    /// Interest, and dividends that name no position.
    Income,
    /// Fees that belong to no fill.
    Fee,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashEvent {
    pub id: String,
    pub kind: CashKind,
    /// As it moves the cash: a withdrawal or a fee is negative.
    pub amount: Money,
    pub currency: Currency,
    pub time: Micros,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashBook {
    balances: BTreeMap<Currency, Balance>,
    seen: SeenIds,
}

impl Record for CashBook {
    const RECORD: &'static str = "state_cash";
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Balance {
    transferred: Money,
    income: Money,
    fees: Money,
    cash: Money,
}

impl CashBook {
    pub fn apply(&mut self, event: &CashEvent) -> Result<Applied, LedgerError> {
        if self.seen.knows(&event.id) {
            return Ok(Applied::Repeated);
        }
        if self.seen.may_have_forgotten(event.time) {
            return Err(LedgerError::TooOld);
        }
        let known = self.balances.get(&event.currency);
        if known.is_none() && self.balances.len() >= CURRENCIES {
            return Err(LedgerError::TooManyCurrencies { most: CURRENCIES });
        }
        let balance = known.copied().unwrap_or_default().after(event)?;
        self.balances.insert(event.currency, balance);
        self.seen.remember(&event.id, event.time);
        Ok(Applied::Changed(Change::default()))
    }

    /// Of the events that count, the newest one's time.
    pub fn newest(&self) -> Option<Micros> {
        self.seen.newest()
    }

    /// Deposits less withdrawals.
    pub fn transferred(&self, currency: Currency) -> Money {
        self.balance(currency).transferred
    }

    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.balances.keys().copied()
    }

    /// What it adds to the account's totals.
    pub fn booked(&self, currency: Currency) -> Booked {
        let balance = self.balance(currency);
        Booked {
            fees: balance.fees.into(),
            income: balance.income.into(),
            cash: balance.cash.into(),
            ..Booked::default()
        }
    }

    fn balance(&self, currency: Currency) -> Balance {
        self.balances.get(&currency).copied().unwrap_or_default()
    }
}

impl Balance {
    fn after(mut self, event: &CashEvent) -> Result<Self, MoneyError> {
        self.cash = self.cash.checked_add(event.amount)?;
        match event.kind {
            CashKind::Transfer => self.transferred = self.transferred.checked_add(event.amount)?,
            CashKind::Income => self.income = self.income.checked_add(event.amount)?,
            CashKind::Fee => self.fees = self.fees.checked_sub(event.amount)?,
        }
        Ok(self)
    }
}
