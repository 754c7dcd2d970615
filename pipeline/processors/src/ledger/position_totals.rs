//! Where a position stands: a pure function of what was reported.

use serde::{Deserialize, Serialize};
use tapeline_model::money::{Money, MoneyError, Price, Quantity};

use super::ROUNDING;
use super::charges::ChargeSums;
use super::entry::{Entry, FillEntry};
use super::error::LedgerError;
use super::events::{Opening, Split};
use super::inventory::{Inventory, Lot, sum};
use super::terms::{Method, Terms};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionTotals {
    pub(super) inventory: Inventory,
    /// What closing brought beyond its cost, before fees.
    pub(super) realised: Money,
    /// How many closings are not in it, because their cost is unknown.
    pub(super) unknown_costs: u32,
    /// Dividends received less those paid.
    pub(super) income: Money,
    /// What sales brought less what purchases cost, before fees.
    pub(super) proceeds: Money,
    pub(super) fees: ChargeSums,
    /// How many fills are not in them.
    pub(super) unknown_fees: u32,
}

impl PositionTotals {
    pub(super) fn opened(terms: &Terms, opening: &Opening) -> Result<Self, MoneyError> {
        let value = |price: Price| price.value(opening.quantity, terms.multiplier.get(), ROUNDING);
        let mut totals = Self::default();
        let cost = opening.price.map(value).transpose()?;
        totals.inventory.add(opening.quantity, cost, terms.method)?;
        Ok(totals)
    }

    pub fn quantity(&self) -> Quantity {
        self.inventory.quantity()
    }

    /// How many closings have an unknown cost.
    pub fn unknown_costs(&self) -> u32 {
        self.unknown_costs
    }

    /// How many fills have unknown fees.
    pub fn unknown_fees(&self) -> u32 {
        self.unknown_fees
    }

    /// What is open, oldest first; one lot at average cost.
    pub fn lots(&self) -> &[Lot] {
        self.inventory.lots()
    }

    pub(super) fn after(mut self, terms: &Terms, entry: &Entry) -> Result<Self, LedgerError> {
        match entry {
            Entry::Fill(fill) => self.fill(terms, fill)?,
            Entry::Split(split) => self.split(split)?,
            Entry::Dividend(dividend) => {
                let paid = dividend.per_unit.notional(self.quantity(), ROUNDING)?;
                self.income = self.income.checked_add(paid)?;
            }
        }
        Ok(self)
    }

    fn fill(&mut self, terms: &Terms, fill: &FillEntry) -> Result<(), LedgerError> {
        let quantity = fill.quantity()?;
        let price = fill.execution().price;
        let value = price.value(quantity, terms.multiplier.get(), ROUNDING)?;
        self.trade(quantity, value, terms.method)?;
        let Some(charged) = fill.charged()? else {
            self.unknown_fees = self.unknown_fees.saturating_add(1);
            return Ok(());
        };
        for charge in charged.charges {
            self.fees.add(*charge)?;
        }
        for charge in charged.returned {
            self.fees.subtract(*charge)?;
        }
        Ok(())
    }

    /// Closes what is open on the other side and opens with the rest.
    fn trade(
        &mut self,
        quantity: Quantity,
        value: Money,
        method: Method,
    ) -> Result<(), MoneyError> {
        self.proceeds = self.proceeds.checked_sub(value)?;
        let held = self.quantity();
        let (mut opening, mut opening_value) = (quantity, value);
        if held.signum() * quantity.signum() < 0 {
            let closing = if held.abs() < quantity.abs() {
                held.negated()
            } else {
                quantity
            };
            let closing_value = value.share(closing, quantity, ROUNDING)?;
            self.close(closing.negated(), closing_value.negated())?;
            opening = sum(opening, closing.negated())?;
            opening_value = opening_value.checked_sub(closing_value)?;
        }
        self.inventory.add(opening, Some(opening_value), method)
    }

    fn close(&mut self, part: Quantity, brought: Money) -> Result<(), MoneyError> {
        match self.inventory.release(part)? {
            Some(cost) => {
                self.realised = self.realised.checked_add(brought)?.checked_sub(cost)?;
            }
            None => self.unknown_costs = self.unknown_costs.saturating_add(1),
        }
        Ok(())
    }

    fn split(&mut self, split: &Split) -> Result<(), MoneyError> {
        let held = self.quantity();
        let scaled = held.scaled(split.ratio.new, split.ratio.old, ROUNDING)?;
        if scaled.is_zero() {
            return self.pay_out(held, split.cash_in_lieu.unwrap_or_default());
        }
        self.inventory.split(split.ratio)?;
        match split.cash_in_lieu {
            Some(cash) => self.pay_out(sum(scaled, scaled.whole().negated())?, cash),
            None => Ok(()),
        }
    }

    fn pay_out(&mut self, part: Quantity, cash: Money) -> Result<(), MoneyError> {
        self.proceeds = self.proceeds.checked_add(cash)?;
        self.close(part, cash)
    }
}
