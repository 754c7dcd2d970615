//! What a portfolio is worth: sums over its books, kept up to date by differences.

use tapeline_model::Micros;
use tapeline_model::ids::PortfolioId;
use tapeline_model::money::{Money, MoneyError};
use tapeline_model::records::{Equity, StatePortfolio};

use super::NAME;

/// What one book adds to its portfolio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub realised: Money,
    /// None while the price is missing.
    pub unrealised: Option<Money>,
}

/// Derived from the books and marks; never stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Portfolio {
    realised: Money,
    unrealised: Money,
    missing_prices: i32,
}

impl Portfolio {
    /// The portfolio after one book's value changed.
    pub fn with(&self, old: Option<Value>, new: Value) -> Result<Self, MoneyError> {
        let old = old.unwrap_or(Value {
            realised: Money::ZERO,
            unrealised: Some(Money::ZERO),
        });
        let missing = |value: Value| i32::from(value.unrealised.is_none());
        let known = |value: Value| value.unrealised.unwrap_or_default();
        Ok(Self {
            realised: self
                .realised
                .checked_sub(old.realised)?
                .checked_add(new.realised)?,
            unrealised: self
                .unrealised
                .checked_sub(known(old))?
                .checked_add(known(new))?,
            missing_prices: self.missing_prices - missing(old) + missing(new),
        })
    }

    /// None while a price is missing: a part of the truth is not the truth.
    pub fn equity(&self, cash_flow: Money) -> Option<Money> {
        if self.missing_prices > 0 {
            return None;
        }
        let profit = self.realised.checked_add(self.unrealised).ok()?;
        cash_flow.checked_add(profit).ok()
    }

    pub fn record(
        &self,
        id: &PortfolioId,
        state: &StatePortfolio,
        event_time: Micros,
        now: Micros,
    ) -> Equity {
        let equity = self.equity(state.cash_flow);
        Equity {
            portfolio: id.clone(),
            cash_flow: state.cash_flow,
            realised: self.realised,
            unrealised: (self.missing_prices == 0).then_some(self.unrealised),
            equity,
            high_water: equity.map(|_| state.high_water),
            drawdown: equity.and_then(|e| state.high_water.checked_sub(e).ok()),
            missing_prices: self.missing_prices,
            event_time,
            ingest_time: now,
            source: NAME.to_owned(),
        }
    }
}
