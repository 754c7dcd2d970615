//! Sums over positions and cash: of an account, a portfolio or everything. They
//! are kept up to date by differences, so that a new price costs what it changes.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError};

use super::ROUNDING;
use super::amount::Missing;
use super::line::{Booked, Line, Open};
use super::terms::{Currency, Positive};
use super::worth::{Holding, Shift, Worth};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// By currency; hardly ever more than one.
    lines: SmallVec<[(Currency, Line); 1]>,
}

impl Totals {
    /// What there is in one currency.
    pub fn line(&self, currency: Currency) -> Line {
        self.find(currency)
            .map_or_else(|_| Line::default(), |at| self.lines[at].1)
    }

    fn find(&self, currency: Currency) -> Result<usize, usize> {
        self.lines
            .binary_search_by_key(&currency, |(known, _)| *known)
    }

    fn line_mut(&mut self, currency: Currency) -> &mut Line {
        let at = self.find(currency).unwrap_or_else(|at| {
            self.lines.insert(at, (currency, Line::default()));
            at
        });
        &mut self.lines[at].1
    }

    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.lines.iter().map(|(currency, _)| *currency)
    }

    /// Puts what a position is worth now in place of what it was worth before.
    pub fn replace(&mut self, old: Option<&Worth>, new: &Worth) -> Result<(), MoneyError> {
        let mut changed = Changed::default();
        if let Some(old) = old {
            for (currency, booked) in old.booked() {
                let line = changed.line(self, currency);
                line.booked = line.booked.without(booked)?;
            }
            let line = changed.line(self, old.currency);
            line.open = line.open.without(&Open::from(&old.holding))?;
        }
        for (currency, booked) in new.booked() {
            let line = changed.line(self, currency);
            line.booked = line.booked.plus(booked)?;
        }
        let line = changed.line(self, new.currency);
        line.open = line.open.plus(&Open::from(&new.holding))?;
        for (currency, line) in changed.0 {
            *self.line_mut(currency) = line;
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
        let line = self.line_mut(currency);
        line.open = line.open.without(&old.into())?.plus(&new.into())?;
        Ok(())
    }

    /// The same where nothing is missing, before or after.
    pub fn shift(&mut self, currency: Currency, by: &Shift) -> Result<(), MoneyError> {
        let open = &mut self.line_mut(currency).open;
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
        let line = self.line_mut(currency);
        line.booked = line.booked.without(old)?.plus(new)?;
        Ok(())
    }

    /// Everything translated into one currency; what has no rate is missing.
    pub fn translated(&self, rates: &Rates) -> Line {
        let mut sum = Line::default();
        for (currency, line) in &self.lines {
            let with = |money| rates.translate(money, *currency);
            let line = Line {
                booked: line.booked.translated(with),
                open: line.open.translated(with),
            };
            sum = sum.plus(&line).unwrap_or_else(|_| Line::too_large());
        }
        sum
    }
}

/// Lines of totals that are about to change together.
#[derive(Default)]
struct Changed(SmallVec<[(Currency, Line); 1]>);

impl Changed {
    fn line(&mut self, totals: &Totals, currency: Currency) -> &mut Line {
        let at = self.0.iter().position(|(known, _)| *known == currency);
        let at = at.unwrap_or_else(|| {
            self.0.push((currency, totals.line(currency)));
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
