//! What is reported to a watch besides pictures: orders, closed trades, sessions,
//! differences from the broker's reports.

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, Symbol};
use tapeline_model::money::Money;

use super::plan::Plan;
use super::rules::{Counted, Window};
use super::scope::Activity;
use super::snapshot::Known;
use super::watch::Watch;

impl Watch {
    pub fn order(&mut self, plan: &Plan, activity: &Activity<'_>, now: Micros) {
        self.count(plan, activity, now, |counted| match counted {
            Counted::Orders(window) => Some(window),
            Counted::Cancels(_) | Counted::LosingTrades => None,
        });
    }

    pub fn cancel(&mut self, plan: &Plan, activity: &Activity<'_>, now: Micros) {
        self.count(plan, activity, now, |counted| match counted {
            Counted::Cancels(window) => Some(window),
            Counted::Orders(_) | Counted::LosingTrades => None,
        });
    }

    /// A result that is unknown counts as a loss; one of zero as nothing.
    pub fn closed_trade(&mut self, plan: &Plan, activity: &Activity<'_>, result: Known) {
        for planned in &plan.measured {
            let limit = &planned.limit;
            if limit.rule.counted() != Some(Counted::LosingTrades) || !limit.scope.covers(activity)
            {
                continue;
            }
            if result.is_ok_and(|result| result > Money::ZERO) {
                if self.state.streaks.remove(&limit.name).is_some() {
                    self.touch();
                }
            } else if result != Ok(Money::ZERO) {
                let streak = self.state.streaks.entry(limit.name.clone()).or_insert(0);
                *streak = streak.saturating_add(1);
                self.touch();
            }
        }
    }

    /// The session with an account's broker is there, or was lost.
    pub fn session(&mut self, account: &AccountId, is_alive: bool, now: Micros) {
        let lost = &mut self.state.lost_sessions;
        if lost.contains_key(account) != is_alive {
            return;
        }
        if is_alive {
            lost.remove(account);
        } else {
            lost.insert(account.clone(), now);
        }
        self.touch();
    }

    /// The broker's report of a position, or of the balance without a symbol, has differed
    /// since then; no longer differs without a time.
    pub fn unreconciled(
        &mut self,
        account: &AccountId,
        symbol: Option<&Symbol>,
        since: Option<Micros>,
    ) {
        let matter = symbol.map_or("", Symbol::as_str);
        let of_account = self.state.unreconciled.entry(account.clone()).or_default();
        match since {
            // Told again, it does not begin anew.
            Some(since) => {
                of_account.entry(matter.to_owned()).or_insert(since);
            }
            None => {
                of_account.remove(matter);
            }
        }
        if of_account.is_empty() {
            self.state.unreconciled.remove(account);
        }
        self.touch();
    }

    pub fn has_lost_session(&self, account: &AccountId) -> bool {
        self.state.lost_sessions.contains_key(account)
    }

    /// The balance speaks for everything in the account.
    pub fn is_unreconciled(&self, account: &AccountId, symbol: &Symbol) -> bool {
        let differs = self.state.unreconciled.get(account);
        differs.is_some_and(|matters| {
            matters.contains_key("") || matters.contains_key(symbol.as_str())
        })
    }

    fn count(
        &mut self,
        plan: &Plan,
        activity: &Activity<'_>,
        now: Micros,
        window: impl Fn(Counted) -> Option<Window>,
    ) {
        for planned in &plan.measured {
            let limit = &planned.limit;
            if let Some(window) = limit.rule.counted().and_then(&window)
                && limit.scope.covers(activity)
            {
                let counts = self.state.counts.entry(limit.name.clone()).or_default();
                counts.add(window, now);
                self.touch();
            }
        }
    }
}
