//! What there is: positions, cash and prices, and what they come to.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{AccountEvent, Mark, StateBook, StateMark, StatePortfolio};

use super::accounts::{AccountIndex, Accounts, PortfolioIndex, sums};
use super::{BookKey, RiskSettings, parse, prices};
use crate::contract::StateError;
use crate::ledger::{
    self, Applied, Booked, CashBook, CashEvent, Currency, Missing, Position, Rates, Settlement,
    Valuation, Valued,
};
use crate::limits::{CapitalFlow, Instrument, Sums};
use crate::store::Store;

pub(super) struct Holdings {
    pub settings: RiskSettings,
    pub marks: Store<Symbol, StateMark>,
    pub positions: Store<BookKey, Position>,
    pub cash: Store<AccountId, CashBook>,
    /// What releases before the ledger knew of portfolios.
    pub portfolios: Store<PortfolioId, StatePortfolio>,
    /// Positions of those releases; emptied at the first start.
    pub books: Store<BookKey, StateBook>,
    pub accounts: Accounts,
    pub rates: Rates,
}

impl Holdings {
    pub fn new(settings: RiskSettings) -> Self {
        Self {
            marks: Store::new("marks"),
            positions: Store::new("positions"),
            cash: Store::new("cash"),
            portfolios: Store::new("portfolios"),
            books: Store::new("books"),
            accounts: Accounts::new(&settings.accounts, settings.share, settings.currency),
            rates: Rates::into(settings.currency),
            settings,
        }
    }

    /// The account of a report, if it is one of the portfolio that the report says.
    pub fn known(
        &self,
        account: &AccountId,
        portfolio: &PortfolioId,
    ) -> Result<AccountIndex, Refusal> {
        if let Some(index) = self.accounts.find(account)
            && self
                .accounts
                .portfolio_id(self.accounts.portfolio_of(index))
                == portfolio
        {
            return Ok(index);
        }
        let (reason, message) = match self.settings.accounts.get(account) {
            None => (
                Reason::UnknownAccount,
                format!("account {account} is unknown: add it under [[accounts]]"),
            ),
            Some(expected) if expected != portfolio => (
                Reason::WrongPortfolio,
                format!(
                    "account {account} belongs to portfolio {expected}, the record says {portfolio}"
                ),
            ),
            Some(_) => (
                Reason::WrongPartition,
                format!(
                    "records of portfolio {portfolio} belong into another partition: its key must \
                     be the portfolio, and the partitioner murmur2"
                ),
            ),
        };
        Err(Refusal::new(reason, message))
    }

    /// Takes in a report about a position.
    pub fn apply(
        &mut self,
        key: &BookKey,
        account: AccountIndex,
        currency: Currency,
        event: &ledger::Event,
    ) -> Result<Applied, ledger::LedgerError> {
        let known = self.positions.edit(key, |position| {
            let applied = position.apply(event);
            let changed = matches!(applied, Ok(Applied::Changed(_) | Applied::Held));
            (applied, changed)
        });
        let applied = if let Some(applied) = known {
            applied?
        } else {
            let mut position = Position::new(self.settings.terms(&key.symbol, currency));
            let applied = position.apply(event)?;
            self.positions.put(key.clone(), position);
            applied
        };
        if let (Applied::Changed(_), Some(position)) = (applied, self.positions.get(key)) {
            let prices = prices::of(self.marks.get(&key.symbol));
            self.accounts.settle(key, account, position, &prices);
        }
        Ok(applied)
    }

    /// What an opening position added, as long as nobody knows its price: what it cost.
    pub fn opened_at_cost(&self, key: &BookKey) -> Option<CapitalFlow> {
        let position = self.positions.get(key)?;
        let terms = position.terms();
        if terms.settlement == Settlement::Margined {
            return None;
        }
        let cost = self.rates.translate(position.cost()?, terms.currency);
        Some(CapitalFlow::cash(cost.ok()?))
    }

    /// Takes in cash that moved; says whether that is new.
    pub fn book(
        &mut self,
        event: &AccountEvent,
        account: AccountIndex,
        moved: &CashEvent,
    ) -> Result<bool, Refusal> {
        let known = self.portfolios.get(&event.portfolio);
        if known.is_some_and(|state| state.recent_events.contains(&event.event_id)) {
            return Ok(false);
        }
        let mut book = self.cash.get(&event.account).cloned().unwrap_or_default();
        let before = book.booked(moved.currency);
        let applied = book
            .apply(moved)
            .map_err(|refused| parse::refusal(&parse::event_name(event), &refused))?;
        if !matches!(applied, Applied::Changed(_)) {
            return Ok(false);
        }
        let after = book.booked(moved.currency);
        self.cash.put(event.account.clone(), book);
        self.accounts
            .rebook(account, moved.currency, &before, &after);
        Ok(true)
    }

    /// Takes in a price. The portfolios whose value it changes, in order: all of their
    /// accounts have the new price first, since a value in between never was.
    pub fn price(&mut self, mark: &Mark<'_>) -> Vec<PortfolioIndex> {
        let state = StateMark::from(mark);
        match self.marks.change(mark.symbol.as_ref()) {
            Some(known) if known.event_time > mark.event_time => return Vec::new(),
            Some(known) => *known = state,
            None => self.marks.put(Symbol::new(mark.symbol.as_ref()), state),
        }
        let prices = prices::of(self.marks.get(mark.symbol.as_ref()));
        let mut touched = self.accounts.revalue(&mark.symbol, &prices);
        let rate = prices::rate(&self.settings, &mark.symbol, mark.price, mark.event_time);
        if let Some((currency, rate)) = rate {
            self.rates.set(currency, rate);
            touched.extend(self.accounts.rate_changed(currency));
            touched.sort_unstable();
            touched.dedup();
        }
        touched
    }

    pub fn sums(&self, portfolio: PortfolioIndex) -> Sums {
        self.accounts.sums(portfolio, &self.rates)
    }

    /// The same, kept for the next price.
    pub fn keep_sums(&mut self, portfolio: PortfolioIndex) -> Sums {
        self.accounts.keep_sums(portfolio, &self.rates)
    }

    pub fn account_sums(&self, portfolio: PortfolioIndex) -> BTreeMap<AccountId, Sums> {
        let legacy_cash = self.accounts.legacy_cash(portfolio);
        let is_alone = self.accounts.accounts_of(portfolio).count() == 1;
        let of = |(account, valuation): (AccountIndex, Valuation)| {
            let own = if is_alone || legacy_cash.is_zero() {
                sums(&valuation, legacy_cash)
            } else {
                // What was there before belongs to one of them, and nobody knows to which.
                Sums {
                    equity: Err(Missing::Cost),
                    realised_equity: Err(Missing::Cost),
                    ..sums(&valuation, Money::ZERO)
                }
            };
            (self.accounts.id(account).clone(), own)
        };
        let valuations = self.accounts.valuations(portfolio, &self.rates);
        valuations.map(of).collect()
    }

    /// What is known of a symbol: from the configuration, from its trades, or that it is
    /// priced, which makes it a plain share.
    pub fn instrument(&self, account: &AccountId, symbol: &Symbol) -> Option<Instrument<'_>> {
        if let Some(known) = self.settings.instruments.get(symbol) {
            return Some(Instrument {
                currency: known.currency,
                multiplier: known.multiplier,
                sector: known.sector.as_deref(),
                may_be_negative: known.may_be_negative,
            });
        }
        let key = BookKey {
            account: account.clone(),
            symbol: symbol.clone(),
        };
        let traded = self.positions.get(&key).map(|held| held.terms().currency);
        let priced = self.marks.get(symbol).map(|_| self.settings.currency);
        Some(Instrument {
            currency: traded.or(priced)?,
            multiplier: ledger::Positive::ONE,
            sector: None,
            may_be_negative: false,
        })
    }

    /// What is known of a symbol's price.
    pub fn market(&self, symbol: &Symbol) -> Option<Valued> {
        prices::of(self.marks.get(symbol)).for_closing(true)
    }

    /// When the newest of what is counted in an account happened.
    pub fn newest(&self, account: AccountIndex) -> Option<Micros> {
        let id = self.accounts.id(account);
        let position = |symbol: &Symbol| {
            let key = BookKey {
                account: id.clone(),
                symbol: symbol.clone(),
            };
            self.positions.get(&key)?.newest()
        };
        let cash = self.cash.get(id).and_then(CashBook::newest);
        self.accounts
            .symbols(account)
            .filter_map(position)
            .chain(cash)
            .max()
    }

    /// State was restored: rebuilds what is derived from it.
    pub fn restored(&mut self) -> Result<(), StateError> {
        self.migrate_books()?;
        let settings = &self.settings;
        self.accounts = Accounts::new(&settings.accounts, settings.share, settings.currency);
        for portfolio in self.accounts.portfolios() {
            let state = self.portfolios.get(self.accounts.portfolio_id(portfolio));
            let legacy_cash = state.map(|state| state.cash_flow);
            self.accounts
                .set_legacy_cash(portfolio, legacy_cash.unwrap_or_default());
        }
        self.rates = prices::rates(&self.settings, &self.marks);
        for (key, position) in self.positions.sorted() {
            let Some(account) = self.accounts.find(&key.account) else {
                continue;
            };
            let prices = prices::of(self.marks.get(&key.symbol));
            self.accounts.settle(key, account, position, &prices);
        }
        for (id, book) in self.cash.sorted() {
            let Some(account) = self.accounts.find(id) else {
                continue;
            };
            for currency in book.currencies() {
                let booked = book.booked(currency);
                self.accounts
                    .rebook(account, currency, &Booked::default(), &booked);
            }
        }
        Ok(())
    }
}
