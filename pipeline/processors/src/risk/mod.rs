//! What accounts are worth, what they may still lose, and who says stop: positions,
//! equity and limits, computed on every fill and on every mark of a held symbol.
//!
//! A record goes through here once: it changes what is held ([`holdings`]), then the
//! limits of its portfolio are evaluated ([`active_limits`], [`decide`]), and what they decide
//! becomes verdicts and alerts ([`verdicts`]).

mod accounts;
mod active_limits;
mod changed_portfolios;
mod commands;
mod decide;
mod equity;
mod holdings;
mod migration;
mod orders;
mod parse;
mod position;
mod prices;
mod reconcile;
mod settings;
mod snapshot;
mod trades;
mod verdicts;

use tapeline_model::ids::{AccountId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{
    AccountEvent, AuthEvent, AuthEventKind, Fill, FillKind, Mark, Order, OrderRequest,
};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::accounts::{AccountIndex, PortfolioIndex};
use self::active_limits::ActiveLimits;
use self::changed_portfolios::ChangedPortfolios;
use self::holdings::Holdings;
use self::orders::{OrderNews, ReportedOrders};
use self::parse::Report;
use self::position::PositionChange;
use self::reconcile::{Reconciled, Reports};
use self::trades::{PositionBefore, Trades};
use crate::cause::Cause;
use crate::contract::{Input, Out, Processor, StateError, StateStore, event_time};
use crate::ledger::{self, Applied, Booked, CashEvent, CashKind, Currency, OrderSize, Positive};
use crate::limits::{Activity, CapitalFlow, Sums};
use crate::store::{StateKey, read_names, write_names};
pub use settings::{InstrumentSettings, RateSource, RiskSettings};

pub const NAME: &str = "risk";

/// A position belongs to one account and one symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BookKey {
    account: AccountId,
    symbol: Symbol,
}

impl StateKey for BookKey {
    fn write(&self, out: &mut Vec<u8>) {
        write_names([self.account.as_str(), self.symbol.as_str()], out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let [account, symbol] = read_names(bytes)?;
        Some(Self {
            account: AccountId::new(account),
            symbol: Symbol::new(symbol),
        })
    }
}

pub struct Risk {
    holdings: Holdings,
    trades: Trades,
    orders: ReportedOrders,
    reports: Reports,
    active_limits: ActiveLimits,
    changed: ChangedPortfolios,
}

impl Risk {
    pub fn new(settings: RiskSettings) -> Self {
        let holdings = Holdings::new(settings);
        Self {
            active_limits: ActiveLimits::new(&holdings.settings, &holdings.accounts),
            holdings,
            trades: Trades::new(),
            orders: ReportedOrders::new(),
            reports: Reports::new(),
            changed: ChangedPortfolios::default(),
        }
    }

    fn fill(&mut self, fill: &Fill, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let account = self.holdings.known(&fill.account, &fill.portfolio)?;
        let (currency, event) = parse::fill(fill)?;
        let key = BookKey {
            account: fill.account.clone(),
            symbol: fill.symbol.clone(),
        };
        let before = PositionBefore::of(self.holdings.positions.get(&key));
        let booked = self.holdings.accounts.booked(&key);
        let applied = self.holdings.apply(&key, account, currency, &event);
        let applied =
            applied.map_err(|refused| parse::refusal(&parse::fill_name(fill), &refused))?;
        let Applied::Changed(change) = applied else {
            return Ok(());
        };
        let portfolio = self.enter(account, cause);
        let step = self.trade(&key, portfolio, before, booked, fill);
        self.emit_position(&key, account, step, cause, out);
        for alert in position::alerts(&key, &fill.portfolio, &change, cause) {
            out.emit(Event::Alert(alert));
        }
        self.compare_all(&key, account, currency, cause, out);
        self.evaluate(portfolio, cause, out);
        Ok(())
    }

    /// What a fill was to the trade it belongs to. One that it closed is counted.
    fn trade(
        &mut self,
        key: &BookKey,
        portfolio: PortfolioIndex,
        before: PositionBefore,
        booked: Booked,
        fill: &Fill,
    ) -> PositionChange {
        let is_fill = fill.kind == FillKind::Fill;
        let now = self.holdings.positions.get(key).filter(|_| is_fill);
        let closed = now.and_then(|now| self.trades.filled(key, before, now, fill));
        let step = PositionChange {
            before: booked,
            strategy: self.trades.strategy(key).map(str::to_owned),
            fill: is_fill.then(|| position::told(fill, self.holdings.market(&key.symbol))),
            closed: None,
        };
        let Some(closed) = closed else {
            return PositionChange {
                strategy: step.strategy.or_else(|| fill.strategy.clone()),
                ..step
            };
        };
        let activity = Activity {
            account: &key.account,
            symbol: &key.symbol,
            strategy: closed.strategy.as_deref(),
        };
        let plan = self.active_limits.plan(portfolio);
        let id = self.holdings.accounts.portfolio_id(portfolio);
        self.active_limits.with(portfolio, id, |watch| {
            watch.closed_trade(&plan, &activity, closed.result);
        });
        PositionChange {
            strategy: closed.strategy,
            closed: closed.trade,
            ..step
        }
    }

    fn account(
        &mut self,
        event: &AccountEvent,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let account = self.holdings.known(&event.account, &event.portfolio)?;
        match parse::account(event)? {
            Report::Cash(cash) => self.move_cash(event, account, &cash, cause, out),
            Report::Position(currency, report) => {
                self.act(event, account, (currency, &report), cause, out)
            }
            Report::Balance(currency, amount) => {
                self.enter(account, cause);
                self.reported(account, &Reconciled::Balance(currency), amount, cause, out);
                Ok(())
            }
            Report::Held(quantity) => {
                let symbol = parse::symbol(event)?;
                self.enter(account, cause);
                self.reported(
                    account,
                    &Reconciled::Position(symbol),
                    quantity.into(),
                    cause,
                    out,
                );
                Ok(())
            }
            // What is used is measured by what is held.
            Report::BuyingPower => Ok(()),
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
        if !self.holdings.book(event, account, moved)? {
            return Ok(());
        }
        let portfolio = self.enter(account, cause);
        let value = self.holdings.rates.translate(moved.amount, moved.currency);
        if moved.kind == CashKind::Transfer
            && let Ok(value) = value
        {
            let id = self.holdings.accounts.portfolio_id(portfolio);
            self.active_limits
                .moved(portfolio, id, &event.account, CapitalFlow::cash(value));
        }
        self.changed.note(portfolio, cause.event_time);
        self.compare(account, &Reconciled::Balance(moved.currency), cause, out);
        self.evaluate(portfolio, cause, out);
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
        let key = BookKey {
            account: event.account.clone(),
            symbol: parse::symbol(event)?,
        };
        let before = self
            .holdings
            .sums(self.holdings.accounts.portfolio_of(account));
        let step = PositionChange {
            before: self.holdings.accounts.booked(&key),
            strategy: self.trades.strategy(&key).map(str::to_owned),
            fill: None,
            closed: None,
        };
        let applied = self.holdings.apply(&key, account, currency, report);
        let applied =
            applied.map_err(|refused| parse::refusal(&parse::event_name(event), &refused))?;
        if !matches!(applied, Applied::Changed(_)) {
            return Ok(());
        }
        let portfolio = self.enter(account, cause);
        if matches!(report, ledger::Event::Opening(_))
            && let Some(by) = added(&before, &self.holdings.sums(portfolio))
                .or_else(|| self.holdings.opened_at_cost(&key))
        {
            let id = self.holdings.accounts.portfolio_id(portfolio);
            self.active_limits.moved(portfolio, id, &event.account, by);
        }
        self.emit_position(&key, account, step, cause, out);
        self.compare_all(&key, account, currency, cause, out);
        self.evaluate(portfolio, cause, out);
        Ok(())
    }

    fn order(&mut self, order: &Order, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let account = self.holdings.known(&order.account, &order.portfolio)?;
        if order.quantity.is_negative() || order.filled_quantity.is_negative() {
            let message = format!("order {}: a quantity is below zero", order.order_id);
            return Err(Refusal::new(Reason::BadQuantity, message));
        }
        let portfolio = self.enter(account, cause);
        let activity = Activity {
            account: &order.account,
            symbol: &order.symbol,
            strategy: order.strategy.as_deref(),
        };
        self.size(order, account, cause, out);
        let plan = self.active_limits.plan(portfolio);
        let id = self.holdings.accounts.portfolio_id(portfolio);
        let news = self.orders.take(order);
        self.active_limits.with(portfolio, id, |watch| match news {
            OrderNews::Sent => watch.order(&plan, &activity, cause.now),
            OrderNews::Canceled => watch.cancel(&plan, &activity, cause.now),
            OrderNews::Other | OrderNews::Nothing => {}
        });
        if matches!(news, OrderNews::Sent | OrderNews::Canceled) {
            self.evaluate(portfolio, cause, out);
        }
        Ok(())
    }

    /// How much was ordered, for a position that is there already: more may have been filled.
    fn size(&mut self, order: &Order, account: AccountIndex, cause: Cause, out: &mut Out) {
        let key = BookKey {
            account: order.account.clone(),
            symbol: order.symbol.clone(),
        };
        let Some(position) = self.holdings.positions.get(&key) else {
            return;
        };
        let Ok(quantity) = Positive::try_from(order.quantity) else {
            return;
        };
        let currency = position.terms().currency;
        let size = ledger::Event::Order(OrderSize {
            order_id: order.order_id.clone(),
            quantity,
        });
        if let Ok(Applied::Changed(change)) = self.holdings.apply(&key, account, currency, &size) {
            for alert in position::alerts(&key, &order.portfolio, &change, cause) {
                out.emit(Event::Alert(alert));
            }
        }
    }

    /// A session that comes or goes. Logins of what is no account of ours are not our matter.
    fn session(&mut self, event: &AuthEvent, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let is_alive = match event.kind {
            AuthEventKind::LoginSucceeded | AuthEventKind::Healthy => true,
            AuthEventKind::SessionLost | AuthEventKind::Expired => false,
            _ => return Ok(()),
        };
        if !self.holdings.settings.accounts.contains_key(&event.account) {
            return Ok(());
        }
        let account = self.holdings.known(&event.account, &event.portfolio)?;
        let portfolio = self.enter(account, cause);
        let id = self.holdings.accounts.portfolio_id(portfolio);
        let changed = self.active_limits.with(portfolio, id, |watch| {
            let was_lost = watch.has_lost_session(&event.account);
            watch.session(&event.account, is_alive, cause.now);
            was_lost == is_alive
        });
        if changed == Some(true) {
            self.evaluate(portfolio, cause, out);
        }
        Ok(())
    }

    fn request(
        &mut self,
        request: &OrderRequest,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        match self.holdings.known(&request.account, &request.portfolio) {
            Ok(account) => {
                let portfolio = self.enter(account, cause);
                self.evaluate(portfolio, cause, out);
                self.judge(request, portfolio, cause, out);
                Ok(())
            }
            Err(refusal) if refusal.reason == Reason::WrongPartition => Err(refusal),
            Err(refusal) => {
                self.refuse(request, refusal, cause, out);
                Ok(())
            }
        }
    }

    fn mark(&mut self, mark: &Mark<'_>, cause: Cause, out: &mut Out) {
        for portfolio in self.holdings.price(mark) {
            self.changed.note(portfolio, cause.event_time);
            let sums = self.holdings.keep_sums(portfolio);
            if !self.active_limits.stays_quiet(portfolio, &sums, cause.now) {
                self.evaluate(portfolio, cause, out);
            }
        }
    }

    /// An account has a report: its portfolio is watched from now on.
    fn enter(&mut self, account: AccountIndex, cause: Cause) -> PortfolioIndex {
        let accounts = &self.holdings.accounts;
        let portfolio = accounts.portfolio_of(account);
        self.active_limits.begin(accounts, portfolio, cause.now);
        portfolio
    }

    /// A position changed, and the cash with it.
    fn compare_all(
        &mut self,
        key: &BookKey,
        account: AccountIndex,
        currency: Currency,
        cause: Cause,
        out: &mut Out,
    ) {
        let position = Reconciled::Position(key.symbol.clone());
        self.compare(account, &position, cause, out);
        self.compare(account, &Reconciled::Balance(currency), cause, out);
    }

    /// A position that changed.
    fn emit_position(
        &mut self,
        key: &BookKey,
        account: AccountIndex,
        step: PositionChange,
        cause: Cause,
        out: &mut Out,
    ) {
        let Holdings {
            positions,
            accounts,
            ..
        } = &self.holdings;
        let portfolio = accounts.portfolio_of(account);
        let id = accounts.portfolio_id(portfolio);
        if let (Some(position), Some(value)) = (positions.get(key), accounts.value(key)) {
            let record = position::record(key, id, position, value, step, cause);
            out.emit(Event::Position(record));
        }
        self.changed.note(portfolio, cause.event_time);
    }
}

/// What a position that was taken over adds.
fn added(before: &Sums, after: &Sums) -> Option<CapitalFlow> {
    let more = |before: Result<Money, _>, after: Result<Money, _>| {
        after.ok()?.checked_sub(before.ok()?).ok()
    };
    Some(CapitalFlow {
        marked: more(before.equity, after.equity)?,
        realised: more(before.realised_equity, after.realised_equity)?,
    })
}

impl Processor for Risk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[
            Input::keyed(Topic::BrokerFills),
            Input::keyed(Topic::BrokerOrders),
            Input::keyed(Topic::BrokerAccounts),
            Input::keyed(Topic::AuthEvents),
            Input::keyed(Topic::OrdersRequests),
            Input::broadcast(Topic::ControlCommands),
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
        self.roll(now, out);
        let cause = Cause::record(origin, event_time, now);
        match event {
            Event::Fill(fill) => self.fill(fill, cause, out),
            Event::Order(order) => self.order(order, cause, out),
            Event::Account(event) => self.account(event, cause, out),
            Event::Auth(event) => self.session(event, cause, out),
            Event::Request(request) => self.request(request, cause, out),
            Event::Command(command) => self.command(command, cause, out),
            Event::Mark(mark) => {
                self.mark(mark, cause, out);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn wake_at(&self) -> Option<Micros> {
        let told = self.reports.wakes_at(&self.holdings.settings);
        self.active_limits.wakes_at().into_iter().chain(told).min()
    }

    fn tick(&mut self, now: Micros, out: &mut Out) {
        self.roll(now, out);
        self.emit_differences(now, out);
        for portfolio in self.active_limits.woken(&self.holdings.accounts, now) {
            self.evaluate(portfolio, Cause::time(now), out);
        }
    }

    fn before_commit(&mut self, now: Micros, out: &mut Out) {
        for (portfolio, event_time) in self.changed.take() {
            self.emit_equity(portfolio, event_time, now, out);
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![
            &mut self.holdings.marks,
            &mut self.holdings.positions,
            &mut self.holdings.cash,
            &mut self.holdings.portfolios,
            &mut self.holdings.books,
            &mut self.trades.store,
            &mut self.orders.store,
            &mut self.reports.store,
            &mut self.active_limits.changes,
            &mut self.active_limits.watches,
        ]
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.holdings.restored()?;
        self.orders.restored();
        self.reports.restored();
        self.active_limits.restored(&self.holdings)?;
        self.changed = ChangedPortfolios::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
