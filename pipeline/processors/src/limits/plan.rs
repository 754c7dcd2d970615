//! Which limits bind one portfolio, and what each of them measures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};

use super::calendar::{Calendar, Calendars};
use super::limit::{Limit, Limits};
use super::rules::{Grouping, Needed, Requirements, Window};
use super::scope::{Activity, Scope};

/// Made anew whenever limits or accounts change; the watch's state outlives it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub(super) measured: Vec<Planned>,
    pub(super) hours: Vec<(Arc<Limit>, Arc<Calendar>)>,
    pub(super) restricted: Vec<Arc<Limit>>,
    pub(super) needs: Needs,
}

/// A limit, and the groups for which a narrower one is in force.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub limit: Arc<Limit>,
    pub excluded: BTreeSet<String>,
    /// By what its window is tracked; empty where it has none.
    pub window: String,
}

/// What must be tracked for the limits.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    pub(super) calendars: BTreeMap<String, Arc<Calendar>>,
    pub(super) windows: BTreeMap<String, Window>,
    /// Whose equity has limits of its own.
    pub(super) accounts: BTreeSet<AccountId>,
}

/// Makes plans; portfolios that the same limits bind share one.
pub struct Plans<'a> {
    limits: &'a Limits,
    calendars: &'a Calendars,
    made: BTreeMap<Vec<&'a str>, Arc<Plan>>,
}

impl<'a> Plans<'a> {
    pub fn new(limits: &'a Limits, calendars: &'a Calendars) -> Self {
        Self {
            limits,
            calendars,
            made: BTreeMap::new(),
        }
    }

    pub fn of<'i>(
        &mut self,
        portfolio: &PortfolioId,
        accounts: impl IntoIterator<Item = &'i AccountId>,
    ) -> Arc<Plan> {
        let bound = bound(self.limits, portfolio, accounts);
        let names = bound.iter().map(|limit| limit.name.as_str()).collect();
        let made = self.made.entry(names);
        let plan = made.or_insert_with(|| Arc::new(Plan::of(&bound, self.calendars)));
        Arc::clone(plan)
    }
}

impl Plan {
    /// Limits of unknown calendars are left out: a definition that names one was refused.
    pub fn new<'a>(
        limits: &Limits,
        calendars: &Calendars,
        portfolio: &PortfolioId,
        accounts: impl IntoIterator<Item = &'a AccountId>,
    ) -> Self {
        Self::of(&bound(limits, portfolio, accounts), calendars)
    }

    fn of(bound: &[&Arc<Limit>], calendars: &Calendars) -> Self {
        let mut plan = Self::default();
        for limit in bound {
            plan.add(limit, bound, calendars);
        }
        plan
    }

    /// Whether the sums of single accounts are needed.
    pub fn needs_accounts(&self) -> bool {
        let mut measured = self.measured.iter();
        measured.any(|planned| planned.limit.scope.account.is_some())
    }

    /// Whether the positions of a snapshot are needed.
    pub fn needs_positions(&self) -> bool {
        self.measured.iter().any(|planned| {
            let limit = &planned.limit;
            let from_positions = match limit.rule.plan() {
                Needed::Measured(requirements) => requirements.positions,
                Needed::Hours(_) | Needed::Restriction => false,
            };
            let is_projected = limit.rule.projection().is_projected();
            from_positions || (limit.scope.is_of_positions() && is_projected)
        })
    }

    /// In force for this portfolio, by name.
    pub fn limits(&self) -> impl Iterator<Item = &Arc<Limit>> {
        let measured = self.measured.iter().map(|planned| &planned.limit);
        let hours = self.hours.iter().map(|(limit, _)| limit);
        measured.chain(hours).chain(&self.restricted)
    }

    /// The calendar that the narrowest limit names.
    pub(super) fn hours_of(&self, activity: &Activity<'_>) -> Option<&(Arc<Limit>, Arc<Calendar>)> {
        self.hours
            .iter()
            .filter(|(limit, _)| limit.scope.covers(activity))
            .max_by_key(|(limit, _)| limit.scope.narrowness())
    }

    /// The first list that has the symbol.
    pub(super) fn restriction_of(&self, activity: &Activity<'_>) -> Option<&Arc<Limit>> {
        self.restricted
            .iter()
            .find(|limit| limit.rule.restricts(activity.symbol) && limit.scope.covers(activity))
    }

    fn add(&mut self, limit: &Arc<Limit>, bound: &[&Arc<Limit>], calendars: &Calendars) {
        match limit.rule.plan() {
            Needed::Hours(calendar) => {
                if let Some(calendar) = calendars.get(calendar) {
                    self.hours.push((Arc::clone(limit), Arc::clone(calendar)));
                }
            }
            Needed::Restriction => self.restricted.push(Arc::clone(limit)),
            Needed::Measured(_) if bound.iter().any(|other| wins(other, limit)) => {}
            Needed::Measured(requirements) => {
                self.needs.add(limit, &requirements, calendars);
                let window = requirements.window.map(|window| window.to_string());
                self.measured.push(Planned {
                    limit: Arc::clone(limit),
                    excluded: excluded(limit, bound),
                    window: window.unwrap_or_default(),
                });
            }
        }
    }
}

impl Needs {
    fn add(&mut self, limit: &Limit, requirements: &Requirements<'_>, calendars: &Calendars) {
        if let Some(name) = requirements.calendar
            && let Some(calendar) = calendars.get(name)
        {
            self.calendars.insert(name.to_owned(), Arc::clone(calendar));
        }
        if let Some(window) = requirements.window {
            self.windows.insert(window.to_string(), window);
        }
        if requirements.equity_points {
            self.accounts.extend(limit.scope.account.clone());
        }
    }
}

/// The limits that say something about this portfolio, by name.
fn bound<'a, 'i>(
    limits: &'a Limits,
    portfolio: &PortfolioId,
    accounts: impl IntoIterator<Item = &'i AccountId>,
) -> Vec<&'a Arc<Limit>> {
    let accounts: BTreeSet<&AccountId> = accounts.into_iter().collect();
    let is_here = |own: &Option<AccountId>| own.as_ref().is_none_or(|own| accounts.contains(own));
    let in_portfolio = limits.iter().filter(|limit| limit.scope.is_in(portfolio));
    in_portfolio
        .filter(|limit| is_here(&limit.scope.account))
        .collect()
}

fn same_measure(one: &Limit, other: &Limit) -> bool {
    one.name != other.name
        && one.rule.name() == other.rule.name()
        && one.rule.mode() == other.rule.mode()
}

/// Whether both measure the same, and the first names the portfolio.
fn wins(one: &Limit, other: &Limit) -> bool {
    let within = |scope: &Scope| Scope {
        portfolio: None,
        ..scope.clone()
    };
    same_measure(one, other)
        && within(&one.scope) == within(&other.scope)
        && one.scope.narrowness() > other.scope.narrowness()
}

/// The symbols or accounts that this limit would measure, too, and that have a
/// limit of their own.
fn excluded(limit: &Limit, bound: &[&Arc<Limit>]) -> BTreeSet<String> {
    let others = bound.iter().filter(|other| same_measure(other, limit));
    let scope = &limit.scope;
    match limit.rule.info().grouping {
        Grouping::Symbol if scope.symbol.is_none() => others
            .filter(|other| {
                other.scope.account == scope.account && other.scope.strategy == scope.strategy
            })
            .filter_map(|other| other.scope.symbol.as_ref().map(Symbol::as_str))
            .map(str::to_owned)
            .collect(),
        Grouping::Account if scope.account.is_none() => others
            .filter_map(|other| other.scope.account.as_ref().map(AccountId::as_str))
            .map(str::to_owned)
            .collect(),
        _ => BTreeSet::new(),
    }
}
