//! The limits to begin with: what the configuration says, and what holds where it says nothing.

use std::collections::BTreeSet;

use tapeline_processors::limits::{self, Calendars, LimitDefinition, Limits, parse_all};

use super::{Config, Fault};

/// The limit that `[risk] max_drawdown` stands for.
const MAX_DRAWDOWN: &str = "max_drawdown";
const DEFAULT_MAX_DRAWDOWN: &str = "5000";

impl Config {
    /// Only for a configuration without faults.
    pub(super) fn seeded_limits(&self) -> Limits {
        parse_all(&self.limit_definitions(), &calendars()).unwrap_or_default()
    }

    pub(super) fn limit_definitions(&self) -> Vec<LimitDefinition> {
        let risk = &self.risk;
        let general = match (&risk.max_drawdown, &self.limits) {
            (Some(amount), _) => Some(drawdown(None, amount)),
            (None, None) => Some(drawdown(None, DEFAULT_MAX_DRAWDOWN)),
            (None, Some(_)) => None,
        };
        let own = risk.max_drawdown_of.iter();
        let own = own.map(|(portfolio, amount)| drawdown(Some(portfolio), amount));
        let listed = self.limits.clone().unwrap_or_else(default_limits);
        general.into_iter().chain(own).chain(listed).collect()
    }
}

/// What nobody should be without: to be told of a session that is lost, and of a broker
/// who sees things differently.
fn default_limits() -> Vec<LimitDefinition> {
    let minute = |name: &str, rule: &str| LimitDefinition {
        name: name.to_owned(),
        rule: rule.to_owned(),
        breach: Some("60".to_owned()),
        action: Some("alert".to_owned()),
        ..LimitDefinition::default()
    };
    vec![
        minute("session", "lost_session"),
        minute("reconciliation", "unreconciled"),
    ]
}

fn drawdown(portfolio: Option<&String>, amount: &str) -> LimitDefinition {
    LimitDefinition {
        name: match portfolio {
            Some(id) => format!("{MAX_DRAWDOWN}-{id}"),
            None => MAX_DRAWDOWN.to_owned(),
        },
        rule: MAX_DRAWDOWN.to_owned(),
        mode: Some("trailing".to_owned()),
        basis: Some("marked".to_owned()),
        portfolio: portfolio.cloned(),
        breach: Some(amount.to_owned()),
        action: Some("alert".to_owned()),
        ..LimitDefinition::default()
    }
}

pub(super) fn calendars() -> Calendars {
    // Their time zones are compiled in; a test builds them.
    Calendars::built_in().unwrap_or_default()
}

pub(super) fn faults(config: &Config, faults: &mut Vec<Fault>) {
    let definitions = config.limit_definitions();
    if let Err(found) = parse_all(&definitions, &calendars()) {
        faults.extend(found.into_iter().map(fault));
    }
    for definition in &definitions {
        unknown_owner(config, definition, faults);
    }
}

fn fault(fault: limits::Fault) -> Fault {
    let limits::Fault { key, value, remedy } = fault;
    let name = key.split('.').nth(1).unwrap_or_default();
    // Where it was written.
    let key = match name.strip_prefix(MAX_DRAWDOWN) {
        Some("") => "risk.max_drawdown".to_owned(),
        Some(of) if of.starts_with('-') => format!("risk.max_drawdown_of.{}", &of[1..]),
        _ => key,
    };
    if value.is_empty() {
        Fault::new(key, remedy)
    } else {
        Fault::new(key, format!("`{value}` {remedy}"))
    }
}

/// A limit of nobody would be kept for ever.
fn unknown_owner(config: &Config, definition: &LimitDefinition, faults: &mut Vec<Fault>) {
    if config.demo.is_on() {
        return;
    }
    let accounts = config.accounts.iter();
    let known: BTreeSet<(&str, &str)> = accounts.map(|a| (a.portfolio(), &*a.id)).collect();
    let key = |part: &str| format!("limits.{}.{part}", definition.name);
    if let Some(id) = &definition.portfolio
        && !known.iter().any(|(portfolio, _)| portfolio == id)
    {
        let message = format!("no account under [[accounts]] belongs to portfolio `{id}`");
        faults.push(Fault::new(key("portfolio"), message));
    }
    if let Some(id) = &definition.account
        && !known.iter().any(|(_, account)| account == id)
    {
        let message = format!("account `{id}` is not listed under [[accounts]]");
        faults.push(Fault::new(key("account"), message));
    }
}
