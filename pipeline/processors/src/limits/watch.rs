//! Watches the limits of one portfolio.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use tapeline_model::Micros;
use tapeline_model::ids::AccountId;
use tapeline_model::money::{Money, MoneyError};
use tapeline_model::reasons::Refusal;
use tapeline_model::records::{Command, CommandKind, Grade, GuardState, LimitAction};

use tapeline_schemas::codec::Record;

use super::decision::{Decision, LimitStatus, MeasuredLimit, distance, is_worse, reason};
use super::guard::{Guard, GuardCause, GuardChange};
use super::limit::{Levels, Limit};
use super::limit_state::{Graded, LimitState};
use super::measure::{Measurement, Value};
use super::plan::Plan;
use super::quiet::{Quiet, QuietRange};
use super::rules::{Basis, DrawdownMode, LossRule, Rule};
use super::snapshot::{CapitalFlow, Snapshot};
use super::tracks::{Days, Tracks};
use super::window::piece_ends;
use super::wording::{GradeChange, Measured, sentence, subject};

/// What is stored, and what is known of the moment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "LimitState")]
pub struct Watch {
    pub(super) state: LimitState,
    live: Live,
    changed: bool,
}

/// Where one value of a limit stands.
#[derive(Debug, Clone)]
struct GroupStatus {
    limit: Arc<Limit>,
    group: String,
    status: LimitStatus,
}

impl GroupStatus {
    fn key(&self) -> (&str, &str) {
        (&self.limit.name, &self.group)
    }
}

/// Only the state is stored.
impl Serialize for Watch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state.serialize(serializer)
    }
}

impl From<LimitState> for Watch {
    fn from(state: LimitState) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }
}

impl Record for Watch {
    const RECORD: &'static str = LimitState::RECORD;

    fn version(&self) -> Option<u32> {
        self.state.version()
    }
}

/// Found out anew by the first evaluation after a start.
#[derive(Debug, Clone, Default)]
struct Live {
    /// By limit and group.
    statuses: Vec<GroupStatus>,
    days: Days,
    /// When the days were looked up; until the next open they stay the same.
    days_of: Micros,
    next_open: Option<Micros>,
    rolls_at: Option<Micros>,
    wake_at: Option<Micros>,
    quiet: Quiet,
}

impl Watch {
    pub fn state(&self) -> &LimitState {
        &self.state
    }

    /// Whether the state must be stored again; asking forgets it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The highest marked equity of the portfolio.
    pub fn high_water(&self) -> Option<Money> {
        self.state.whole.marked.high
    }

    /// What a release before these limits knew: the highest equity, and whether the drawdown
    /// from there was beyond its limit.
    pub fn restore_legacy(&mut self, plan: &Plan, high: Money, breached: bool) {
        self.state.whole.marked.high = Some(high);
        let from_high = |limit: &Limit| {
            let trailing = Rule::Loss(LossRule::Drawdown {
                mode: DrawdownMode::Trailing,
                basis: Basis::Marked,
            });
            limit.rule == trailing && limit.scope.account.is_none()
        };
        let limits = plan.measured.iter().map(|planned| &planned.limit);
        for limit in limits.filter(|limit| breached && from_high(limit)) {
            let graded = Graded {
                grade: Grade::Breach,
                value: Money::ZERO,
                set_aside: None,
            };
            self.state.put_grade(&limit.name, "", graded);
        }
        self.touch();
    }

    pub fn guard(&self) -> &Guard {
        &self.state.guard
    }

    /// When a day or a piece of a window ends; at once until the first evaluation. Then
    /// [`Self::evaluate`] wants the snapshot of before the next change: what is lost from
    /// there on counts from there.
    pub fn rolls_at(&self) -> Micros {
        self.live.rolls_at.unwrap_or(Micros(0))
    }

    /// When something changes by time alone; at once until the first evaluation.
    pub fn wake_at(&self) -> Option<Micros> {
        match self.live.rolls_at {
            Some(_) => self.live.wake_at,
            None => Some(Micros(0)),
        }
    }

    /// Until when, and between which sums, [`Self::evaluate`] need not be called where
    /// only prices changed.
    pub fn quiet_range(&self) -> QuietRange {
        let live = &self.live;
        let rolls_at = live.rolls_at.unwrap_or_default();
        QuietRange {
            until: live.wake_at.map_or(rolls_at, |at| at.min(rolls_at)),
            quiet: live.quiet,
        }
    }

    /// Forgets what no limit needs any more. Whatever holds the guard up stays.
    pub fn adopt(&mut self, plan: &Plan) {
        let before = self.state.clone();
        let measured = |name: &String| plan.measured.iter().any(|p| p.limit.name == *name);
        let state = &mut self.state;
        state.grades.retain(|name, _| measured(name));
        state.counts.retain(|name, _| measured(name));
        state.streaks.retain(|name, _| measured(name));
        state.whole.keep(&plan.needs);
        state
            .accounts
            .retain(|account, _| plan.needs.accounts.contains(account));
        for tracks in state.accounts.values_mut() {
            tracks.keep(&plan.needs);
        }
        self.changed |= before != *state;
        self.live = Live::default();
    }

    /// Where all limits stand now. Decisions come in the order of the limits' names,
    /// then of their groups.
    pub fn evaluate(&mut self, plan: &Plan, snapshot: &Snapshot<'_>, now: Micros) -> Vec<Decision> {
        self.find_days(plan, now);
        self.observe(plan, snapshot, now);
        let mut decisions = Vec::new();
        let mut statuses = std::mem::take(&mut self.live.statuses);
        statuses.clear();
        let mut wake = self.live.next_open;
        for planned in &plan.measured {
            let measurement = Measurement {
                snapshot,
                state: &self.state,
                now,
            };
            let values = measurement.values(planned);
            wake = earlier(wake, measurement.wakes_at(planned, &values));
            self.grade_all(
                &planned.limit,
                values,
                snapshot,
                &mut decisions,
                &mut statuses,
            );
        }
        self.live.wake_at = wake;
        // Limits come by name and their groups in order.
        self.live.statuses = statuses;
        self.live.quiet = Quiet::after(plan, &self.state, &snapshot.whole, |limit| {
            Some(self.status(limit, "")?.value)
        });
        decisions
    }

    /// Deposits, withdrawals and positions that were taken over are no profit and no loss.
    pub fn moved(&mut self, account: &AccountId, by: CapitalFlow) -> Result<(), MoneyError> {
        let whole = self.state.whole.shifted(by)?;
        if let Some(tracks) = self.state.accounts.get_mut(account) {
            *tracks = tracks.shifted(by)?;
        }
        self.state.whole = whole;
        self.touch();
        Ok(())
    }

    /// Raises the guard as the limit says. Tells how it changed, if it did.
    pub fn latch(
        &mut self,
        decision: &Decision,
        verdict_id: &str,
        now: Micros,
    ) -> Option<GuardChange> {
        let state = match (decision.grade, decision.limit.action) {
            (Grade::Breach, LimitAction::Reducing) => GuardState::Reducing,
            (Grade::Breach, LimitAction::Halted) => GuardState::Halted,
            _ => return None,
        };
        let from = self.state.guard.state();
        self.changed |= self.state.guard.raise(GuardCause {
            verdict_id: verdict_id.to_owned(),
            state,
            limit: decision.limit.name.clone(),
            group: decision.group.clone(),
            since: now,
            author: decision.limit.author.clone(),
            message: decision.message.clone(),
            merged: None,
        });
        let to = self.state.guard.state();
        (from != to).then(|| GuardChange {
            from,
            to,
            reason: decision.reason,
            message: decision.message.clone(),
        })
    }

    /// HALT, REDUCE or RESET. A reset sets aside what is breached: it raises the guard again
    /// only once it was back within and is breached anew, or got worse by as much as it
    /// must come back to be over.
    pub fn command(
        &mut self,
        command: &Command,
        verdict_id: &str,
        now: Micros,
    ) -> Result<GuardChange, Refusal> {
        let change = self.state.guard.command(command, verdict_id, now)?;
        if command.kind == CommandKind::Reset {
            self.set_aside();
        }
        self.touch();
        Ok(change)
    }

    /// Where everything stands in this snapshot, graded as it was when it was evaluated last.
    pub fn measure_all(
        &self,
        plan: &Plan,
        snapshot: &Snapshot<'_>,
        now: Micros,
    ) -> Vec<MeasuredLimit> {
        let measurement = Measurement {
            snapshot,
            state: &self.state,
            now,
        };
        let mut all = Vec::new();
        for planned in &plan.measured {
            let limit = &planned.limit;
            let Some(levels) = &limit.levels else {
                continue;
            };
            let graded = self.state.grades.get(&limit.name);
            for (group, value) in measurement.values(planned) {
                let graded = graded.and_then(|groups| groups.get(&group));
                all.push(MeasuredLimit {
                    limit: Arc::clone(limit),
                    grade: graded.map_or(Grade::Pass, |graded| graded.grade),
                    level: levels.breach.at,
                    value,
                    group,
                });
            }
        }
        all
    }

    pub fn status(&self, limit: &str, group: &str) -> Option<&LimitStatus> {
        let key = (limit, group);
        let found = self
            .live
            .statuses
            .binary_search_by(|group_status| group_status.key().cmp(&key));
        Some(&self.live.statuses[found.ok()?].status)
    }

    /// Whether anything was evaluated since the start.
    pub fn is_ready(&self) -> bool {
        self.live.rolls_at.is_some()
    }

    /// The state must be stored, and the limits evaluated again.
    pub(super) fn touch(&mut self) {
        self.changed = true;
        self.live.quiet = Quiet::default();
    }

    fn find_days(&mut self, plan: &Plan, now: Micros) {
        let Live {
            days_of, next_open, ..
        } = self.live;
        let still_lasts = next_open.is_some_and(|at| days_of <= now && now < at);
        if still_lasts {
            return;
        }
        self.live.days_of = now;
        self.live.days.clear();
        self.live.next_open = None;
        for (name, calendar) in &plan.needs.calendars {
            if let Some(session) = calendar.session_of(now) {
                self.live.days.insert(name.clone(), session.opens);
                self.live.next_open = earlier(self.live.next_open, Some(session.next_opens));
            }
        }
    }

    fn observe(&mut self, plan: &Plan, snapshot: &Snapshot<'_>, now: Micros) {
        let Live { days, .. } = &self.live;
        self.changed |= self
            .state
            .whole
            .observe(&snapshot.whole, &plan.needs, days, now);
        for account in &plan.needs.accounts {
            let Some(sums) = snapshot.accounts.get(account) else {
                continue;
            };
            if let Some(tracks) = self.state.accounts.get_mut(account) {
                self.changed |= tracks.observe(sums, &plan.needs, days, now);
            } else {
                let mut tracks = Tracks::default();
                tracks.observe(sums, &plan.needs, days, now);
                self.state.accounts.insert(account.clone(), tracks);
                self.changed = true;
            }
        }
        let pieces = plan
            .needs
            .windows
            .values()
            .map(|window| piece_ends(*window, now));
        let never = Micros(i64::MAX);
        let rolls = pieces.chain(self.live.next_open).min();
        self.live.rolls_at = Some(rolls.unwrap_or(never));
    }

    fn grade_all(
        &mut self,
        limit: &Arc<Limit>,
        mut values: Vec<(String, Value)>,
        snapshot: &Snapshot<'_>,
        decisions: &mut Vec<Decision>,
        statuses: &mut Vec<GroupStatus>,
    ) {
        let Some(levels) = &limit.levels else {
            return;
        };
        // What is gone is back within its limit.
        if let Some(graded) = self.state.grades.get(&limit.name) {
            for group in graded.keys() {
                if !values.iter().any(|(known, _)| known == group) {
                    values.push((group.clone(), Ok(Money::ZERO)));
                }
            }
            values.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        for (group, value) in values {
            let turned = value
                .ok()
                .and_then(|value| self.regrade(limit, levels, &group, value));
            if let (Some((grade, turn)), Ok(value)) = (turned, value) {
                let measured = Measured {
                    group: &group,
                    value,
                    currency: snapshot.currency,
                };
                decisions.push(Decision {
                    limit: Arc::clone(limit),
                    scope: limit.scope.to_string(),
                    subject: subject(limit, snapshot.portfolio),
                    grade,
                    reason: reason(limit, grade),
                    value,
                    level: levels.breach.at,
                    distance: distance(levels, value),
                    unit: limit.unit().text(snapshot.currency),
                    message: sentence(limit, levels, snapshot.portfolio, &measured, grade, turn),
                    group: group.clone(),
                });
            }
            statuses.push(self.group_status(limit, levels, group, value));
        }
    }

    /// The new grade, if there is something to decide.
    fn regrade(
        &mut self,
        limit: &Limit,
        levels: &Levels,
        group: &str,
        value: Money,
    ) -> Option<(Grade, GradeChange)> {
        let known = self
            .state
            .grades
            .get(&limit.name)
            .and_then(|groups| groups.get(group));
        let was = known.map_or(Grade::Pass, |known| known.grade);
        let grade = levels.grade(was, value);
        let turn = if grade != was {
            GradeChange::From(was)
        } else if grade == Grade::Breach && is_worse(known?.set_aside?, levels, value) {
            GradeChange::Worse
        } else {
            return None;
        };
        self.changed = true;
        if grade == Grade::Pass {
            self.state.pass(&limit.name, group);
        } else {
            let graded = Graded {
                grade,
                value,
                set_aside: None,
            };
            self.state.put_grade(&limit.name, group, graded);
        }
        Some((grade, turn))
    }

    fn group_status(
        &self,
        limit: &Arc<Limit>,
        levels: &Levels,
        group: String,
        value: Value,
    ) -> GroupStatus {
        let graded = self.state.grades.get(&limit.name);
        let graded = graded.and_then(|groups| groups.get(&group));
        let status = LimitStatus {
            grade: graded.map_or(Grade::Pass, |graded| graded.grade),
            value,
            distance: value.map(|value| distance(levels, value)),
        };
        GroupStatus {
            limit: Arc::clone(limit),
            group,
            status,
        }
    }

    fn set_aside(&mut self) {
        for (limit, groups) in &mut self.state.grades {
            for (group, graded) in groups {
                if graded.grade != Grade::Breach {
                    continue;
                }
                let key = (limit.as_str(), group.as_str());
                let mut statuses = self.live.statuses.iter();
                let now = statuses.find(|group_status| group_status.key() == key);
                let now = now.and_then(|group_status| group_status.status.value.ok());
                graded.set_aside = Some(now.unwrap_or(graded.value));
            }
        }
    }
}

pub(crate) fn earlier(one: Option<Micros>, other: Option<Micros>) -> Option<Micros> {
    one.into_iter().chain(other).min()
}
