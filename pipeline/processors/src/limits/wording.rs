//! What limits say to people.

use tapeline_model::ids::PortfolioId;
use tapeline_model::money::Money;
use tapeline_model::records::Grade;

use super::limit::{Levels, Limit};
use super::rules::{OrderEffect, Unit};

/// How a value came to stand where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GradeChange {
    From(Grade),
    /// Breached still, and worse than when a reset set it aside.
    Worse,
}

/// Whom the limit measures.
pub(super) fn subject(limit: &Limit, portfolio: &PortfolioId) -> String {
    let scope = &limit.scope;
    let whose = match &scope.account {
        Some(account) => format!("account {account} of {portfolio}"),
        None => portfolio.as_str().to_owned(),
    };
    let strategy = scope
        .strategy
        .as_ref()
        .map(|name| format!("strategy {name}"));
    let symbol = scope.symbol.as_ref().map(|name| name.as_str().to_owned());
    let within: Vec<String> = strategy.into_iter().chain(symbol).collect();
    if within.is_empty() {
        whose
    } else {
        format!("{whose} ({})", within.join(", "))
    }
}

/// `growth is 2100 USD below its high, beyond its limit of 2000 USD`
pub(super) fn sentence(
    limit: &Limit,
    levels: &Levels,
    portfolio: &PortfolioId,
    measured: &Measured<'_>,
    grade: Grade,
    turn: GradeChange,
) -> String {
    let whom = subject(limit, portfolio);
    let what = limit.rule.phrase(measured);
    let level = |at: Money| amount(limit.unit(), at, measured.currency);
    let breach = level(levels.breach.at);
    let warn = levels.warn.map(|warn| level(warn.at)).unwrap_or_default();
    let stands = match (grade, turn) {
        (Grade::Breach, GradeChange::Worse) => {
            format!("further beyond its limit of {breach} than when it was reset")
        }
        (Grade::Breach, _) => format!("beyond its limit of {breach}"),
        (Grade::Warn, GradeChange::From(Grade::Breach)) => {
            format!("back within its limit of {breach}, but beyond its warning level of {warn}")
        }
        (Grade::Warn, _) => format!("beyond its warning level of {warn}; its limit is {breach}"),
        (_, GradeChange::From(Grade::Warn)) => format!("back within its warning level of {warn}"),
        _ => format!("back within its limit of {breach}"),
    };
    format!("{whom} {what}, {stands}")
}

/// What an order would lead to.
pub(super) fn projection(
    limit: &Limit,
    levels: &Levels,
    portfolio: &PortfolioId,
    measured: &Measured<'_>,
) -> String {
    let whom = subject(limit, portfolio);
    let what = limit.rule.phrase(measured);
    let breach = amount(limit.unit(), levels.breach.at, measured.currency);
    let lead = match limit.rule.projection() {
        OrderEffect::OneMore(_) => "with this order",
        _ => "with this order and all open ones filled",
    };
    format!("{lead}, {whom} {what}, beyond its limit of {breach}")
}

/// `2000 USD`, `3`, `90 s`
pub(super) fn amount(unit: Unit, value: Money, currency: &str) -> String {
    match unit {
        Unit::Money => format!("{value} {currency}"),
        Unit::Units => format!("{value} units"),
        Unit::Times => format!("{value} times its equity"),
        Unit::Seconds => format!("{value} s"),
        Unit::Count | Unit::Nothing => value.to_string(),
    }
}

/// A value of a group.
pub(super) struct Measured<'a> {
    pub group: &'a str,
    pub value: Money,
    pub currency: &'a str,
}
