//! What is wrong with settings, told all at once, and which symbols they are for.

use std::collections::BTreeSet;
use std::fmt;

use tapeline_model::ids::Symbol;

/// One thing that is wrong with the settings of a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// Below the section of the processor, like `rules[2].when.cross.a.indicator`.
    pub key: String,
    pub value: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.key, self.value, self.remedy)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<SettingFault>);

impl Faults {
    pub fn add(
        &mut self,
        key: impl Into<String>,
        value: impl fmt::Display,
        remedy: impl Into<String>,
    ) {
        self.0.push(SettingFault {
            key: key.into(),
            value: value.to_string(),
            remedy: remedy.into(),
        });
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn all(self) -> Vec<SettingFault> {
        self.0
    }
}

/// Stands for every symbol.
pub(crate) const EVERY: &str = "*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SymbolSet {
    Every,
    Listed(BTreeSet<Symbol>),
}

impl SymbolSet {
    pub fn new(names: &[String]) -> Self {
        if names.iter().any(|name| name == EVERY) {
            return Self::Every;
        }
        Self::Listed(names.iter().map(Symbol::new).collect())
    }

    pub fn holds(&self, symbol: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Listed(symbols) => symbols.contains(symbol),
        }
    }

    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every, _) => true,
            (Self::Listed(_), Self::Every) => false,
            (Self::Listed(ours), Self::Listed(theirs)) => theirs.is_subset(ours),
        }
    }
}

pub(crate) fn check_symbols(key: &str, names: &[String], faults: &mut Faults) {
    let shown = format!("{names:?}");
    if names.is_empty() {
        faults.add(key, shown, "names no symbol: list some, or write [\"*\"]");
    } else if names.iter().any(|name| name == EVERY) && names.len() > 1 {
        faults.add(key, shown, "mixes * with symbols: write [\"*\"] alone");
    }
    if names
        .iter()
        .any(|name| name.trim() != name || name.is_empty())
    {
        let remedy =
            "has a symbol that is empty or has spaces around it: write it as the connector does";
        faults.add(key, format!("{names:?}"), remedy);
    }
}

pub(crate) fn check_range(
    key: String,
    value: i64,
    allowed: std::ops::RangeInclusive<i64>,
    faults: &mut Faults,
) {
    if !allowed.contains(&value) {
        let remedy = format!(
            "is not allowed: write {} to {}",
            allowed.start(),
            allowed.end()
        );
        faults.add(key, value, remedy);
    }
}
