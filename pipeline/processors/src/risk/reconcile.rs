//! What brokers believe, compared with what was computed.
//!
//! Reports and fills come by different ways, so a difference is nothing yet: it counts
//! once it has stood for the time of `reconcile_after`. A report from before something
//! that is counted says nothing about it.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;
use tapeline_model::records::Severity;
use tapeline_schemas::codec::Record;

use super::accounts::AccountIndex;
use super::holdings::Holdings;
use super::verdicts::{self, Context};
use super::{BookKey, Cause, Risk, RiskSettings};
use crate::contract::{Out, StateStore};
use crate::ledger::{Currency, Position};
use crate::limits::Unit;
use crate::store::{Names, Store};

/// A report that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Difference {
    reported: Money,
    /// The time of the report.
    as_of: Micros,
    since: Micros,
    told: bool,
}

impl Record for Difference {
    const RECORD: &'static str = "state_difference";
}

pub(super) struct Reports {
    /// By account, and what it is about.
    pub store: Store<Names<3>, Difference>,
    /// Since when the oldest of those without a verdict is there.
    waits_since: Option<Micros>,
}

/// Something that both sides know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reconciled {
    Position(Symbol),
    Balance(Currency),
}

impl Reconciled {
    const POSITION: &str = "position";
    const BALANCE: &str = "balance";

    fn key(&self, account: &AccountId) -> Names<3> {
        let (kind, name) = match self {
            Self::Position(symbol) => (Self::POSITION, symbol.as_str()),
            Self::Balance(currency) => (Self::BALANCE, currency.as_str()),
        };
        Names::new([account.as_str(), kind, name])
    }

    fn of(key: &Names<3>) -> Option<(AccountId, Self)> {
        let [account, kind, name] = key.parts();
        let item = match kind {
            Self::POSITION => Self::Position(Symbol::new(name)),
            _ => Self::Balance(Currency::new(name).ok()?),
        };
        Some((AccountId::new(account), item))
    }

    fn symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Position(symbol) => Some(symbol),
            Self::Balance(_) => None,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Position(_) => Reason::PositionDiffers,
            Self::Balance(_) => Reason::BalanceDiffers,
        }
    }

    /// `10 units of AAPL`, `100 USD`
    fn amount(&self, amount: Money) -> String {
        match self {
            Self::Position(symbol) => format!("{amount} units of {symbol}"),
            Self::Balance(currency) => format!("{amount} {currency}"),
        }
    }

    fn unit(&self) -> String {
        match self {
            Self::Position(_) => Unit::Units.text(""),
            Self::Balance(currency) => currency.to_string(),
        }
    }

    fn tolerance(&self, settings: &RiskSettings) -> Money {
        match self {
            Self::Position(_) => Money::ZERO,
            Self::Balance(_) => settings.balance_tolerance,
        }
    }

    /// What was computed; none if a part of it is unknown.
    fn computed(&self, holdings: &Holdings, account: AccountIndex) -> Option<Money> {
        match self {
            Self::Position(symbol) => {
                let position = position(holdings, account, symbol);
                Some(position.map_or(Money::ZERO, |position| position.quantity().into()))
            }
            Self::Balance(currency) => holdings.accounts.cash(account, *currency).value().ok(),
        }
    }

    /// When the newest of what is counted happened.
    fn newest(&self, holdings: &Holdings, account: AccountIndex) -> Option<Micros> {
        match self {
            Self::Position(symbol) => position(holdings, account, symbol)?.newest(),
            Self::Balance(_) => holdings.newest(account),
        }
    }

    fn agrees(&self, reported: Money, computed: Money, settings: &RiskSettings) -> bool {
        let apart = reported.checked_sub(computed).map(Money::abs);
        apart.is_ok_and(|apart| apart <= self.tolerance(settings))
    }
}

fn position<'h>(
    holdings: &'h Holdings,
    account: AccountIndex,
    symbol: &Symbol,
) -> Option<&'h Position> {
    holdings.positions.get(&BookKey {
        account: holdings.accounts.id(account).clone(),
        symbol: symbol.clone(),
    })
}

/// What a verdict says of a difference.
struct DifferenceChange {
    /// None once it is gone.
    since: Option<Micros>,
    reported: Money,
    computed: Money,
    message: String,
}

impl Reports {
    pub fn new() -> Self {
        Self {
            store: Store::new("differences"),
            waits_since: None,
        }
    }

    pub fn wakes_at(&self, settings: &RiskSettings) -> Option<Micros> {
        let since = self.waits_since?;
        Some(Micros(since.0.saturating_add(settings.reconcile_after)))
    }

    /// State was restored, or some of it has a verdict now.
    pub fn restored(&mut self) {
        let all = self.store.sorted().into_iter();
        let waiting = all.filter(|(_, difference)| !difference.told);
        self.waits_since = waiting.map(|(_, difference)| difference.since).min();
    }

    fn note_difference(&mut self, key: Names<3>, reported: Money, cause: Cause) {
        let known = self.store.get(&key);
        let difference = Difference {
            reported,
            as_of: cause.event_time,
            since: known.map_or(cause.now, |known| known.since),
            told: known.is_some_and(|known| known.told),
        };
        if !difference.told {
            let waits = self
                .waits_since
                .map_or(difference.since, |at| at.min(difference.since));
            self.waits_since = Some(waits);
        }
        self.store.put(key, difference);
    }
}

impl Risk {
    /// The broker says what there is.
    pub(super) fn reported(
        &mut self,
        account: AccountIndex,
        item: &Reconciled,
        reported: Money,
        cause: Cause,
        out: &mut Out,
    ) {
        let holdings = &self.holdings;
        if item.newest(holdings, account) > Some(cause.event_time) {
            return;
        }
        let Some(computed) = item.computed(holdings, account) else {
            return;
        };
        if item.agrees(reported, computed, &holdings.settings) {
            self.agreed(account, item, cause, out);
        } else {
            let key = item.key(holdings.accounts.id(account));
            self.reports.note_difference(key, reported, cause);
        }
    }

    /// What was computed changed: the report may agree now, or be outdated.
    pub(super) fn compare(
        &mut self,
        account: AccountIndex,
        item: &Reconciled,
        cause: Cause,
        out: &mut Out,
    ) {
        if self.reports.store.is_empty() {
            return;
        }
        let holdings = &self.holdings;
        let key = item.key(holdings.accounts.id(account));
        let Some(known) = self.reports.store.get(&key) else {
            return;
        };
        let computed = item.computed(holdings, account);
        let is_newer = cause.event_time > known.as_of;
        let agrees = computed
            .is_some_and(|computed| item.agrees(known.reported, computed, &holdings.settings));
        if agrees && !is_newer {
            self.agreed(account, item, cause, out);
        } else if is_newer && !known.told {
            self.reports.store.remove(key);
        }
    }

    fn agreed(&mut self, account: AccountIndex, item: &Reconciled, cause: Cause, out: &mut Out) {
        let id = self.holdings.accounts.id(account).clone();
        let key = item.key(&id);
        let Some(known) = self.reports.store.get(&key) else {
            return;
        };
        let (was_told, reported) = (known.told, known.reported);
        self.reports.store.remove(key);
        if was_told {
            let message = format!(
                "account {id}: the broker's report agrees again with what was computed ({})",
                item.amount(reported)
            );
            let told = DifferenceChange {
                since: None,
                reported,
                computed: reported,
                message,
            };
            self.emit_difference(account, item, told, cause, out);
        }
    }

    /// Differences that have stood for long enough.
    pub(super) fn emit_differences(&mut self, now: Micros, out: &mut Out) {
        let due = self.reports.wakes_at(&self.holdings.settings);
        if due.is_none_or(|due| due > now) {
            return;
        }
        let after = self.holdings.settings.reconcile_after;
        let all = self.reports.store.sorted().into_iter();
        let due: Vec<(Names<3>, Difference)> = all
            .filter(|(_, known)| !known.told && now.since(known.since) >= after)
            .map(|(key, known)| (key.clone(), known.clone()))
            .collect();
        for (key, known) in due {
            self.alert_difference(&key, &known, now, out);
        }
        self.reports.restored();
    }

    fn alert_difference(&mut self, key: &Names<3>, known: &Difference, now: Micros, out: &mut Out) {
        let told = Difference {
            told: true,
            ..known.clone()
        };
        self.reports.store.put(key.clone(), told);
        let Some((id, item)) = Reconciled::of(key) else {
            return;
        };
        let Some(account) = self.holdings.accounts.find(&id) else {
            return;
        };
        let computed = item.computed(&self.holdings, account);
        let computed = computed.unwrap_or_default();
        let message = format!(
            "account {id}: the broker reports {} as of {}, computed are {}; look at both before \
             anything is traded there",
            item.amount(known.reported),
            known.as_of,
            item.amount(computed)
        );
        let told = DifferenceChange {
            since: Some(known.since),
            reported: known.reported,
            computed,
            message,
        };
        self.emit_difference(account, &item, told, Cause::time(now), out);
    }

    fn emit_difference(
        &mut self,
        account: AccountIndex,
        item: &Reconciled,
        told: DifferenceChange,
        cause: Cause,
        out: &mut Out,
    ) {
        let DifferenceChange {
            since,
            reported,
            computed,
            message,
        } = told;
        let accounts = &self.holdings.accounts;
        let portfolio = accounts.portfolio_of(account);
        let (id, portfolio_id) = (accounts.id(account), accounts.portfolio_id(portfolio));
        let guard = self.active_limits.with(portfolio, portfolio_id, |watch| {
            watch.unreconciled(id, item.symbol(), since);
            watch.guard().state()
        });
        let context = Context {
            portfolio: portfolio_id,
            settings: &self.holdings.settings,
            cause,
            guard: guard.unwrap_or_default(),
        };
        let settings = &self.holdings.settings;
        let mut verdict = context.difference(
            if since.is_some() {
                item.reason()
            } else {
                Reason::Reconciled
            },
            &item.key(id).parts().join("/"),
        );
        verdict.value = reported.checked_sub(computed).unwrap_or_default();
        verdict.limit = item.tolerance(settings);
        verdict.distance = verdict
            .limit
            .checked_sub(verdict.value.abs())
            .unwrap_or_default();
        verdict.unit = item.unit();
        verdict.message = message;
        let severity = match since {
            Some(_) => Severity::Critical,
            None => Severity::Info,
        };
        verdicts::emit(verdict, cause, severity, out);
        self.changed.note(portfolio, cause.event_time);
        self.evaluate(portfolio, cause, out);
    }
}
