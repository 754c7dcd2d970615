//! What a watch decides about a limit.

use std::sync::Arc;

use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;
use tapeline_model::records::Grade;

use super::limit::{Levels, Limit};
use super::measure::{Unknown, Value};
use super::rules::{LossRule, Rule};
use super::snapshot::BEYOND_ALL;

/// Where a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStatus {
    /// The last one that is known.
    pub grade: Grade,
    pub value: Value,
    /// Level less value: what is left.
    pub distance: Value,
}

/// A limit and a value that it measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredLimit {
    pub limit: Arc<Limit>,
    pub group: String,
    pub grade: Grade,
    pub value: Value,
    pub level: Money,
}

/// A change of grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub limit: Arc<Limit>,
    /// Whom the limit binds.
    pub scope: String,
    /// What was measured: `account a of growth`.
    pub subject: String,
    /// The symbol, sector, currency or account it is about; empty for rules with one value.
    pub group: String,
    pub grade: Grade,
    pub reason: Reason,
    pub value: Money,
    /// The breach level, also when it is a warning.
    pub level: Money,
    pub distance: Money,
    pub unit: String,
    pub message: String,
}

impl LimitStatus {
    /// Why the value is unknown, if it is.
    pub fn unknown(&self) -> Option<Unknown> {
        self.value.err()
    }
}

pub(super) fn is_worse(set_aside: Money, levels: &Levels, value: Money) -> bool {
    // Nothing is beyond a bound that does not fit.
    set_aside
        .checked_add(levels.margin())
        .is_ok_and(|bound| value > bound)
}

pub(super) fn distance(levels: &Levels, value: Money) -> Money {
    let level = levels.breach.at;
    // Only a value far below nothing does not fit; it leaves more than an amount can be.
    level.checked_sub(value).unwrap_or(BEYOND_ALL)
}

pub(super) fn reason(limit: &Limit, grade: Grade) -> Reason {
    match grade {
        Grade::Breach => limit.rule.info().reason,
        Grade::Warn => Reason::LimitNeared,
        _ if matches!(limit.rule, Rule::Loss(LossRule::Drawdown { .. })) => {
            Reason::DrawdownRecovered
        }
        _ => Reason::LimitRecovered,
    }
}
