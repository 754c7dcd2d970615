//! Decisions as verdicts and alerts.

use tapeline_model::Event;
use tapeline_model::ids::PortfolioId;
use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;
use tapeline_model::records::{
    Alert, Command, Grade, GuardState, LimitAction, MarkUsed, OrderRequest, Outcome, Severity,
    Verdict,
};
use uuid::Uuid;

use super::{Cause, NAME, RiskSettings};
use crate::contract::Out;
use crate::limits::{Decision, GuardChange, Headroom, Judgement, Limit, LossRule, Rule};

/// The rule of verdicts about orders, and of those about the guard.
const ORDER: &str = "order";
pub(super) const GUARD: &str = "guard";
const RECONCILIATION: &str = "reconciliation";
/// More prices are not listed in a verdict.
pub(super) const MARKS: usize = 100;

/// What every verdict of a record has.
pub(super) struct Context<'a> {
    pub portfolio: &'a PortfolioId,
    pub settings: &'a RiskSettings,
    pub cause: Cause,
    /// After the decision.
    pub guard: GuardState,
}

impl Context<'_> {
    /// A verdict that says nothing yet.
    fn blank(&self, verdict_id: Uuid, rule: &str, reason: Reason, grade: Grade) -> Verdict {
        let is_against = matches!(grade, Grade::Breach | Grade::Refuse);
        Verdict {
            verdict_id,
            portfolio: self.portfolio.clone(),
            rule: rule.to_owned(),
            mode: String::new(),
            reason: reason.code().to_owned(),
            outcome: if is_against {
                Outcome::Breach
            } else {
                Outcome::Pass
            },
            value: Money::ZERO,
            limit: Money::ZERO,
            distance: Money::ZERO,
            cause_topic: self.cause.topic.to_owned(),
            cause_partition: self.cause.partition as i32,
            cause_offset: self.cause.offset as i64,
            config_hash: self.settings.config_hash.clone(),
            grade,
            scope: String::new(),
            action: LimitAction::None,
            guard: self.guard,
            unit: String::new(),
            request_id: None,
            message: String::new(),
            marks: Vec::new(),
            limit_version: 0,
            limit_author: String::new(),
            limit_name: String::new(),
            group: String::new(),
            author: String::new(),
            overrides: Vec::new(),
            event_time: self.cause.event_time,
            ingest_time: self.cause.now,
            source: NAME.to_owned(),
        }
    }

    pub fn decision(
        &self,
        verdict_id: Uuid,
        decision: &Decision,
        raised: Option<&GuardChange>,
        marks: Vec<MarkUsed>,
    ) -> Verdict {
        let limit = &decision.limit;
        let mut verdict = self.blank(
            verdict_id,
            limit.rule.name(),
            decision.reason,
            decision.grade,
        );
        about(&mut verdict, limit, &decision.group);
        verdict.value = decision.value;
        verdict.limit = decision.level;
        verdict.distance = decision.distance;
        verdict.unit.clone_from(&decision.unit);
        verdict.message = match raised {
            Some(change) => format!("{}; {}", decision.message, consequence(change.to)),
            None => decision.message.clone(),
        };
        verdict.marks = marks;
        verdict
    }

    pub fn judgement(
        &self,
        request: &OrderRequest,
        judgement: &Judgement,
        marks: Vec<MarkUsed>,
    ) -> Verdict {
        let grade = if judgement.is_approved() {
            Grade::Approve
        } else {
            Grade::Refuse
        };
        let id = self.cause.id("verdict", ORDER);
        let first = judgement.refusals.first();
        let headroom = first.map_or_else(
            || closest(&judgement.headroom),
            |found| found.limit.as_ref(),
        );
        let rule = headroom.map_or(ORDER, |headroom| headroom.limit.rule.name());
        let mut verdict = self.blank(id, rule, judgement.reason(), grade);
        if let Some(headroom) = headroom {
            about(&mut verdict, &headroom.limit, &headroom.group);
            verdict.value = headroom.value;
            verdict.limit = headroom.level;
            verdict.distance = headroom.distance;
            verdict.unit.clone_from(&headroom.unit);
        }
        verdict.message = order_message(request, judgement, headroom);
        verdict.request_id = Some(request.request_id.clone());
        verdict.author.clone_from(&request.author);
        verdict.marks = marks;
        verdict
    }

    pub fn guard(&self, verdict_id: Uuid, command: &Command, change: &GuardChange) -> Verdict {
        let grade = match change.reason {
            Reason::GuardReset => Grade::Reset,
            _ => Grade::Breach,
        };
        let mut verdict = self.blank(verdict_id, GUARD, change.reason, grade);
        verdict.message.clone_from(&change.message);
        verdict.author.clone_from(&command.author);
        verdict.overrides.clone_from(&command.overrides);
        verdict
    }

    /// What a broker reports differs, or does so no longer.
    pub fn difference(&self, reason: Reason, matter: &str) -> Verdict {
        let grade = match reason {
            Reason::Reconciled => Grade::Pass,
            _ => Grade::Breach,
        };
        let id = self.cause.id("verdict", matter);
        let mut verdict = self.blank(id, RECONCILIATION, reason, grade);
        matter.clone_into(&mut verdict.group);
        verdict
    }

    /// A limit that a command set or removed.
    pub fn limit(&self, command: &Command, was: Option<&Limit>, is: Option<&Limit>) -> Verdict {
        let id = self.cause.id("verdict", "limit");
        let rule = is.or(was).map_or("", |limit| limit.rule.name());
        let mut verdict = self.blank(id, rule, Reason::LimitChanged, Grade::Pass);
        if let Some(limit) = is.or(was) {
            about(&mut verdict, limit, "");
        }
        let limit = is.and_then(|limit| limit.levels);
        verdict.limit = limit.map(|levels| levels.breach.at).unwrap_or_default();
        let now = is.map_or_else(|| "it is removed".to_owned(), ToString::to_string);
        let before = was.map_or_else(|| "there was none".to_owned(), ToString::to_string);
        verdict.message = format!(
            "{} changed a limit ({}): now {now}; before {before}",
            command.author, command.reason
        );
        verdict.author.clone_from(&command.author);
        verdict
    }
}

fn about(verdict: &mut Verdict, limit: &Limit, group: &str) {
    verdict.mode = limit.rule.mode();
    verdict.scope = limit.scope.to_string();
    verdict.action = limit.action;
    verdict.limit_version = limit.version;
    verdict.limit_author.clone_from(&limit.author);
    verdict.limit_name.clone_from(&limit.name);
    group.clone_into(&mut verdict.group);
}

/// The limit that leaves the least, in percent of its level.
fn closest(all: &[Headroom]) -> Option<&Headroom> {
    let percent = |headroom: &Headroom| {
        let whole = headroom.level.raw().max(1);
        headroom.distance.raw().saturating_mul(100) / whole
    };
    all.iter().min_by_key(|headroom| percent(headroom))
}

fn order_message(
    request: &OrderRequest,
    judgement: &Judgement,
    headroom: Option<&Headroom>,
) -> String {
    let OrderRequest {
        side,
        quantity,
        symbol,
        account,
        ..
    } = request;
    let what = format!("{side} {quantity} {symbol} in {account}");
    if judgement.is_approved() {
        let rest = headroom.map_or(String::new(), |headroom| {
            format!(
                "; closest is {} with {} {} left of {}",
                headroom.limit.name, headroom.distance, headroom.unit, headroom.level
            )
        });
        return format!("{what} keeps within every limit{rest}");
    }
    let refusals = judgement.refusals.iter();
    let reasons: Vec<String> = refusals
        .map(|refused| format!("{}: {}", refused.reason, refused.message))
        .collect();
    format!("{what} is refused. {}", reasons.join("; "))
}

fn consequence(state: GuardState) -> &'static str {
    match state {
        GuardState::Halted => "trading is halted until a person resets it",
        GuardState::Reducing => {
            "only orders that bring positions closer to zero pass until a person resets it"
        }
        GuardState::Active => "trading goes on",
    }
}

/// A verdict, and the alert about it.
pub(super) fn emit(verdict: Verdict, cause: Cause, severity: Severity, out: &mut Out) {
    let alert = alert(&verdict, cause, severity);
    out.emit(Event::Verdict(verdict));
    out.emit(Event::Alert(alert));
}

fn alert(verdict: &Verdict, cause: Cause, severity: Severity) -> Alert {
    let matter = match (verdict.limit_name.as_str(), verdict.group.as_str()) {
        ("", "") => verdict.rule.clone(),
        (one, "") | ("", one) => one.to_owned(),
        (limit, group) => format!("{limit}/{group}"),
    };
    let measured = !verdict.unit.is_empty();
    Alert {
        alert_id: cause.id("alert", &format!("{matter}/{}", verdict.portfolio)),
        key: format!("{}/{matter}", verdict.portfolio),
        subject: verdict.portfolio.as_str().to_owned(),
        rule: verdict.rule.clone(),
        severity,
        message: verdict.message.clone(),
        value: measured.then_some(verdict.value),
        limit: measured.then_some(verdict.limit),
        procedure: verdict.rule.replace('_', "-"),
        cause_topic: verdict.cause_topic.clone(),
        cause_partition: verdict.cause_partition,
        cause_offset: verdict.cause_offset,
        event_time: verdict.event_time,
        ingest_time: verdict.ingest_time,
        source: NAME.to_owned(),
    }
}

pub(super) fn severity(decision: &Decision) -> Severity {
    match decision.grade {
        // What one hoped for is no disaster.
        Grade::Breach if matches!(decision.limit.rule, Rule::Loss(LossRule::MaxProfit { .. })) => {
            Severity::Warning
        }
        Grade::Breach => Severity::Critical,
        Grade::Warn => Severity::Warning,
        _ => Severity::Info,
    }
}
