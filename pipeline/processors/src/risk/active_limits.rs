//! The limits in force, and where each portfolio stands with them.

use std::sync::Arc;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId};

use super::RiskSettings;
use super::accounts::{Accounts, PortfolioIndex};
use super::holdings::Holdings;
use crate::contract::StateError;
use crate::limits::{
    Calendars, CapitalFlow, Fault, LimitChange, Limits, Plan, Plans, QuietRange, Snapshot, Sums,
    Watch, earlier, list,
};
use crate::store::{Names, Store};

/// Ticks for several portfolios come together: their times are rounded up to this, in
/// microseconds.
const TICKS_APART: i64 = 50_000;

pub(super) struct ActiveLimits {
    calendars: Calendars,
    limits: Limits,
    /// What commands made of limits, by name.
    pub changes: Store<Names<1>, LimitChange>,
    /// Of portfolios that had a report.
    pub watches: Store<PortfolioId, Watch>,
    /// By the index of the portfolio.
    plans: Vec<Arc<Plan>>,
    /// Between which sums none of them need be evaluated, by the same.
    quiet_range: Vec<QuietRange>,
    /// No day or window of any portfolio ends before this.
    rolls_at: Micros,
    /// Nothing changes by time alone before this.
    wakes_at: Option<Micros>,
}

impl ActiveLimits {
    pub fn new(settings: &RiskSettings, accounts: &Accounts) -> Self {
        let mut active_limits = Self {
            calendars: settings.calendars.clone(),
            limits: settings.limits.clone(),
            changes: Store::new("limits"),
            watches: Store::new("watches"),
            plans: Vec::new(),
            quiet_range: Vec::new(),
            rolls_at: Micros(i64::MAX),
            wakes_at: None,
        };
        active_limits.plan_all(accounts);
        active_limits
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn calendars(&self) -> &Calendars {
        &self.calendars
    }

    pub fn plan(&self, portfolio: PortfolioIndex) -> Arc<Plan> {
        Arc::clone(&self.plans[portfolio.place()])
    }

    /// Begins to watch a portfolio at its first report.
    pub fn begin(&mut self, accounts: &Accounts, portfolio: PortfolioIndex, now: Micros) {
        let id = accounts.portfolio_id(portfolio);
        if self.watches.get(id).is_some() {
            return;
        }
        let plan = self.plan(portfolio);
        let own = accounts.accounts_of(portfolio);
        let snapshot = Snapshot {
            portfolio: id,
            currency: "",
            whole: Sums::NOTHING,
            accounts: &own.map(|id| (id.clone(), Sums::NOTHING)).collect(),
            positions: &[],
        };
        let mut watch = Watch::default();
        // Nothing breaches nothing.
        watch.evaluate(&plan, &snapshot, now);
        self.watches.put(id.clone(), watch);
    }

    /// Does something with the watch of a portfolio that is watched.
    pub fn with<R>(
        &mut self,
        portfolio: PortfolioIndex,
        id: &PortfolioId,
        act: impl FnOnce(&mut Watch) -> R,
    ) -> Option<R> {
        let (rolls_at, wakes_at) = (&mut self.rolls_at, &mut self.wakes_at);
        let quiet_range = &mut self.quiet_range[portfolio.place()];
        self.watches.edit(id, |watch| {
            let result = act(watch);
            *rolls_at = watch.rolls_at().min(*rolls_at);
            *wakes_at = earlier(*wakes_at, watch.wake_at());
            *quiet_range = watch.quiet_range();
            (result, watch.take_changed())
        })
    }

    /// Whether these sums can change nothing.
    pub fn stays_quiet(&self, portfolio: PortfolioIndex, sums: &Sums, now: Micros) -> bool {
        self.quiet_range[portfolio.place()].contains(sums, now)
    }

    pub fn moved(
        &mut self,
        portfolio: PortfolioIndex,
        id: &PortfolioId,
        account: &AccountId,
        by: CapitalFlow,
    ) {
        // A point that does not fit an amount stays where it is.
        self.with(portfolio, id, |watch| watch.moved(account, by).ok());
    }

    pub fn wakes_at(&self) -> Option<Micros> {
        let apart = |at: Micros| {
            let steps = at.0.div_euclid(TICKS_APART) + i64::from(at.0.rem_euclid(TICKS_APART) > 0);
            Micros(steps.saturating_mul(TICKS_APART))
        };
        self.wakes_at.map(apart)
    }

    /// The portfolios for which a day or a window ended, in order. Each of them must be
    /// evaluated before anything else happens.
    pub fn rolled(&mut self, accounts: &Accounts, now: Micros) -> Vec<PortfolioIndex> {
        if now < self.rolls_at {
            return Vec::new();
        }
        self.rolls_at = Micros(i64::MAX);
        self.due(
            accounts,
            now,
            |watch| Some(watch.rolls_at()),
            |active_limits, at| {
                active_limits.rolls_at = at.min(active_limits.rolls_at);
            },
        )
    }

    /// The portfolios in which time alone changes something, in order.
    pub fn woken(&mut self, accounts: &Accounts, now: Micros) -> Vec<PortfolioIndex> {
        self.wakes_at = None;
        self.due(accounts, now, Watch::wake_at, |active_limits, at| {
            active_limits.wakes_at = earlier(active_limits.wakes_at, Some(at));
        })
    }

    /// Those whose time has come; what comes later is handed to `later`.
    fn due(
        &mut self,
        accounts: &Accounts,
        now: Micros,
        time: impl Fn(&Watch) -> Option<Micros>,
        mut later: impl FnMut(&mut Self, Micros),
    ) -> Vec<PortfolioIndex> {
        let mut due = Vec::new();
        for portfolio in accounts.portfolios() {
            let watch = self.watches.get(accounts.portfolio_id(portfolio));
            match watch.and_then(&time) {
                Some(at) if at <= now => due.push(portfolio),
                Some(at) => later(self, at),
                None => {}
            }
        }
        due
    }

    /// Puts a changed limit in force: the portfolios that must be evaluated anew.
    pub fn change(
        &mut self,
        change: LimitChange,
        accounts: &Accounts,
    ) -> Result<Vec<PortfolioIndex>, Vec<Fault>> {
        change.apply(&mut self.limits, &self.calendars)?;
        self.changes.put(Names::new([change.name.as_str()]), change);
        self.plan_all(accounts);
        Ok(self.adopt(accounts))
    }

    /// State was restored.
    pub fn restored(&mut self, holdings: &Holdings) -> Result<(), StateError> {
        let settings = &holdings.settings;
        self.limits = settings.limits.clone();
        let changes: Vec<LimitChange> = self.changes.sorted().into_iter().map(owned).collect();
        for change in changes {
            let applied = change.apply(&mut self.limits, &self.calendars);
            applied.map_err(|faults| StateError::Inconsistent {
                store: "limits",
                detail: format!(
                    "limit {} that {} set does not fit the configuration: {}",
                    change.name,
                    change.author,
                    list(&faults)
                ),
            })?;
        }
        self.plan_all(&holdings.accounts);
        self.restore_legacy(holdings);
        self.adopt(&holdings.accounts);
        self.rolls_at = Micros(0);
        self.wakes_at = Some(Micros(0));
        Ok(())
    }

    /// What releases before these limits knew of portfolios.
    fn restore_legacy(&mut self, holdings: &Holdings) {
        for portfolio in holdings.accounts.portfolios() {
            let id = holdings.accounts.portfolio_id(portfolio);
            let Some(known) = holdings.portfolios.get(id) else {
                continue;
            };
            if self.watches.get(id).is_none() {
                let plan = self.plan(portfolio);
                let mut watch = Watch::default();
                let breached = known.breached.iter().any(|rule| rule == "max_drawdown");
                watch.restore_legacy(&plan, known.high_water, breached);
                self.watches.put(id.clone(), watch);
            }
        }
    }

    fn plan_all(&mut self, accounts: &Accounts) {
        let mut plans = Plans::new(&self.limits, &self.calendars);
        let plan = |portfolio| {
            let id = accounts.portfolio_id(portfolio);
            plans.of(id, accounts.accounts_of(portfolio))
        };
        self.plans = accounts.portfolios().map(plan).collect();
        self.quiet_range = vec![QuietRange::default(); self.plans.len()];
    }

    fn adopt(&mut self, accounts: &Accounts) -> Vec<PortfolioIndex> {
        let mut adopted = Vec::new();
        for portfolio in accounts.portfolios() {
            let plan = self.plan(portfolio);
            let id = accounts.portfolio_id(portfolio);
            let is_watched = self.with(portfolio, id, |watch| watch.adopt(&plan));
            if is_watched.is_some() {
                adopted.push(portfolio);
            }
        }
        adopted
    }
}

fn owned((_, change): (&Names<1>, &LimitChange)) -> LimitChange {
    change.clone()
}
