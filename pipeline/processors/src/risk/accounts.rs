//! What accounts hold and are worth at the newest prices: sums that are kept up to
//! date by differences. Rebuilt from the stores at a start, never stored itself.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Quantity;

use super::BookKey;
use crate::contract::Share;
use crate::ledger::{
    Amount, Booked, Currency, Exposure, Holding, Line, Position, Prices, Rates, Totals, Worth,
};

/// Portfolios count in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PortfolioIndex(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountIndex(usize);

pub(super) struct Accounts {
    accounts: Vec<Account>,
    by_id: BTreeMap<AccountId, AccountIndex>,
    portfolios: Vec<Portfolio>,
    slots: Vec<Slot>,
    slot_of: HashMap<BookKey, usize>,
    /// Positions that are not flat: the cost of a mark grows with these only.
    holders: HashMap<Symbol, Vec<usize>>,
    /// Accounts that ever had something in a currency.
    users: BTreeMap<Currency, HashSet<usize>>,
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
}

/// A position that is not flat.
pub(super) struct Open<'a> {
    pub symbol: &'a Symbol,
    pub currency: &'a Currency,
    pub quantity: Quantity,
    pub holding: &'a Holding,
}

/// One position, as far as prices need it.
struct Slot {
    account: AccountIndex,
    symbol: Symbol,
    exposure: Exposure,
    worth: Worth,
}

impl PortfolioIndex {
    pub fn place(self) -> usize {
        self.0
    }
}

impl Accounts {
    /// Of the portfolios that are the task's own.
    pub fn new(all: &BTreeMap<AccountId, PortfolioId>, share: Share) -> Self {
        let known = || all.iter().filter(|(_, owner)| share.has(owner.as_str()));
        let mut names: Vec<&PortfolioId> = known().map(|(_, owner)| owner).collect();
        names.sort_unstable();
        names.dedup();
        let mut portfolios: Vec<Portfolio> = names
            .iter()
            .map(|id| Portfolio {
                id: (*id).clone(),
                accounts: Vec::new(),
            })
            .collect();
        let mut accounts = Vec::new();
        let mut by_id = BTreeMap::new();
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
            accounts,
            by_id,
            portfolios,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            holders: HashMap::new(),
            users: BTreeMap::new(),
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
        let worth = position.worth(prices);
        let exposure = position.exposure();
        for (currency, _) in worth.booked() {
            self.users.entry(currency).or_default().insert(at.0);
        }
        let known = self.slot_of.get(key).copied();
        let old = known.map(|slot| &self.slots[slot].worth);
        let account = &mut self.accounts[at.0];
        account.too_large |= account.totals.replace(old, &worth).is_err();
        let was_open = known.is_some_and(|slot| !self.slots[slot].exposure.quantity.is_zero());
        let is_open = !exposure.quantity.is_zero();
        let slot = Slot {
            account: at,
            symbol: key.symbol.clone(),
            exposure,
            worth,
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
        let holders = self.holders.entry(key.symbol.clone()).or_default();
        match (was_open, is_open) {
            (false, true) => holders.push(number),
            (true, false) => holders.retain(|known| *known != number),
            _ => {}
        }
    }

    pub fn worth(&self, key: &BookKey) -> Option<&Worth> {
        let slot = *self.slot_of.get(key)?;
        Some(&self.slots[slot].worth)
    }

    /// A price changed: whose worth it changes, in order.
    pub fn revalue(&mut self, symbol: &str, prices: &Prices) -> Vec<PortfolioIndex> {
        let mut touched = Vec::new();
        for number in self.holders.get(symbol).into_iter().flatten() {
            let slot = &mut self.slots[*number];
            let holding = slot.exposure.holding(prices);
            let account = &mut self.accounts[slot.account.0];
            let (currency, old) = (slot.worth.currency, &slot.worth.holding);
            account.too_large |= account.totals.revalue(currency, old, &holding).is_err();
            slot.worth.holding = holding;
            touched.push(account.portfolio);
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Cash moved that no position explains.
    pub fn rebook(&mut self, at: AccountIndex, currency: Currency, old: &Booked, new: &Booked) {
        self.users.entry(currency).or_default().insert(at.0);
        let account = &mut self.accounts[at.0];
        account.too_large |= account.totals.rebook(currency, old, new).is_err();
    }

    /// Portfolios whose worth depends on the rate of a currency, in order.
    pub fn users_of(&self, currency: Currency) -> Vec<PortfolioIndex> {
        let accounts = self.users.get(&currency).into_iter().flatten();
        let mut portfolios: Vec<_> = accounts.map(|at| self.accounts[*at].portfolio).collect();
        portfolios.sort_unstable();
        portfolios.dedup();
        portfolios
    }

    fn line_of(&self, account: AccountIndex, rates: &Rates) -> Line {
        let account = &self.accounts[account.0];
        if account.too_large {
            return Line::too_large();
        }
        account.totals.translated(rates)
    }

    /// What each account of a portfolio comes to.
    pub fn lines(
        &self,
        portfolio: PortfolioIndex,
        rates: &Rates,
    ) -> impl Iterator<Item = (AccountIndex, Line)> {
        let accounts = self.portfolios[portfolio.0].accounts.iter();
        accounts.map(|at| (*at, self.line_of(*at, rates)))
    }

    pub fn line(&self, portfolio: PortfolioIndex, rates: &Rates) -> Line {
        sum(self.lines(portfolio, rates).map(|(_, line)| line))
    }

    /// The open positions of an account, in the order of its first reports.
    pub fn open(&self, account: AccountIndex) -> impl Iterator<Item = Open<'_>> {
        let slots = self.accounts[account.0].slots.iter();
        let slots = slots.map(|number| &self.slots[*number]);
        let open = slots.filter(|slot| !slot.exposure.quantity.is_zero());
        open.map(|slot| Open {
            symbol: &slot.symbol,
            currency: &slot.worth.currency,
            quantity: slot.exposure.quantity,
            holding: &slot.worth.holding,
        })
    }

    /// The open positions of a portfolio, account by account.
    pub fn held(&self, portfolio: PortfolioIndex) -> impl Iterator<Item = (&AccountId, Open<'_>)> {
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
        self.accounts[account.0].totals.line(currency).booked.cash
    }
}

pub(super) fn sum(lines: impl IntoIterator<Item = Line>) -> Line {
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let sum = lines.try_fold(first, |sum, line| sum.plus(&line));
    sum.unwrap_or_else(|_| Line::too_large())
}
