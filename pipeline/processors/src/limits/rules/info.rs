//! A rule as the reference page and the configuration know it.

use tapeline_model::reasons::Reason;

use super::Rule;
use crate::limits::definition::Reader;

/// What values, levels and distances are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The currency of the portfolio.
    Money,
    Units,
    Count,
    /// Multiples of the equity.
    Times,
    Seconds,
    /// The rule says yes or no.
    Nothing,
}

impl Unit {
    /// As it stands in a verdict.
    pub fn text(self, currency: &str) -> String {
        match self {
            Self::Money => currency.to_owned(),
            Self::Units => "units".to_owned(),
            Self::Count => "count".to_owned(),
            Self::Times => "times".to_owned(),
            Self::Seconds => "s".to_owned(),
            Self::Nothing => String::new(),
        }
    }
}

/// Over what a rule's value is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// One value for all that the scope covers.
    Whole,
    /// One for each of these that the scope covers.
    Symbol,
    Sector,
    Currency,
    Account,
}

/// How a rule affects an order request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The guard alone, when the limit is breached.
    ByGuard,
    /// What would be after it, with all open orders filled.
    Projected,
    /// Whether it may be sent now.
    AtOnce,
}

/// One row of a family's table.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    pub name: &'static str,
    pub title: &'static str,
    pub measures: &'static str,
    /// Keys of a definition besides name, rule, scope and, where there is a level, those of levels.
    pub keys: &'static [&'static str],
    /// Which parts its scope may have.
    pub scopes: &'static [&'static str],
    pub unit: Unit,
    pub grouping: Grouping,
    pub gate: Gate,
    /// The code when the limit is breached or an order would breach it.
    pub reason: Reason,
    /// Keys and values as they are written, without the rule; the name comes first.
    pub example: &'static [(&'static str, &'static str)],
    /// Reads the rule's own keys; none after a fault.
    pub(in crate::limits) read: fn(&mut Reader<'_>) -> Option<Rule>,
}

pub(super) const OF_ACCOUNTS: &[&str] = &["portfolio", "account"];
pub(super) const OF_STRATEGIES: &[&str] = &["portfolio", "account", "strategy"];
pub(super) const OF_ALL: &[&str] = &["portfolio", "account", "strategy", "symbol"];

/// The table of a family, named as in [`Rule`]: one row a rule, in the order of the reference
/// page. A variant without a row does not compile.
macro_rules! rules {
    ($of:ident($family:ident):
        $($variant:ident $name:literal $title:literal: $measures:literal,
            keys $keys:expr, for $scopes:ident, $unit:ident, $grouping:ident, $gate:ident, $reason:ident,
            example [$($key:ident $value:tt),*],
            read $read:expr;)*) => {
        pub(super) const RULES: &[RuleInfo] = &[$(RuleInfo {
            name: $name,
            title: $title,
            measures: $measures,
            keys: &$keys,
            scopes: $scopes,
            unit: Unit::$unit,
            grouping: Grouping::$grouping,
            gate: Gate::$gate,
            reason: Reason::$reason,
            example: &[$((stringify!($key), stringify!($value))),*],
            read: |reader| {
                let read: fn(&mut $crate::limits::definition::Reader<'_>) -> Option<$family> = $read;
                read(reader).map($crate::limits::rules::Rule::$of)
            },
        }),*];

        impl $family {
            fn row(&self) -> &'static RuleInfo {
                enum Row { $($variant),* }
                let row = match self { $(Self::$variant { .. } => Row::$variant),* };
                &RULES[row as usize]
            }
        }
    };
}
