//! A limit as people write it, in the configuration and in commands.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::records::LimitAction;

use super::calendar::Calendars;
use super::limit::{Levels, Limit, Limits};
use super::rules::{Basis, RULES, RuleInfo, Unit, Window};
use super::scope::Scope;

pub const DEFAULT_RELEASE: i64 = 20;

/// The same in TOML and in JSON. Amounts are decimals in quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitDefinition {
    /// What verdicts and commands call it.
    pub name: String,
    /// What is measured, such as "max_drawdown", "daily_loss" or "gross_exposure".
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breach: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `limits.<name>.<key>`
    pub key: String,
    /// As it was written; empty when it was left out.
    pub value: String,
    /// What is wrong, and what to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, remedy } = self;
        if value.is_empty() {
            write!(f, "{key}: {remedy}")
        } else {
            write!(f, "{key}: `{value}` {remedy}")
        }
    }
}

impl Fault {
    pub(super) fn contradiction(limit: &Limit, other: &Limit) -> Self {
        Self {
            key: format!("limits.{}.rule", limit.name),
            value: limit.rule.name().to_owned(),
            remedy: format!(
                "contradicts the limit {}, which has the same rule, mode and scope ({}); keep one of them",
                other.name, limit.scope
            ),
        }
    }
}

impl LimitDefinition {
    /// From the text of a command.
    pub fn from_json(text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|e| Fault {
            key: "definition".to_owned(),
            value: String::new(),
            remedy: format!(
                "is no limit ({e}); write it as {{\"name\": \"day\", \"rule\": \"daily_loss\", …}}, with amounts in quotes"
            ),
        })
    }

    /// The limit it means, or everything that is wrong with it.
    pub fn parse(
        &self,
        calendars: &Calendars,
        author: &str,
        version: i64,
    ) -> Result<Limit, Vec<Fault>> {
        let mut reader = Reader::new(self, calendars);
        let rule = reader.info.and_then(|info| (info.read)(&mut reader));
        let scope = reader.scope();
        let levels = reader.levels();
        let action = reader.action();
        match (rule, reader.faults.is_empty()) {
            (Some(rule), true) => Ok(Limit {
                name: self.name.clone(),
                rule,
                scope,
                levels,
                action,
                version,
                author: author.to_owned(),
            }),
            _ => Err(reader.faults),
        }
    }
}

/// All of a configuration's limits, or everything that is wrong with them.
pub fn parse_all(
    definitions: &[LimitDefinition],
    calendars: &Calendars,
) -> Result<Limits, Vec<Fault>> {
    let mut limits = Limits::default();
    let mut faults = Vec::new();
    for (index, definition) in definitions.iter().enumerate() {
        if definitions[..index]
            .iter()
            .any(|d| d.name == definition.name)
        {
            faults.push(Fault {
                key: format!("limits.{}.name", definition.name),
                value: definition.name.clone(),
                remedy: "is the name of another limit, too; give each its own".to_owned(),
            });
        }
        match definition.parse(calendars, "config", 1) {
            Ok(limit) => faults.extend(limits.set(limit).err()),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() {
        Ok(limits)
    } else {
        Err(faults)
    }
}

/// Reads one definition and collects its faults.
pub(super) struct Reader<'a> {
    pub definition: &'a LimitDefinition,
    calendars: &'a Calendars,
    /// None when the rule's name is wrong: then only what every rule has is looked at.
    info: Option<&'static RuleInfo>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(definition: &'a LimitDefinition, calendars: &'a Calendars) -> Self {
        let info = RULES.iter().find(|info| info.name == definition.rule);
        let mut reader = Self {
            definition,
            calendars,
            info,
            faults: Vec::new(),
        };
        reader.name();
        if info.is_none() {
            let names: Vec<&str> = RULES.iter().map(|info| info.name).collect();
            let remedy = format!("is no rule; write one of {}", names.join(", "));
            reader.fault("rule", &definition.rule, remedy);
        }
        reader.keys();
        reader
    }

    pub fn fault(&mut self, key: &str, value: &str, remedy: impl Into<String>) {
        self.faults.push(Fault {
            key: format!("limits.{}.{key}", self.definition.name),
            value: value.to_owned(),
            remedy: remedy.into(),
        });
    }

    fn name(&mut self) {
        let name = &self.definition.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            let remedy = "must be 1 to 64 letters, digits, `-` and `_`";
            self.fault("name", name, remedy);
        }
    }

    /// Keys that say nothing about this rule would be read as if they did.
    fn keys(&mut self) {
        let Some(info) = self.info else { return };
        let d = self.definition;
        let given = [
            ("mode", d.mode.clone()),
            ("basis", d.basis.clone()),
            ("calendar", d.calendar.clone()),
            ("window", d.window.clone()),
            ("symbols", d.symbols.as_ref().map(|list| list.join(", "))),
        ];
        for (key, value) in given {
            if let Some(value) = value
                && !info.keys.contains(&key)
            {
                let remedy = format!("means nothing for {}; leave it out", info.name);
                self.fault(key, &value, remedy);
            }
        }
    }

    pub fn basis(&mut self) -> Option<Basis> {
        match self.definition.basis.as_deref().unwrap_or_default() {
            "realised" => Some(Basis::Realised),
            "marked" => Some(Basis::Marked),
            other => {
                let remedy = "must say which equity is meant: write `realised` (without what open positions \
                    gained or lost) or `marked` (at the prices of the moment)";
                self.fault("basis", other, remedy);
                None
            }
        }
    }

    pub fn calendar(&mut self) -> Option<String> {
        let name = self.definition.calendar.as_deref();
        let name = name.unwrap_or(Calendars::DEFAULT);
        if self.calendars.get(name).is_some() {
            return Some(name.to_owned());
        }
        let known: Vec<&str> = self.calendars.names().into_iter().collect();
        let remedy = format!("is no calendar; write one of {}", known.join(", "));
        self.fault("calendar", name, remedy);
        None
    }

    pub fn window(&mut self) -> Option<Window> {
        let text = self.definition.window.as_deref().unwrap_or_default();
        let window = text.parse().ok();
        if window.is_none() {
            let remedy =
                "must be a length of time from 1s to 366d, like `10s`, `5m`, `12h` or `30d`";
            self.fault("window", text, remedy);
        }
        window
    }

    pub fn symbols(&mut self) -> Option<BTreeSet<Symbol>> {
        let listed = self.definition.symbols.iter().flatten();
        let symbols: BTreeSet<Symbol> = listed.map(Symbol::new).collect();
        if symbols.is_empty() || symbols.contains("") {
            let remedy = "must list the symbols that must not be traded, like [\"GME\"]";
            self.fault("symbols", "", remedy);
            return None;
        }
        Some(symbols)
    }

    fn scope(&mut self) -> Scope {
        let d = self.definition;
        let parts = [
            ("portfolio", &d.portfolio),
            ("account", &d.account),
            ("strategy", &d.strategy),
            ("symbol", &d.symbol),
        ];
        for (part, name) in parts {
            let Some(name) = name else { continue };
            if name.is_empty() {
                self.fault(part, "", "is empty; leave it out for all of them");
            }
            if let Some(info) = self.info
                && !info.scopes.contains(&part)
            {
                let parts = info.scopes.join(", ");
                let remedy = format!(
                    "cannot narrow {}, only {parts} can; leave it out",
                    info.name
                );
                self.fault(part, name, remedy);
            }
        }
        Scope {
            portfolio: d.portfolio.as_deref().map(PortfolioId::new),
            account: d.account.as_deref().map(AccountId::new),
            strategy: d.strategy.clone(),
            symbol: d.symbol.as_deref().map(Symbol::new),
        }
    }

    fn levels(&mut self) -> Option<Levels> {
        let d = self.definition;
        if self.info.is_some_and(|info| info.unit == Unit::Nothing) {
            self.no_levels();
            return None;
        }
        let warn = d.warn.as_deref().map(|text| self.level("warn", text));
        let breach = self.level("breach", d.breach.as_deref().unwrap_or_default());
        let release = self.release();
        if let (Some(Some(warn)), Some(breach)) = (warn, breach)
            && warn >= breach
        {
            let remedy = format!("must be below the breach level of {breach}");
            self.fault("warn", &warn.to_string(), remedy);
        }
        Some(Levels::new(warn.flatten(), breach?, release))
    }

    fn no_levels(&mut self) {
        let d = self.definition;
        let release = d.release.map(|release| release.to_string());
        let given = [
            ("warn", &d.warn),
            ("breach", &d.breach),
            ("release", &release),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                let remedy = format!("means nothing for {}; leave it out", d.rule);
                self.fault(key, value, remedy);
            }
        }
    }

    fn level(&mut self, key: &str, text: &str) -> Option<Money> {
        let level = text
            .parse::<Money>()
            .ok()
            .filter(|level| *level > Money::ZERO);
        if level.is_none() {
            let remedy = "must be a decimal above zero in quotes, like \"2000\" or \"2.5\"";
            self.fault(key, text, remedy);
        }
        level
    }

    fn release(&mut self) -> u32 {
        let given = self.definition.release.unwrap_or(DEFAULT_RELEASE);
        match u32::try_from(given) {
            Ok(release) if release < 100 => release,
            _ => {
                let remedy =
                    "must be from 0 to 99: how far back, in percent of the level, a value must be";
                self.fault("release", &given.to_string(), remedy);
                0
            }
        }
    }

    fn action(&mut self) -> LimitAction {
        let text = self.definition.action.as_deref();
        if self.info.is_some_and(|info| info.unit == Unit::Nothing) {
            if let Some(text) = text {
                let remedy = format!(
                    "means nothing for {}, which refuses orders; leave it out",
                    self.definition.rule
                );
                self.fault("action", text, remedy);
            }
            return LimitAction::None;
        }
        match text.unwrap_or_default() {
            "alert" => LimitAction::Alert,
            "reducing" => LimitAction::Reducing,
            "halted" => LimitAction::Halted,
            other => {
                let remedy = "must say what a breach does: write `alert`, `reducing` or `halted`";
                self.fault("action", other, remedy);
                LimitAction::None
            }
        }
    }
}
