//! The alerts about logins.

use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::money::{Money, Quantity};
use tapeline_model::records::{Alert, Severity};

use super::NAME as SOURCE;
use super::category::RefusalKind;
use crate::cause::Cause;

const FAILED: &str = "failed_logins";
const REFUSED: &str = "login_refusals";
const FORBIDDEN: &str = "forbidden_login";
const LOCKED: &str = "locked_login";
const CHANGED_API: &str = "changed_api";
const NEW_HOST: &str = "new_host";
const ENDS: &str = "session_ends";
const AWAY: &str = "no_session";
const STOPPED: &str = "login_stopped";

/// What alerts are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlertKind {
    Failed,
    Refused(RefusalKind),
    Forbidden,
    Locked,
    ChangedApi,
    NewHost,
    Ends,
    Away,
    Stopped,
}

impl AlertKind {
    pub fn rule(self) -> &'static str {
        match self {
            Self::Failed => FAILED,
            Self::Refused(_) => REFUSED,
            Self::Forbidden => FORBIDDEN,
            Self::Locked => LOCKED,
            Self::ChangedApi => CHANGED_API,
            Self::NewHost => NEW_HOST,
            Self::Ends => ENDS,
            Self::Away => AWAY,
            Self::Stopped => STOPPED,
        }
    }

    /// One of an account.
    pub fn name(self) -> String {
        match self {
            Self::Refused(refused) => format!("{REFUSED}/{}", refused.code()),
            other => other.rule().to_owned(),
        }
    }
}

/// An alert that does not know yet what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingAlert {
    pub kind: AlertKind,
    pub severity: Severity,
    pub message: String,
    /// What was counted, and what is beyond its limit.
    pub count: Option<(i32, u32)>,
    /// Tells alerts of one matter apart that are nothing alike.
    pub of: Option<String>,
}

impl PendingAlert {
    pub fn new(kind: AlertKind, severity: Severity, message: String) -> Self {
        Self {
            kind,
            severity,
            message,
            count: None,
            of: None,
        }
    }

    pub fn counted(self, count: i32, limit: u32) -> Self {
        Self {
            count: Some((count, limit)),
            ..self
        }
    }
}

pub(super) fn alert(
    account: &AccountId,
    portfolio: &PortfolioId,
    pending: PendingAlert,
    cause: Cause,
) -> Alert {
    let rule = pending.kind.rule();
    let kind = match &pending.of {
        Some(of) => format!("{account}/{}/{of}", pending.kind.name()),
        None => format!("{account}/{}", pending.kind.name()),
    };
    Alert {
        alert_id: cause.id("alert", &format!("{SOURCE}/{kind}")),
        key: kind,
        subject: portfolio.as_str().to_owned(),
        rule: rule.to_owned(),
        severity: pending.severity,
        message: pending.message,
        value: pending.count.and_then(|(count, _)| whole(count.into())),
        limit: pending.count.and_then(|(_, limit)| whole(limit.into())),
        procedure: rule.replace('_', "-"),
        cause_topic: cause.topic.to_owned(),
        cause_partition: cause.partition as i32,
        cause_offset: cause.offset as i64,
        event_time: cause.event_time,
        ingest_time: cause.now,
        source: SOURCE.to_owned(),
    }
}

fn whole(count: i64) -> Option<Money> {
    Money::from_raw(i128::from(count) * i128::from(Quantity::ONE.raw()))
}
