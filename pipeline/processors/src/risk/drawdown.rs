//! The drawdown limit: trailing high-water mark, marked to market.

use tapeline_model::Event;
use tapeline_model::Micros;
use tapeline_model::Origin;
use tapeline_model::ids::{PortfolioId, output_id};
use tapeline_model::money::{Money, MoneyError};
use tapeline_model::reasons::Reason;
use tapeline_model::records::{
    Alert, Grade, GuardState, LimitAction, Outcome, Severity, StatePortfolio, Verdict,
};

use super::NAME;
use crate::contract::Out;
use crate::ledger::Currency;

const MAX_DRAWDOWN: &str = "max_drawdown";
const MODE: &str = "trailing-marked";
/// A breach is over once the drawdown is within this many hundredths of the limit.
const RECOVERED_PERCENT: i128 = 80;

/// A change from within the limit to beyond it, or back.
pub(super) fn crossed(drawdown: Money, limit: Money, breached: bool) -> Option<Outcome> {
    if !breached && drawdown > limit {
        return Some(Outcome::Breach);
    }
    let recovered =
        drawdown.raw().saturating_mul(100) <= limit.raw().saturating_mul(RECOVERED_PERCENT);
    (breached && recovered).then_some(Outcome::Pass)
}

pub(super) fn is_breached(state: &StatePortfolio) -> bool {
    state.breached.iter().any(|rule| rule == MAX_DRAWDOWN)
}

pub(super) fn set_breached(state: &mut StatePortfolio, breached: bool) {
    state.breached.retain(|rule| rule != MAX_DRAWDOWN);
    if breached {
        state.breached.push(MAX_DRAWDOWN.to_owned());
    }
}

/// A crossing, with all that its records need.
pub(super) struct Crossing<'a> {
    pub origin: Origin,
    pub portfolio: &'a PortfolioId,
    pub outcome: Outcome,
    pub drawdown: Money,
    pub limit: Money,
    pub currency: Currency,
    pub config_hash: &'a str,
    pub event_time: Micros,
    pub now: Micros,
}

impl Crossing<'_> {
    fn reason(&self) -> Reason {
        match self.outcome {
            Outcome::Breach => Reason::DrawdownBreached,
            Outcome::Pass => Reason::DrawdownRecovered,
        }
    }

    pub fn tell(&self, out: &mut Out) {
        if let Ok(verdict) = self.verdict() {
            out.emit(Event::Verdict(verdict));
        }
        out.emit(Event::Alert(self.alert()));
    }

    fn verdict(&self) -> Result<Verdict, MoneyError> {
        let grade = match self.outcome {
            Outcome::Breach => Grade::Breach,
            Outcome::Pass => Grade::Pass,
        };
        Ok(Verdict {
            verdict_id: self.id("verdict"),
            portfolio: self.portfolio.clone(),
            rule: MAX_DRAWDOWN.to_owned(),
            mode: MODE.to_owned(),
            reason: self.reason().code().to_owned(),
            outcome: self.outcome,
            value: self.drawdown,
            limit: self.limit,
            distance: self.limit.checked_sub(self.drawdown)?,
            cause_topic: self.origin.topic.name().to_owned(),
            cause_partition: self.origin.partition as i32,
            cause_offset: self.origin.offset as i64,
            config_hash: self.config_hash.to_owned(),
            grade,
            scope: self.portfolio.as_str().to_owned(),
            action: LimitAction::Alert,
            guard: GuardState::Active,
            unit: self.currency.to_string(),
            request_id: None,
            message: self.message(),
            marks: Vec::new(),
            limit_version: 0,
            limit_author: "config".to_owned(),
            event_time: self.event_time,
            ingest_time: self.now,
            source: NAME.to_owned(),
        })
    }

    fn alert(&self) -> Alert {
        let severity = match self.outcome {
            Outcome::Breach => Severity::Critical,
            Outcome::Pass => Severity::Info,
        };
        Alert {
            alert_id: self.id("alert"),
            key: format!("{}/{MAX_DRAWDOWN}", self.portfolio),
            subject: self.portfolio.as_str().to_owned(),
            rule: MAX_DRAWDOWN.to_owned(),
            severity,
            message: self.message(),
            value: Some(self.drawdown),
            limit: Some(self.limit),
            procedure: "drawdown".to_owned(),
            cause_topic: self.origin.topic.name().to_owned(),
            cause_partition: self.origin.partition as i32,
            cause_offset: self.origin.offset as i64,
            event_time: self.event_time,
            ingest_time: self.now,
            source: NAME.to_owned(),
        }
    }

    fn message(&self) -> String {
        let state = match self.outcome {
            Outcome::Breach => "beyond",
            Outcome::Pass => "back within",
        };
        format!(
            "{} is {} {currency} below its high, {state} its limit of {} {currency}",
            self.portfolio,
            self.drawdown,
            self.limit,
            currency = self.currency,
        )
    }

    /// The portfolio is part of the rule: one mark can move several over their limits.
    fn id(&self, kind: &str) -> uuid::Uuid {
        let Origin {
            topic,
            partition,
            offset,
        } = self.origin;
        let rule = format!("{kind}/{MAX_DRAWDOWN}/{}", self.portfolio);
        output_id(topic.name(), partition, offset, &rule, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_needs_more_than_the_limit_and_ends_well_within_it() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let limit = money("100");
        assert_eq!(crossed(money("100"), limit, false), None);
        assert_eq!(
            crossed(money("100.00000001"), limit, false),
            Some(Outcome::Breach)
        );
        assert_eq!(crossed(money("500"), limit, true), None, "told once");
        assert_eq!(crossed(money("80.00000001"), limit, true), None, "not yet");
        assert_eq!(crossed(money("80"), limit, true), Some(Outcome::Pass));
        assert_eq!(crossed(money("0"), limit, false), None);
    }
}
