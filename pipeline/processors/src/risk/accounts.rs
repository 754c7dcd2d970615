//! What accounts hold and are worth at the newest prices: sums that are kept up to
//! date by differences. Rebuilt from the stores at a start, never stored itself.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Quantity};

use super::BookKey;
use crate::contract::Share;
use crate::ledger::{
    Amount, Booked, Currency, Exposure, Holding, Missing, Position, PositionValue, Prices, Rates,
    Totals, Valuation,
};
use crate::limits::Sums;

/// Portfolios count in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PortfolioIndex(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountIndex(usize);

pub(super) struct Accounts {
    /// The currency of portfolios.
    base: Currency,
    accounts: Vec<Account>,
    by_id: HashMap<AccountId, AccountIndex>,
    portfolios: Vec<Portfolio>,
    slots: Vec<PositionSlot>,
    slot_of: HashMap<BookKey, usize>,
    /// Positions that are not flat: the cost of a mark grows with these only.
    holders: HashMap<Symbol, Vec<usize>>,
    /// Accounts that ever had something in a currency that is not the base.
    currency_users: BTreeMap<Currency, HashSet<usize>>,
}

struct Account {
    id: AccountId,
    portfolio: PortfolioIndex,
    totals: Totals,
    slots: Vec<usize>,
    /// Its sums grew beyond what an amount can be.
    too_large: bool,
}

struct Portfolio {
    id: PortfolioId,
    accounts: Vec<AccountIndex>,
    /// What it had before its accounts were kept apart.
    legacy_cash: Money,
    /// What it comes to, as long as only prices in our currency change it.
    sums: Option<Sums>,
}

/// A position that is not flat.
pub(super) struct OpenPosition<'a> {
    pub symbol: &'a Symbol,
    pub currency: &'a Currency,
    pub quantity: Quantity,
    pub holding: &'a Holding,
}

/// One position, as far as prices need it.
struct PositionSlot {
    account: AccountIndex,
    symbol: Symbol,
    exposure: Exposure,
    value: PositionValue,
    /// Its place among the holders of the symbol, while it is not flat.
    place: usize,
}

impl PortfolioIndex {
    pub fn place(self) -> usize {
        self.0
    }
}

impl Accounts {
    /// Of the portfolios that are the task's own.
    pub fn new(all: &BTreeMap<AccountId, PortfolioId>, share: Share, base: Currency) -> Self {
        let known = || all.iter().filter(|(_, owner)| share.has(owner.as_str()));
        let mut names: Vec<&PortfolioId> = known().map(|(_, owner)| owner).collect();
        names.sort_unstable();
        names.dedup();
        let mut portfolios: Vec<Portfolio> = names
            .iter()
            .map(|id| Portfolio {
                id: (*id).clone(),
                accounts: Vec::new(),
                legacy_cash: Money::ZERO,
                sums: None,
            })
            .collect();
        let mut accounts = Vec::new();
        let mut by_id = HashMap::new();
        for (id, portfolio) in known() {
            let at = AccountIndex(accounts.len());
            // Every portfolio of an account is among the names.
            let portfolio = names.binary_search(&portfolio).unwrap_or_default();
            portfolios[portfolio].accounts.push(at);
            by_id.insert(id.clone(), at);
            accounts.push(Account {
                id: id.clone(),
                portfolio: PortfolioIndex(portfolio),
                totals: Totals::default(),
                slots: Vec::new(),
                too_large: false,
            });
        }
        Self {
            base,
            accounts,
            by_id,
            portfolios,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            holders: HashMap::new(),
            currency_users: BTreeMap::new(),
        }
    }

    pub fn find(&self, id: &AccountId) -> Option<AccountIndex> {
        self.by_id.get(id).copied()
    }

    pub fn id(&self, account: AccountIndex) -> &AccountId {
        &self.accounts[account.0].id
    }

    pub fn portfolio_of(&self, account: AccountIndex) -> PortfolioIndex {
        self.accounts[account.0].portfolio
    }

    pub fn portfolio_id(&self, portfolio: PortfolioIndex) -> &PortfolioId {
        &self.portfolios[portfolio.0].id
    }

    pub fn portfolio_named(&self, id: &str) -> Option<PortfolioIndex> {
        let at = self.portfolios.binary_search_by(|p| p.id.as_str().cmp(id));
        at.ok().map(PortfolioIndex)
    }

    pub fn portfolios(&self) -> impl Iterator<Item = PortfolioIndex> + use<> {
        (0..self.portfolios.len()).map(PortfolioIndex)
    }

    pub fn accounts_of(&self, portfolio: PortfolioIndex) -> impl Iterator<Item = &AccountId> {
        let accounts = self.portfolios[portfolio.0].accounts.iter();
        accounts.map(|account| self.id(*account))
    }

    /// A report changed a position.
    pub fn settle(
        &mut self,
        key: &BookKey,
        at: AccountIndex,
        position: &Position,
        prices: &Prices,
    ) {
        let value = position.value(prices);
        let exposure = position.exposure();
        for (currency, _) in value.booked() {
            self.note_currency(at, currency);
        }
        let known = self.slot_of.get(key).copied();
        let old = known.map(|slot| &self.slots[slot].value);
        let account = &mut self.accounts[at.0];
        account.too_large |= account.totals.replace(old, &value).is_err();
        let was_open = known.is_some_and(|slot| !self.slots[slot].exposure.quantity.is_zero());
        let is_open = !exposure.quantity.is_zero();
        let slot = PositionSlot {
            account: at,
            symbol: key.symbol.clone(),
            exposure,
            value,
            place: known.map_or(0, |slot| self.slots[slot].place),
        };
        let number = if let Some(number) = known {
            self.slots[number] = slot;
            number
        } else {
            let number = self.slots.len();
            self.slots.push(slot);
            self.slot_of.insert(key.clone(), number);
            account.slots.push(number);
            number
        };
        match (was_open, is_open) {
            (false, true) => self.add_holder(number, &key.symbol),
            (true, false) => self.remove_holder(number, &key.symbol),
            _ => {}
        }
        self.forget_sums(at);
    }

    fn add_holder(&mut self, number: usize, symbol: &Symbol) {
        let holders = self.holders.entry(symbol.clone()).or_default();
        self.slots[number].place = holders.len();
        holders.push(number);
    }

    fn remove_holder(&mut self, number: usize, symbol: &Symbol) {
        let place = self.slots[number].place;
        let Some(holders) = self.holders.get_mut(symbol) else {
            return;
        };
        holders.swap_remove(place);
        if let Some(moved) = holders.get(place) {
            self.slots[*moved].place = place;
        }
    }

    fn note_currency(&mut self, at: AccountIndex, currency: Currency) {
        if currency != self.base {
            self.currency_users
                .entry(currency)
                .or_default()
                .insert(at.0);
        }
    }

    fn forget_sums(&mut self, at: AccountIndex) {
        let portfolio = self.accounts[at.0].portfolio;
        self.portfolios[portfolio.0].sums = None;
    }

    pub fn set_legacy_cash(&mut self, portfolio: PortfolioIndex, legacy_cash: Money) {
        self.portfolios[portfolio.0].legacy_cash = legacy_cash;
    }

    pub fn legacy_cash(&self, portfolio: PortfolioIndex) -> Money {
        self.portfolios[portfolio.0].legacy_cash
    }

    /// What a portfolio comes to; kept until something but a price changes it.
    pub fn keep_sums(&mut self, portfolio: PortfolioIndex, rates: &Rates) -> Sums {
        let sums = self.sums(portfolio, rates);
        self.portfolios[portfolio.0].sums = Some(sums);
        sums
    }

    pub fn sums(&self, portfolio: PortfolioIndex, rates: &Rates) -> Sums {
        let known = &self.portfolios[portfolio.0];
        let sums = || sums(&self.valuation(portfolio, rates), known.legacy_cash);
        known.sums.unwrap_or_else(sums)
    }

    /// What is done of a position so far, whatever prices are.
    pub fn booked(&self, key: &BookKey) -> Booked {
        self.value(key)
            .map(|value| value.booked)
            .unwrap_or_default()
    }

    pub fn value(&self, key: &BookKey) -> Option<&PositionValue> {
        let slot = *self.slot_of.get(key)?;
        Some(&self.slots[slot].value)
    }

    /// A price changed: the portfolios whose value it changes, in order.
    pub fn revalue(&mut self, symbol: &str, prices: &Prices) -> Vec<PortfolioIndex> {
        let mut touched = Vec::new();
        for number in self.holders.get(symbol).into_iter().flatten() {
            let slot = &mut self.slots[*number];
            let holding = slot.exposure.holding(prices);
            let account = &mut self.accounts[slot.account.0];
            let portfolio = &mut self.portfolios[account.portfolio.0];
            let (currency, old) = (slot.value.currency, &slot.value.holding);
            let shift = holding.shift_from(old);
            let done = match &shift {
                Some(shift) => account.totals.shift(currency, shift),
                None => account.totals.revalue(currency, old, &holding),
            };
            account.too_large |= done.is_err();
            let shift = shift.filter(|_| currency == self.base && !account.too_large);
            let sums = portfolio.sums.zip(shift);
            portfolio.sums = sums.and_then(|(sums, shift)| sums.shifted(&shift));
            slot.value.holding = holding;
            touched.push(account.portfolio);
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Cash moved that no position explains.
    pub fn rebook(&mut self, at: AccountIndex, currency: Currency, old: &Booked, new: &Booked) {
        self.note_currency(at, currency);
        let account = &mut self.accounts[at.0];
        account.too_large |= account.totals.rebook(currency, old, new).is_err();
        self.forget_sums(at);
    }

    /// The rate of a currency changed: the portfolios whose value depends on it, in order.
    pub fn rate_changed(&mut self, currency: Currency) -> Vec<PortfolioIndex> {
        let accounts = self.currency_users.get(&currency).into_iter().flatten();
        let mut portfolios: Vec<_> = accounts.map(|at| self.accounts[*at].portfolio).collect();
        portfolios.sort_unstable();
        portfolios.dedup();
        for portfolio in &portfolios {
            self.portfolios[portfolio.0].sums = None;
        }
        portfolios
    }

    fn valuation_of(&self, account: AccountIndex, rates: &Rates) -> Valuation {
        let account = &self.accounts[account.0];
        if account.too_large {
            return Valuation::too_large();
        }
        account.totals.translated(rates)
    }

    /// What each account of a portfolio comes to.
    pub fn valuations(
        &self,
        portfolio: PortfolioIndex,
        rates: &Rates,
    ) -> impl Iterator<Item = (AccountIndex, Valuation)> {
        let accounts = self.portfolios[portfolio.0].accounts.iter();
        accounts.map(|at| (*at, self.valuation_of(*at, rates)))
    }

    pub fn valuation(&self, portfolio: PortfolioIndex, rates: &Rates) -> Valuation {
        sum(self
            .valuations(portfolio, rates)
            .map(|(_, valuation)| valuation))
    }

    /// The open positions of an account, in the order of its first reports.
    pub fn open(&self, account: AccountIndex) -> impl Iterator<Item = OpenPosition<'_>> {
        let slots = self.accounts[account.0].slots.iter();
        let slots = slots.map(|number| &self.slots[*number]);
        let open = slots.filter(|slot| !slot.exposure.quantity.is_zero());
        open.map(|slot| OpenPosition {
            symbol: &slot.symbol,
            currency: &slot.value.currency,
            quantity: slot.exposure.quantity,
            holding: &slot.value.holding,
        })
    }

    /// The open positions of a portfolio, account by account.
    pub fn held(
        &self,
        portfolio: PortfolioIndex,
    ) -> impl Iterator<Item = (&AccountId, OpenPosition<'_>)> {
        let accounts = self.portfolios[portfolio.0].accounts.iter();
        accounts.flat_map(|at| self.open(*at).map(|open| (self.id(*at), open)))
    }

    /// Every symbol that an account ever traded.
    pub fn symbols(&self, account: AccountIndex) -> impl Iterator<Item = &Symbol> {
        let slots = self.accounts[account.0].slots.iter();
        slots.map(|number| &self.slots[*number].symbol)
    }

    /// The cash of an account in a currency, whatever it comes from.
    pub fn cash(&self, account: AccountIndex, currency: Currency) -> Amount {
        self.accounts[account.0]
            .totals
            .valuation(currency)
            .booked
            .cash
    }
}

/// An unknown fee is left out; everything else that is missing makes it missing.
pub(super) fn sums(valuation: &Valuation, legacy_cash: Money) -> Sums {
    let equity = valuation.equity().value_despite(Missing::Fee);
    let equity = equity.and_then(|equity| Ok(equity.checked_add(legacy_cash)?));
    let realised = || Ok(equity?.checked_sub(valuation.open.unrealised.value()?)?);
    let gross = valuation.open.gross.value();
    Sums {
        equity,
        realised_equity: realised(),
        gross,
        net: valuation.open.net.value(),
        buying_power_used: gross,
    }
}

pub(super) fn sum(valuations: impl IntoIterator<Item = Valuation>) -> Valuation {
    let mut valuations = valuations.into_iter();
    let first = valuations.next().unwrap_or_default();
    let sum = valuations.try_fold(first, |sum, valuation| sum.plus(&valuation));
    sum.unwrap_or_else(|_| Valuation::too_large())
}
