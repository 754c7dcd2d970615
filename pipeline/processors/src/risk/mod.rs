//! Positions, profit and loss, equity and one drawdown limit, computed on every
//! fill and on every mark of a held symbol.

mod book;
mod limits;
mod portfolio;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, MoneyError, Price};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, Fill, Mark, Position, StateMark, StatePortfolio,
};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use crate::contract::{Input, Out, Processor, StateError, StateStore};
use crate::store::{StateKey, Store};
use book::{Applied, Book};
use limits::Crossing;
use portfolio::{Portfolio, Value};
pub use settings::RiskSettings;

pub const NAME: &str = "risk";

/// A position belongs to one account and one symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BookKey {
    account: AccountId,
    symbol: Symbol,
}

impl StateKey for BookKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.account.write(out);
        out.push(0);
        self.symbol.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let split = bytes.iter().position(|byte| *byte == 0)?;
        Some(Self {
            account: AccountId::read(&bytes[..split])?,
            symbol: Symbol::read(&bytes[split + 1..])?,
        })
    }
}

/// How many ids of account events are remembered, to count each once.
const RECENT_EVENTS: usize = 64;

pub struct Risk {
    settings: RiskSettings,
    marks: Store<Symbol, StateMark>,
    books: Store<BookKey, Book>,
    portfolios: Store<PortfolioId, StatePortfolio>,
    derived: Derived,
}

/// Rebuilt from the stores; ordered, because it is iterated.
#[derive(Default)]
struct Derived {
    values: BTreeMap<BookKey, Value>,
    /// Books that are not flat, by symbol: the cost of a mark grows with these only.
    holders: BTreeMap<Symbol, BTreeSet<BookKey>>,
    portfolios: BTreeMap<PortfolioId, Portfolio>,
    /// Whose equity changed since the last commit, and by which newest event time.
    changed: BTreeMap<PortfolioId, Micros>,
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
            settings,
            marks: Store::new("marks"),
            books: Store::new("books"),
            portfolios: Store::new("portfolios"),
            derived: Derived::default(),
        }
    }

    fn fill(&mut self, fill: &Fill, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        self.check_account(&fill.account, &fill.portfolio, &fill.currency)?;
        let key = BookKey {
            account: fill.account.clone(),
            symbol: fill.symbol.clone(),
        };
        let fresh = Book::new(&self.settings.currency);
        let book = self.books.get(&key).unwrap_or(&fresh);
        let Applied::Changed(book) = book.apply(fill)? else {
            return Ok(());
        };
        let mark = self.marks.get(&fill.symbol).map(|m| m.price);
        let value = value_of(&book, mark);
        let overflow = |e: MoneyError| {
            Refusal::new(
                Reason::AmountOverflow,
                format!("fill {}: {e}", fill.exec_id),
            )
        };
        let average_price = book.average_price().map_err(overflow)?;
        self.derived
            .revalue(&fill.portfolio, &key, value, cause.event_time)
            .map_err(overflow)?;
        self.derived.hold(&key, !book.lot().quantity.is_zero());
        out.emit(Event::Position(position(
            fill,
            &book,
            average_price,
            mark,
            cause,
        )));
        self.books.put(key, book);
        self.judge(&fill.portfolio, cause, out);
        Ok(())
    }

    fn mark(&mut self, mark: &Mark<'_>, cause: Cause, out: &mut Out) {
        let state = StateMark {
            price: mark.price,
            bid_price: mark.bid_price,
            ask_price: mark.ask_price,
            quotes: mark.quotes,
            event_time: mark.event_time,
            // The market judges spreads.
            wide: false,
        };
        match self.marks.change(mark.symbol.as_ref()) {
            Some(known) if known.event_time > mark.event_time => return,
            Some(known) => *known = state,
            None => self.marks.put(Symbol::new(mark.symbol.as_ref()), state),
        }
        let holders = self.derived.holders.get(mark.symbol.as_ref());
        let mut touched = BTreeSet::new();
        for key in holders.cloned().unwrap_or_default() {
            let (Some(book), Some(portfolio)) = (
                self.books.get(&key),
                self.settings.accounts.get(&key.account),
            ) else {
                continue;
            };
            let value = value_of(book, Some(mark.price));
            let portfolio = portfolio.clone();
            let fits = self
                .derived
                .revalue(&portfolio, &key, value, cause.event_time);
            if fits.is_err() {
                self.derived.lose_price(&portfolio, &key, cause.event_time);
            }
            touched.insert(portfolio);
        }
        // Only once all of its accounts have the new price: between them it is worth
        // what it never was.
        for portfolio in touched {
            self.judge(&portfolio, cause, out);
        }
    }

    fn account(
        &mut self,
        event: &AccountEvent,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        self.check_account(&event.account, &event.portfolio, &event.currency)?;
        if event.kind == AccountEventKind::Balance {
            return Ok(());
        }
        let mut state = self
            .portfolios
            .get(&event.portfolio)
            .cloned()
            .unwrap_or_default();
        if state.recent_events.contains(&event.event_id) {
            return Ok(());
        }
        let overflow = |e: MoneyError| {
            let message = format!("account event {}: {e}", event.event_id);
            Refusal::new(Reason::AmountOverflow, message)
        };
        state.cash_flow = state
            .cash_flow
            .checked_add(event.amount)
            .map_err(overflow)?;
        // Money paid in or out is neither profit nor drawdown; a dividend or a fee is.
        if matches!(
            event.kind,
            AccountEventKind::Deposit | AccountEventKind::Withdrawal
        ) {
            state.high_water = state
                .high_water
                .checked_add(event.amount)
                .map_err(overflow)?;
        }
        if state.recent_events.len() >= RECENT_EVENTS {
            state.recent_events.remove(0);
        }
        state.recent_events.push(event.event_id.clone());
        self.portfolios.put(event.portfolio.clone(), state);
        self.derived.touch(&event.portfolio, cause.event_time);
        self.judge(&event.portfolio, cause, out);
        Ok(())
    }

    fn check_account(
        &self,
        account: &AccountId,
        portfolio: &PortfolioId,
        currency: &str,
    ) -> Result<(), Refusal> {
        let Some(expected) = self.settings.accounts.get(account) else {
            let message = format!("account {account} is unknown: add it under [[accounts]]");
            return Err(Refusal::new(Reason::UnknownAccount, message));
        };
        if expected != portfolio {
            let message = format!(
                "account {account} belongs to portfolio {expected}, the record says {portfolio}"
            );
            return Err(Refusal::new(Reason::WrongPortfolio, message));
        }
        if currency != self.settings.currency {
            let message = format!(
                "account {account}: {currency} cannot be valued in {}, no rate is known",
                self.settings.currency
            );
            return Err(Refusal::new(Reason::WrongCurrency, message));
        }
        Ok(())
    }

    /// Raises the high-water mark and tells when the drawdown crosses its limit.
    fn judge(&mut self, id: &PortfolioId, cause: Cause, out: &mut Out) {
        let Some(live) = self.derived.portfolios.get(id) else {
            return;
        };
        let Some(mut state) = self.portfolios.get(id).cloned() else {
            return;
        };
        let Some(equity) = live.equity(state.cash_flow) else {
            return;
        };
        let before = (state.high_water, state.breached.len());
        state.high_water = state.high_water.max(equity);
        if let Some(limit) = self.settings.max_drawdown(id.as_str()) {
            self.check_drawdown(id, &mut state, equity, limit, cause, out);
        }
        if before != (state.high_water, state.breached.len()) {
            self.portfolios.put(id.clone(), state);
        }
    }

    fn check_drawdown(
        &self,
        id: &PortfolioId,
        state: &mut StatePortfolio,
        equity: Money,
        limit: Money,
        cause: Cause,
        out: &mut Out,
    ) {
        let breached = state
            .breached
            .iter()
            .any(|rule| rule == limits::MAX_DRAWDOWN);
        let Ok(drawdown) = state.high_water.checked_sub(equity) else {
            return;
        };
        let Some(outcome) = limits::crossed(drawdown, limit, breached) else {
            return;
        };
        let crossing = Crossing {
            origin: cause.origin,
            portfolio: id,
            outcome,
            drawdown,
            limit,
            currency: &self.settings.currency,
            config_hash: &self.settings.config_hash,
            event_time: cause.event_time,
            now: cause.now,
        };
        if let Ok(verdict) = crossing.verdict() {
            out.emit(Event::Verdict(verdict));
        }
        out.emit(Event::Alert(crossing.alert()));
        if breached {
            state.breached.retain(|rule| rule != limits::MAX_DRAWDOWN);
        } else {
            state.breached.push(limits::MAX_DRAWDOWN.to_owned());
        }
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
        let event_time = event.event_time();
        if !event_time.is_storable() {
            let message = format!("event time {} lies outside 1970 to 2262", event_time.0);
            return Err(Refusal::new(Reason::BadTime, message));
        }
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
        let nothing = StatePortfolio::default();
        for (id, event_time) in std::mem::take(&mut self.derived.changed) {
            let state = self.portfolios.get(&id).unwrap_or(&nothing);
            if let Some(live) = self.derived.portfolios.get(&id) {
                out.emit(Event::Equity(live.record(&id, state, event_time, now)));
            }
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![&mut self.marks, &mut self.books, &mut self.portfolios]
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.derived = Derived::default();
        for (key, book) in self.books.sorted() {
            let Some(portfolio) = self.settings.accounts.get(&key.account) else {
                continue;
            };
            let mark = self.marks.get(&key.symbol);
            let value = value_of(book, mark.map(|m| m.price));
            self.derived
                .revalue(portfolio, key, value, Micros(0))
                .map_err(|e| StateError::Inconsistent {
                    store: "books",
                    detail: format!("{} in {}: {e}", key.symbol, key.account),
                })?;
            self.derived.hold(key, !book.lot().quantity.is_zero());
        }
        for (id, _) in self.portfolios.sorted() {
            self.derived.touch(id, Micros(0));
        }
        self.derived.changed.clear();
        Ok(())
    }
}

impl Derived {
    fn revalue(
        &mut self,
        portfolio: &PortfolioId,
        key: &BookKey,
        value: Value,
        event_time: Micros,
    ) -> Result<(), MoneyError> {
        let old = self.values.get(key).copied();
        let current = self.portfolios.get(portfolio).cloned().unwrap_or_default();
        let next = current.with(old, value)?;
        self.portfolios.insert(portfolio.clone(), next);
        self.values.insert(key.clone(), value);
        self.touch(portfolio, event_time);
        Ok(())
    }

    /// What cannot be added up counts as missing; that only takes away, so it fits.
    fn lose_price(&mut self, portfolio: &PortfolioId, key: &BookKey, event_time: Micros) {
        let known = self.values.get(key).copied().unwrap_or_default();
        let missing = Value {
            unrealised: None,
            ..known
        };
        let _fits = self.revalue(portfolio, key, missing, event_time);
    }

    fn touch(&mut self, portfolio: &PortfolioId, event_time: Micros) {
        self.portfolios.entry(portfolio.clone()).or_default();
        let newest = self.changed.entry(portfolio.clone()).or_default();
        *newest = event_time.max(*newest);
    }

    fn hold(&mut self, key: &BookKey, open: bool) {
        let holders = self.holders.entry(key.symbol.clone()).or_default();
        if open {
            holders.insert(key.clone());
        } else {
            holders.remove(key);
        }
    }
}

fn value_of(book: &Book, mark: Option<Price>) -> Value {
    Value {
        realised: book.lot().realised,
        unrealised: book.unrealised(mark).ok().flatten(),
    }
}

fn position(
    fill: &Fill,
    book: &Book,
    average_price: Option<Price>,
    mark: Option<Price>,
    cause: Cause,
) -> Position {
    let lot = book.lot();
    Position {
        portfolio: fill.portfolio.clone(),
        account: fill.account.clone(),
        symbol: fill.symbol.clone(),
        quantity: lot.quantity,
        average_price,
        realised: lot.realised,
        fees: lot.fees,
        unknown_fees: lot.unknown_fees,
        unrealised: value_of(book, mark).unrealised,
        mark_price: mark,
        currency: book.state().currency.clone(),
        cause_topic: cause.origin.topic.name().to_owned(),
        cause_partition: cause.origin.partition as i32,
        cause_offset: cause.origin.offset as i64,
        event_time: cause.event_time,
        ingest_time: cause.now,
        source: NAME.to_owned(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
