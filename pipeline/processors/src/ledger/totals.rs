//! Sums over positions and cash: of an account, a portfolio or everything. They
//! are kept up to date by differences, so that a new price costs what it changes.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError};

use super::ROUNDING;
use super::amount::Missing;
use super::position_value::{Holding, PositionValue, Shift};
use super::terms::{Currency, Positive};
use super::valuation::{Booked, Open, Valuation};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// By currency; hardly ever more than one.
    valuations: SmallVec<[(Currency, Valuation); 1]>,
}

impl Totals {
    /// What there is in one currency.
    pub fn valuation(&self, currency: Currency) -> Valuation {
        self.find(currency)
            .map_or_else(|_| Valuation::default(), |at| self.valuations[at].1)
    }

    fn find(&self, currency: Currency) -> Result<usize, usize> {
        self.valuations
            .binary_search_by_key(&currency, |(known, _)| *known)
    }

    fn valuation_mut(&mut self, currency: Currency) -> &mut Valuation {
        let at = self.find(currency).unwrap_or_else(|at| {
            self.valuations.insert(at, (currency, Valuation::default()));
            at
        });
        &mut self.valuations[at].1
    }

    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.valuations.iter().map(|(currency, _)| *currency)
    }

    /// Puts what a position is worth now in place of what it was worth before.
    pub fn replace(
        &mut self,
        old: Option<&PositionValue>,
        new: &PositionValue,
    ) -> Result<(), MoneyError> {
        let mut changed = ChangedValuations::default();
        if let Some(old) = old {
            for (currency, booked) in old.booked() {
                let valuation = changed.valuation(self, currency);
                valuation.booked = valuation.booked.without(booked)?;
            }
            let valuation = changed.valuation(self, old.currency);
            valuation.open = valuation.open.without(&Open::from(&old.holding))?;
        }
        for (currency, booked) in new.booked() {
            let valuation = changed.valuation(self, currency);
            valuation.booked = valuation.booked.plus(booked)?;
        }
        let valuation = changed.valuation(self, new.currency);
        valuation.open = valuation.open.plus(&Open::from(&new.holding))?;
        for (currency, valuation) in changed.0 {
            *self.valuation_mut(currency) = valuation;
        }
        Ok(())
    }

    /// The same when only a price changed.
    pub fn revalue(
        &mut self,
        currency: Currency,
        old: &Holding,
        new: &Holding,
    ) -> Result<(), MoneyError> {
        let valuation = self.valuation_mut(currency);
        valuation.open = valuation.open.without(&old.into())?.plus(&new.into())?;
        Ok(())
    }

    /// The same where nothing is missing, before or after.
    pub fn shift(&mut self, currency: Currency, by: &Shift) -> Result<(), MoneyError> {
        let open = &mut self.valuation_mut(currency).open;
        *open = Open {
            unrealised: open.unrealised.shifted(by.unrealised)?,
            net: open.net.shifted(by.net)?,
            gross: open.gross.shifted(by.gross)?,
            equity: open.equity.shifted(by.equity)?,
        };
        Ok(())
    }

    /// The same for cash that no position explains.
    pub fn rebook(
        &mut self,
        currency: Currency,
        old: &Booked,
        new: &Booked,
    ) -> Result<(), MoneyError> {
        let valuation = self.valuation_mut(currency);
        valuation.booked = valuation.booked.without(old)?.plus(new)?;
        Ok(())
    }

    /// Everything translated into one currency; what has no rate is missing.
    pub fn translated(&self, rates: &Rates) -> Valuation {
        let mut sum = Valuation::default();
        for (currency, valuation) in &self.valuations {
            let with = |money| rates.translate(money, *currency);
            let valuation = Valuation {
                booked: valuation.booked.translated(with),
                open: valuation.open.translated(with),
            };
            sum = sum
                .plus(&valuation)
                .unwrap_or_else(|_| Valuation::too_large());
        }
        sum
    }
}

/// Lines of totals that are about to change together.
#[derive(Default)]
struct ChangedValuations(SmallVec<[(Currency, Valuation); 1]>);

impl ChangedValuations {
    fn valuation(&mut self, totals: &Totals, currency: Currency) -> &mut Valuation {
        let at = self.0.iter().position(|(known, _)| *known == currency);
        let at = at.unwrap_or_else(|| {
            self.0.push((currency, totals.valuation(currency)));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// So much of the base for so much of the other currency: either side can be
/// the one that is quoted, so no digit is lost in turning a quote round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub base: Positive,
    pub other: Positive,
    pub time: Micros,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    base: Currency,
    known: BTreeMap<Currency, Rate>,
}

impl Rates {
    pub fn into(base: Currency) -> Self {
        Self {
            base,
            known: BTreeMap::new(),
        }
    }

    pub fn base(&self) -> Currency {
        self.base
    }

    /// Its time tells whether it is stale.
    pub fn rate(&self, of: Currency) -> Option<&Rate> {
        self.known.get(&of)
    }

    pub fn set(&mut self, of: Currency, rate: Rate) {
        self.known.insert(of, rate);
    }

    /// Nothing of a currency is nothing in any other, with or without a rate.
    pub fn translate(&self, money: Money, from: Currency) -> Result<Money, Missing> {
        if from == self.base || money.is_zero() {
            return Ok(money);
        }
        let rate = self.rate(from).ok_or(Missing::Rate)?;
        Ok(money.share(rate.base.get(), rate.other.get(), ROUNDING)?)
    }
}
