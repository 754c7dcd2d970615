//! Ready strategies that turn signals into requests for orders. Off unless an
//! instance is configured. Nothing is entered on an equity or a price that is
//! missing or old; leaving is always asked for, since it can only reduce.
//!
//! A signal makes one request an account at most. When the direction turns the
//! other way the position is left, and the next signal decides what comes then.

mod presets;
mod request;
mod settings;
mod sizing;
mod strategy_position;

use std::collections::BTreeSet;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Quantity};
use tapeline_model::reasons::Refusal;
use tapeline_model::records::{Direction, Equity, GuardState, Mark, Position, Signal, StateMark};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::request::{Blocked, WantedOrder};
pub use self::settings::{
    EquitySettings, FixedSettings, InstanceSettings, RangeSettings, ReversionSettings, Sides,
    SizeSettings, StrategySettings, TradeSettings, TrendSettings, VolatilitySettings,
};
use self::sizing::Sizing;
use self::strategy_position::StrategyPosition;
use crate::contract::{Input, Out, Processor, StateStore, event_time};
use crate::settings::SymbolSet;
use crate::store::{Names, Store};

pub const NAME: &str = "strategy";

pub struct Strategy {
    instances: Vec<Instance>,
    marks: Store<Symbol, StateMark>,
    /// By portfolio and account; the account of a whole portfolio is empty.
    equities: Store<Names<2>, Equity>,
    /// By account and symbol.
    positions: Store<Names<2>, Position>,
    /// By instance, account and symbol.
    strategy_positions: Store<Names<3>, StrategyPosition>,
}

/// An instance, ready to act.
struct Instance {
    name: String,
    rules: BTreeSet<String>,
    symbols: SymbolSet,
    accounts: Vec<TradedAccount>,
    sides: Sides,
    sizing: Sizing,
    max_signal_age: i64,
    max_price_age: i64,
    max_equity_age: i64,
}

struct TradedAccount {
    id: AccountId,
    portfolio: PortfolioId,
    /// No other account is in the portfolio, so its equity is this account's.
    is_alone: bool,
}

/// A signal, where it was read, and when.
#[derive(Clone, Copy)]
struct SignalContext<'a> {
    signal: &'a Signal,
    origin: Origin,
    now: Micros,
}

impl Processor for Strategy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[
            Input::keyed(Topic::RiskEquity),
            Input::keyed(Topic::RiskPositions),
            Input::broadcast(Topic::MarketMarks),
            Input::broadcast(Topic::Signals),
        ];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[Topic::OrdersRequests, Topic::Alerts]
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        event_time(event)?;
        match event {
            Event::Mark(mark) => self.mark(mark),
            Event::Equity(equity) => self.equity(equity),
            Event::Position(position) => self.position(position),
            Event::Signal(signal) => {
                let context = SignalContext {
                    signal,
                    origin,
                    now,
                };
                self.signal(context, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![
            &mut self.marks,
            &mut self.equities,
            &mut self.positions,
            &mut self.strategy_positions,
        ]
    }
}

impl Strategy {
    /// Instances with a fault are left out: see [`StrategySettings::faults`].
    pub fn new(settings: &StrategySettings) -> Self {
        let instances = settings.instances.iter();
        Self {
            instances: instances
                .filter_map(|i| Instance::new(i, settings))
                .collect(),
            marks: Store::new("marks"),
            equities: Store::new("equities"),
            positions: Store::new("positions"),
            strategy_positions: Store::new("held"),
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        let symbol = mark.symbol.as_ref();
        let known = self.marks.get(symbol);
        let is_traded = self.instances.iter().any(|i| i.symbols.holds(symbol));
        if !is_traded || known.is_some_and(|known| known.event_time > mark.event_time) {
            return;
        }
        self.marks.put(Symbol::new(symbol), mark.into());
    }

    fn equity(&mut self, equity: &Equity) {
        let portfolio = equity.portfolio.as_str();
        if self.accounts().any(|a| a.portfolio == equity.portfolio) {
            let account = equity.account.as_ref().map_or("", AccountId::as_str);
            self.equities
                .put(Names::new([portfolio, account]), equity.clone());
        }
    }

    fn position(&mut self, position: &Position) {
        if self
            .accounts()
            .any(|account| account.id == position.account)
        {
            let key = Names::new([position.account.as_str(), position.symbol.as_str()]);
            self.positions.put(key, position.clone());
        }
    }

    fn accounts(&self) -> impl Iterator<Item = &TradedAccount> {
        self.instances
            .iter()
            .flat_map(|instance| &instance.accounts)
    }

    fn signal(&mut self, context: SignalContext<'_>, out: &mut Out) {
        for instance in &self.instances {
            let signal = context.signal;
            let listens = instance.rules.contains(&signal.rule)
                && instance.symbols.holds(signal.symbol.as_str());
            if !listens {
                continue;
            }
            for account in &instance.accounts {
                let whole = Names::new([account.portfolio.as_str(), ""]);
                // Another task has the portfolio, or nobody knows of it yet.
                let Some(whole) = self.equities.get(&whole) else {
                    continue;
                };
                let id = Names::new([account.portfolio.as_str(), account.id.as_str()]);
                let own = self.equities.get(&id);
                let position = Names::new([account.id.as_str(), signal.symbol.as_str()]);
                let view = AccountView {
                    whole,
                    own: own.or_else(|| account.is_alone.then_some(whole)),
                    mark: self.marks.get(signal.symbol.as_str()),
                    position: self.positions.get(&position),
                };
                let key = Names::new([
                    instance.name.as_str(),
                    account.id.as_str(),
                    signal.symbol.as_str(),
                ]);
                let held = self.strategy_positions.get(&key);
                if let Some(held) = instance.act(account, held, &view, context, out) {
                    self.strategy_positions.put(key, held);
                }
            }
        }
    }
}

/// What is known of an account and a symbol when a signal comes.
struct AccountView<'a> {
    whole: &'a Equity,
    own: Option<&'a Equity>,
    mark: Option<&'a StateMark>,
    position: Option<&'a Position>,
}

impl Instance {
    fn new(settings: &InstanceSettings, all: &StrategySettings) -> Option<Self> {
        let account = |id: &String| {
            let portfolio = all.accounts.get(id.as_str())?;
            let of_portfolio = all.accounts.values().filter(|other| *other == portfolio);
            Some(TradedAccount {
                id: AccountId::new(id),
                portfolio: portfolio.clone(),
                is_alone: of_portfolio.count() == 1,
            })
        };
        Some(Self {
            name: settings.name.clone(),
            rules: settings.rules().into_iter().map(|rule| rule.name).collect(),
            symbols: SymbolSet::new(&settings.symbols),
            accounts: settings.accounts.iter().filter_map(account).collect(),
            sides: settings.sides,
            sizing: settings.sizing()?,
            max_signal_age: settings.max_signal_age_ms * 1_000,
            max_price_age: settings.max_price_age_ms * 1_000,
            max_equity_age: settings.max_equity_age_ms * 1_000,
        })
    }

    /// What is held after the signal, if that changes.
    fn act(
        &self,
        account: &TradedAccount,
        held: Option<&StrategyPosition>,
        view: &AccountView<'_>,
        context: SignalContext<'_>,
        out: &mut Out,
    ) -> Option<StrategyPosition> {
        let signal = context.signal;
        let id = signal.signal_id.to_string();
        // Whoever reads a signal twice does not act on it twice.
        let is_behind =
            |held: &StrategyPosition| signal.event_time < held.since || held.signal_id == id;
        if held.is_some_and(is_behind) {
            return None;
        }
        let open = held.filter(|held| held.direction != Direction::Flat);
        let result = match (open, signal.direction) {
            (Some(held), wanted) if held.ends_with(wanted, &signal.rule) => Some(leave(held, view)),
            (None, Direction::Long | Direction::Short) if self.takes(signal.direction) => {
                Some(self.enter(view, context))
            }
            _ => None,
        }?;
        let now_held = |direction, quantity| StrategyPosition {
            direction,
            rule: signal.rule.clone(),
            quantity,
            signal_id: id.clone(),
            since: signal.event_time,
        };
        match result {
            Ok(wanted) => {
                out.emit(Event::Request(self.request(account, &wanted, context)));
                let direction = if wanted.reduce_only {
                    Direction::Flat
                } else {
                    signal.direction
                };
                Some(now_held(direction, wanted.quantity))
            }
            Err(blocked) => {
                out.emit(Event::Alert(self.alert(account, &blocked, context)));
                // What is not there need not be left again.
                open.map(|_| now_held(Direction::Flat, Quantity::ZERO))
            }
        }
    }

    fn takes(&self, direction: Direction) -> bool {
        match self.sides {
            Sides::Both => true,
            Sides::Long => direction == Direction::Long,
            Sides::Short => direction == Direction::Short,
        }
    }

    fn enter(
        &self,
        view: &AccountView<'_>,
        context: SignalContext<'_>,
    ) -> Result<WantedOrder, Blocked> {
        let SignalContext { signal, now, .. } = context;
        if now.since(signal.event_time) > self.max_signal_age {
            return Err(Blocked::OldSignal(signal.event_time));
        }
        let guards = [Some(view.whole), view.own].into_iter().flatten();
        let not_active = guards
            .map(|e| e.guard)
            .find(|guard| *guard != GuardState::Active);
        if let Some(guard) = not_active {
            return Err(Blocked::Guard(guard));
        }
        let mark = view.mark.ok_or(Blocked::NoPrice)?;
        if now.since(mark.event_time) > self.max_price_age {
            return Err(Blocked::OldPrice(mark.event_time));
        }
        let equity = view.own.ok_or(Blocked::NoEquity)?;
        let amount = equity.equity.ok_or(Blocked::NoEquity)?;
        // What holds nothing is worth the same however long nothing was told.
        let holds_nothing = equity.gross.is_some_and(Money::is_zero);
        let is_old = now.since(equity.event_time) > self.max_equity_age;
        if equity.stale_prices > 0 || (is_old && !holds_nothing) {
            return Err(Blocked::OldEquity(equity.event_time));
        }
        let quantity = self.sizing.quantity(amount, mark.price, &signal.inputs)?;
        Ok(WantedOrder::entry(signal.direction, quantity))
    }
}

/// Not more than was asked for, and not more than is there.
fn leave(held: &StrategyPosition, view: &AccountView<'_>) -> Result<WantedOrder, Blocked> {
    let position = view.position.map_or(Quantity::ZERO, |p| p.quantity);
    let is_there = match held.direction {
        Direction::Long => position.is_positive(),
        Direction::Short => position.is_negative(),
        Direction::Flat | Direction::Neutral => false,
    };
    if !is_there {
        return Err(Blocked::NothingHeld(held.direction));
    }
    Ok(WantedOrder::exit(
        held.direction,
        position.abs().min(held.quantity),
    ))
}

#[cfg(test)]
mod harness;
#[cfg(test)]
mod tests;
