//! One limit, and all of them together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tapeline_model::money::Money;
use tapeline_model::records::{Grade, LimitAction};

use super::ROUNDING;
use super::definition::Fault;
use super::rules::{Rule, Unit};
use super::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub name: String,
    pub rule: Rule,
    pub scope: Scope,
    /// None for rules that say yes or no.
    pub levels: Option<Levels>,
    /// When it is breached.
    pub action: LimitAction,
    /// Counts the changes of the limit.
    pub version: i64,
    /// `config`, or the person who set it.
    pub author: String,
}

/// The most that is allowed: only a value beyond a level breaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub warn: Option<Level>,
    pub breach: Level,
    /// How far back a value must be, in percent of the level, before it is over.
    pub release: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub at: Money,
    /// Once beyond, a value stays so until it is down here.
    pub until: Money,
}

/// Every limit there is, by name. No two of them contradict each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    by_name: BTreeMap<String, Arc<Limit>>,
}

impl Level {
    pub fn new(at: Money, release: u32) -> Self {
        let kept = 100_u32.saturating_sub(release);
        Self {
            at,
            // At most the level, so it fits.
            until: at.percent(kept, ROUNDING).unwrap_or(at),
        }
    }
}

impl Levels {
    pub fn new(warn: Option<Money>, breach: Money, release: u32) -> Self {
        Self {
            warn: warn.map(|at| Level::new(at, release)),
            breach: Level::new(breach, release),
            release,
        }
    }

    /// The grade of a value that had the grade `was` before.
    pub fn grade(&self, was: Grade, value: Money) -> Grade {
        let breached = was == Grade::Breach;
        if is_beyond(&self.breach, breached, value) {
            return Grade::Breach;
        }
        match &self.warn {
            Some(warn) if is_beyond(warn, breached || was == Grade::Warn, value) => Grade::Warn,
            _ => Grade::Pass,
        }
    }

    /// By how much a value must get worse after a reset to count as a breach again.
    pub fn margin(&self) -> Money {
        let Level { at, until } = self.breach;
        at.checked_sub(until).unwrap_or_default()
    }
}

fn is_beyond(level: &Level, was_beyond: bool, value: Money) -> bool {
    value > level.at || (was_beyond && value > level.until)
}

impl Limit {
    pub fn unit(&self) -> Unit {
        self.rule.info().unit
    }

    /// Whether both would say different things about the same.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.name != other.name
            && self.scope == other.scope
            && self.rule.name() == other.rule.name()
            && self.rule.mode() == other.rule.mode()
    }
}

/// Everything that the limit is, always in the same words: what is hashed to tell
/// whether two are the same.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, scope, .. } = self;
        write!(
            f,
            "{name}: {} {} of {scope}",
            self.rule.name(),
            self.rule.mode()
        )?;
        self.rule.write_parameters(f)?;
        if let Some(levels) = &self.levels {
            if let Some(warn) = levels.warn {
                write!(f, ", warn {}", warn.at)?;
            }
            write!(
                f,
                ", breach {}, release {}",
                levels.breach.at, levels.release
            )?;
        }
        write!(
            f,
            ", {}, version {} by {}",
            self.action, self.version, self.author
        )
    }
}

impl Limits {
    /// Adds a limit or replaces the one of its name.
    pub fn set(&mut self, limit: Limit) -> Result<(), Fault> {
        let other = self.by_name.values().find(|other| limit.contradicts(other));
        if let Some(other) = other {
            return Err(Fault::contradiction(&limit, other));
        }
        self.by_name.insert(limit.name.clone(), Arc::new(limit));
        Ok(())
    }

    pub fn remove(&mut self, name: &str) -> Option<Arc<Limit>> {
        self.by_name.remove(name)
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Limit>> {
        self.by_name.get(name)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Limit>> {
        self.by_name.values()
    }
}
