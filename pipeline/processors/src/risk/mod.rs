//! Positions, profit and loss, equity and one drawdown limit, computed on every
//! fill and on every mark of a held symbol.

mod accounts;
mod carried;
mod drawdown;
mod equity;
mod parse;
mod position;
mod prices;
mod settings;

use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{AccountEvent, Fill, Mark, StateBook, StateMark, StatePortfolio};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::accounts::{AccountIndex, Accounts, PortfolioIndex};
use self::drawdown::Crossing;
use self::parse::Report;
use crate::contract::{Input, Out, Processor, StateError, StateStore, event_time};
use crate::ledger::{self, Applied, CashBook, CashEvent, Currency, Missing, Position, Rates};
use crate::store::{StateKey, Store, read_pair, write_pair};
pub use settings::{Instrument, RateSource, RiskSettings};

pub const NAME: &str = "risk";

/// A position belongs to one account and one symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BookKey {
    account: AccountId,
    symbol: Symbol,
}

impl StateKey for BookKey {
    fn write(&self, out: &mut Vec<u8>) {
        write_pair(self.account.as_str(), self.symbol.as_str(), out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (account, symbol) = read_pair(bytes)?;
        Some(Self {
            account: AccountId::new(account),
            symbol: Symbol::new(symbol),
        })
    }
}

pub struct Risk {
    settings: RiskSettings,
    marks: Store<Symbol, StateMark>,
    positions: Store<BookKey, Position>,
    cash: Store<AccountId, CashBook>,
    portfolios: Store<PortfolioId, StatePortfolio>,
    /// Positions of releases before the ledger; emptied at the first start.
    books: Store<BookKey, StateBook>,
    accounts: Accounts,
    rates: Rates,
    /// Whose equity changed since the last commit, and by which newest event time.
    changed: BTreeMap<PortfolioIndex, Micros>,
}

/// The record being processed.
#[derive(Clone, Copy)]
struct Cause {
    origin: Origin,
    event_time: Micros,
    now: Micros,
}

impl Risk {
    pub fn new(settings: RiskSettings) -> Self {
        Self {
            marks: Store::new("marks"),
            positions: Store::new("positions"),
            cash: Store::new("cash"),
            portfolios: Store::new("portfolios"),
            books: Store::new("books"),
            accounts: Accounts::new(&settings.accounts),
            rates: Rates::into(settings.currency),
            changed: BTreeMap::new(),
            settings,
        }
    }

    fn fill(&mut self, fill: &Fill, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let account = self.known(&fill.account, &fill.portfolio)?;
        let (currency, event) = parse::fill(fill)?;
        let key = BookKey {
            account: fill.account.clone(),
            symbol: fill.symbol.clone(),
        };
        let applied = self.apply(&key, currency, &event);
        let applied =
            applied.map_err(|refused| parse::refusal(&parse::fill_name(fill), &refused))?;
        if let Applied::Changed(change) = applied {
            self.revalue(&key, account);
            self.tell(&key, account, cause, out);
            for alert in position::alerts(&key, &fill.portfolio, &change, cause) {
                out.emit(Event::Alert(alert));
            }
        }
        Ok(())
    }

    fn account(
        &mut self,
        event: &AccountEvent,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let account = self.known(&event.account, &event.portfolio)?;
        match parse::account(event)? {
            Report::Cash(cash) => self.move_cash(event, account, &cash, cause, out),
            Report::Position(currency, report) => {
                self.act(event, account, (currency, &report), cause, out)
            }
            // Reports of what the broker believes count nothing.
            Report::Balance(..) | Report::Held(_) | Report::BuyingPower(_) => Ok(()),
        }
    }

    fn move_cash(
        &mut self,
        event: &AccountEvent,
        account: AccountIndex,
        moved: &CashEvent,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let known = self.portfolios.get(&event.portfolio);
        if known.is_some_and(|state| state.recent_events.contains(&event.event_id)) {
            return Ok(());
        }
        let mut book = self.cash.get(&event.account).cloned().unwrap_or_default();
        let before = book.booked(moved.currency);
        let applied = book
            .apply(moved)
            .map_err(|refused| parse::refusal(&parse::event_name(event), &refused))?;
        if !matches!(applied, Applied::Changed(_)) {
            return Ok(());
        }
        let after = book.booked(moved.currency);
        self.cash.put(event.account.clone(), book);
        let portfolio = self.accounts.portfolio_of(account);
        self.accounts
            .rebook(account, moved.currency, &before, &after);
        if moved.kind == ledger::CashKind::Transfer {
            self.contribute(
                portfolio,
                self.rates.translate(moved.amount, moved.currency),
            );
        }
        self.touch(portfolio, cause.event_time);
        self.judge(portfolio, cause, out);
        Ok(())
    }

    /// An opening position, a split or a distribution.
    fn act(
        &mut self,
        event: &AccountEvent,
        account: AccountIndex,
        (currency, report): (Currency, &ledger::Event),
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let what = || parse::event_name(event);
        let symbol = parse::told(event.symbol.clone(), "symbol", what)?;
        let key = BookKey {
            account: event.account.clone(),
            symbol,
        };
        let portfolio = self.accounts.portfolio_of(account);
        let worth = self.equity(portfolio);
        let applied = self.apply(&key, currency, report);
        let applied = applied.map_err(|refused| parse::refusal(&what(), &refused))?;
        if let Applied::Changed(_) = applied {
            self.revalue(&key, account);
            if matches!(report, ledger::Event::Opening(_)) {
                let added = self.equity(portfolio);
                let added = added.and_then(|after| Ok(after.checked_sub(worth?)?));
                self.contribute(portfolio, added);
            }
            self.tell(&key, account, cause, out);
        }
        Ok(())
    }

    fn apply(
        &mut self,
        key: &BookKey,
        currency: Currency,
        event: &ledger::Event,
    ) -> Result<Applied, ledger::Refused> {
        let known = self.positions.edit(key, |position| {
            let applied = position.apply(event);
            let changed = matches!(applied, Ok(Applied::Changed(_) | Applied::Held));
            (applied, changed)
        });
        if let Some(applied) = known {
            return applied;
        }
        let mut position = Position::new(self.settings.terms(&key.symbol, currency));
        let applied = position.apply(event)?;
        self.positions.put(key.clone(), position);
        Ok(applied)
    }

    /// A position that changed, and what its portfolio comes to with it.
    fn tell(&mut self, key: &BookKey, account: AccountIndex, cause: Cause, out: &mut Out) {
        let portfolio = self.accounts.portfolio_of(account);
        let id = self.accounts.portfolio_id(portfolio);
        if let (Some(position), Some(worth)) = (self.positions.get(key), self.accounts.worth(key)) {
            let record = position::record(key, id, position, worth, cause);
            out.emit(Event::Position(record));
        }
        self.touch(portfolio, cause.event_time);
        self.judge(portfolio, cause, out);
    }

    fn revalue(&mut self, key: &BookKey, account: AccountIndex) {
        if let Some(position) = self.positions.get(key) {
            let prices = prices::of(self.marks.get(&key.symbol));
            self.accounts.settle(key, account, position, &prices);
        }
    }

    fn mark(&mut self, mark: &Mark<'_>, cause: Cause, out: &mut Out) {
        let state = StateMark::from(mark);
        match self.marks.change(mark.symbol.as_ref()) {
            Some(known) if known.event_time > mark.event_time => return,
            Some(known) => *known = state,
            None => self.marks.put(Symbol::new(mark.symbol.as_ref()), state),
        }
        let prices = prices::of(self.marks.get(mark.symbol.as_ref()));
        let mut touched = self.accounts.revalue(&mark.symbol, &prices);
        let rate = prices::rate(&self.settings, &mark.symbol, mark.price, mark.event_time);
        if let Some((currency, rate)) = rate {
            self.rates.set(currency, rate);
            touched.extend(self.accounts.users_of(currency));
            touched.sort_unstable();
            touched.dedup();
        }
        // Only once all of its accounts have the new price: between them it is worth
        // what it never was.
        for portfolio in touched {
            self.touch(portfolio, cause.event_time);
            self.judge(portfolio, cause, out);
        }
    }

    fn known(&self, account: &AccountId, portfolio: &PortfolioId) -> Result<AccountIndex, Refusal> {
        let Some(index) = self.accounts.find(account) else {
            let message = format!("account {account} is unknown: add it under [[accounts]]");
            return Err(Refusal::new(Reason::UnknownAccount, message));
        };
        let expected = self
            .accounts
            .portfolio_id(self.accounts.portfolio_of(index));
        if expected != portfolio {
            let message = format!(
                "account {account} belongs to portfolio {expected}, the record says {portfolio}"
            );
            return Err(Refusal::new(Reason::WrongPortfolio, message));
        }
        Ok(index)
    }

    fn touch(&mut self, portfolio: PortfolioIndex, event_time: Micros) {
        let newest = self.changed.entry(portfolio).or_default();
        *newest = event_time.max(*newest);
    }

    /// What a portfolio is worth. A fee that nobody told is left out and counted apart;
    /// everything else that is missing makes it missing.
    fn equity(&self, portfolio: PortfolioIndex) -> Result<Money, Missing> {
        let line = self.accounts.line(portfolio, &self.rates);
        let carried = self.state(portfolio).map(|state| state.cash_flow);
        let equity = line.equity().value_despite(Missing::Fee)?;
        Ok(equity.checked_add(carried.unwrap_or_default())?)
    }

    fn state(&self, portfolio: PortfolioIndex) -> Option<&StatePortfolio> {
        self.portfolios.get(self.accounts.portfolio_id(portfolio))
    }

    /// What was put in or taken out is neither profit nor drawdown.
    fn contribute(&mut self, portfolio: PortfolioIndex, moved: Result<Money, Missing>) {
        let mut state = self.state(portfolio).cloned().unwrap_or_default();
        let high = moved.and_then(|moved| Ok(state.high_water.checked_add(moved)?));
        let Ok(high) = high else {
            return;
        };
        state.high_water = high;
        let id = self.accounts.portfolio_id(portfolio).clone();
        self.portfolios.put(id, state);
    }

    /// Raises the high-water mark and tells when the drawdown crosses its limit.
    fn judge(&mut self, portfolio: PortfolioIndex, cause: Cause, out: &mut Out) {
        let id = self.accounts.portfolio_id(portfolio);
        let Ok(equity) = self.equity(portfolio) else {
            return;
        };
        let nothing = StatePortfolio::default();
        let state = self.portfolios.get(id).unwrap_or(&nothing);
        let high_water = state.high_water.max(equity);
        let limit = self.settings.max_drawdown(id.as_str());
        let breached = drawdown::is_breached(state);
        let crossing = limit.and_then(|limit| {
            let drawdown = high_water.checked_sub(equity).ok()?;
            let outcome = drawdown::crossed(drawdown, limit, breached)?;
            Some(Crossing {
                origin: cause.origin,
                portfolio: id,
                outcome,
                drawdown,
                limit,
                currency: self.settings.currency,
                config_hash: &self.settings.config_hash,
                event_time: cause.event_time,
                now: cause.now,
            })
        });
        if state.high_water == high_water && crossing.is_none() {
            return;
        }
        let mut next = state.clone();
        next.high_water = high_water;
        if let Some(crossing) = &crossing {
            crossing.tell(out);
            drawdown::set_breached(&mut next, !breached);
        }
        let id = id.clone();
        self.portfolios.put(id, next);
    }
}

impl Processor for Risk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[
            Input::keyed(Topic::BrokerFills),
            Input::keyed(Topic::BrokerAccounts),
            Input::broadcast(Topic::MarketMarks),
        ];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[
            Topic::RiskPositions,
            Topic::RiskEquity,
            Topic::RiskVerdicts,
            Topic::Alerts,
        ]
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let event_time = event_time(event)?;
        let cause = Cause {
            origin,
            event_time,
            now,
        };
        match event {
            Event::Fill(fill) => self.fill(fill, cause, out),
            Event::Account(event) => self.account(event, cause, out),
            Event::Mark(mark) => {
                self.mark(mark, cause, out);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn before_commit(&mut self, now: Micros, out: &mut Out) {
        for (portfolio, event_time) in std::mem::take(&mut self.changed) {
            self.tell_equity(portfolio, event_time, now, out);
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![
            &mut self.marks,
            &mut self.positions,
            &mut self.cash,
            &mut self.portfolios,
            &mut self.books,
        ]
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.carry_over()?;
        self.accounts = Accounts::new(&self.settings.accounts);
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
                let nothing = ledger::Booked::default();
                let booked = book.booked(currency);
                self.accounts.rebook(account, currency, &nothing, &booked);
            }
        }
        self.changed.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
