//! What rules say together, in a logic that knows "not enough data": what does
//! not depend on the unknown is known.

use tapeline_model::records::Direction;

use super::settings::{FormulaSettings, Is};

/// Deeper than anybody would write by hand.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Formula {
    /// The rule with this place in the list.
    Rule(usize, Is),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
}

impl Formula {
    /// `find` gives a rule's place. Says what is wrong, and where in the formula.
    pub fn new(
        settings: &FormulaSettings,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Self, (String, String)> {
        Self::at("", 0, settings, find)
    }

    fn at(
        key: &str,
        depth: usize,
        settings: &FormulaSettings,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Self, (String, String)> {
        if depth > MAX_DEPTH {
            let remedy = format!("is nested more than {MAX_DEPTH} deep: make rules of its parts");
            return Err((key.to_owned(), remedy));
        }
        let several = |name: &str, parts: &[FormulaSettings]| {
            if parts.is_empty() {
                let remedy = "is empty: name at least one rule".to_owned();
                return Err((format!("{key}.{name}"), remedy));
            }
            let numbered = parts.iter().enumerate();
            numbered
                .map(|(n, part)| Self::at(&format!("{key}.{name}[{n}]"), depth + 1, part, find))
                .collect()
        };
        match settings {
            FormulaSettings::Rule(rule) => find(&rule.name)
                .map(|place| Self::Rule(place, rule.is))
                .ok_or_else(|| {
                    let remedy = format!(
                        "names the rule {}, but no rule of that name stands before this one",
                        rule.name
                    );
                    (format!("{key}.rule.name"), remedy)
                }),
            FormulaSettings::All(parts) => several("all", parts).map(Self::All),
            FormulaSettings::Any(parts) => several("any", parts).map(Self::Any),
            FormulaSettings::Not(part) => {
                let part = Self::at(&format!("{key}.not"), depth + 1, part, find)?;
                Ok(Self::Not(Box::new(part)))
            }
        }
    }

    /// None where it depends on a rule that has not enough data.
    pub fn is_true(&self, state: &dyn Fn(usize) -> Option<Direction>) -> Option<bool> {
        match self {
            Self::Rule(place, is) => state(*place).map(|state| matches(state, *is)),
            Self::Not(part) => part.is_true(state).map(|truth| !truth),
            Self::All(parts) => decide(parts, false, state),
            Self::Any(parts) => decide(parts, true, state),
        }
    }

    /// The places of the rules it names, in order, each once.
    pub fn rules(&self) -> Vec<usize> {
        let mut places = Vec::new();
        self.collect(&mut places);
        places.sort_unstable();
        places.dedup();
        places
    }

    fn collect(&self, places: &mut Vec<usize>) {
        match self {
            Self::Rule(place, _) => places.push(*place),
            Self::Not(part) => part.collect(places),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.collect(places)),
        }
    }
}

/// One part that is as `decisive` decides; otherwise all must be known.
fn decide(
    parts: &[Formula],
    decisive: bool,
    state: &dyn Fn(usize) -> Option<Direction>,
) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part.is_true(state) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

fn matches(state: Direction, is: Is) -> bool {
    match is {
        Is::On => state != Direction::Flat,
        Is::Long => state == Direction::Long,
        Is::Short => state == Direction::Short,
        Is::Flat => state == Direction::Flat,
    }
}

/// As people would write it: `all(trend is long, not(wide is on))`.
pub(super) fn shown(settings: &FormulaSettings) -> String {
    let list = |parts: &[FormulaSettings]| {
        let parts: Vec<String> = parts.iter().map(shown).collect();
        parts.join(", ")
    };
    match settings {
        FormulaSettings::Rule(rule) => {
            let is = match rule.is {
                Is::On => "on",
                Is::Long => "long",
                Is::Short => "short",
                Is::Flat => "flat",
            };
            format!("{} is {is}", rule.name)
        }
        FormulaSettings::All(parts) => format!("all({})", list(parts)),
        FormulaSettings::Any(parts) => format!("any({})", list(parts)),
        FormulaSettings::Not(part) => format!("not({})", shown(part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Option<bool>; 3] = [Some(false), None, Some(true)];

    fn truth(formula: &Formula, a: Option<bool>, b: Option<bool>) -> Option<bool> {
        let direction = |on| {
            if on {
                Direction::Neutral
            } else {
                Direction::Flat
            }
        };
        formula.is_true(&|place| [a, b][place].map(direction))
    }

    #[test]
    fn the_unknown_decides_nothing_and_hides_nothing() {
        let parts = || vec![Formula::Rule(0, Is::On), Formula::Rule(1, Is::On)];
        let table = |formula: &Formula| {
            let mut rows = Vec::new();
            for a in KNOWN {
                rows.extend(KNOWN.map(|b| truth(formula, a, b)));
            }
            rows
        };
        let (no, yes) = (Some(false), Some(true));
        // Rows: a is false, unknown, true; columns: the same of b.
        let and = [no, no, no, no, None, None, no, None, yes];
        let or = [no, None, yes, None, None, yes, yes, yes, yes];
        assert_eq!(table(&Formula::All(parts())), and);
        assert_eq!(table(&Formula::Any(parts())), or);
        let not = Formula::Not(Box::new(Formula::Rule(0, Is::On)));
        assert_eq!(KNOWN.map(|a| truth(&not, a, None)), [yes, None, no]);
    }

    #[test]
    fn a_rule_of_a_direction_is_on_whichever_way() {
        let is = |state, is| Formula::Rule(0, is).is_true(&|_| Some(state));
        assert_eq!(is(Direction::Short, Is::On), Some(true));
        assert_eq!(is(Direction::Short, Is::Long), Some(false));
        assert_eq!(is(Direction::Flat, Is::Flat), Some(true));
    }

    #[test]
    fn a_fault_names_its_place() {
        let rule = |name: &str| {
            FormulaSettings::Rule(super::super::settings::RuleIs {
                name: name.to_owned(),
                is: Is::On,
            })
        };
        let find = |name: &str| (name == "a").then_some(0);
        let part = FormulaSettings::Not(Box::new(rule("b")));
        let settings = FormulaSettings::All(vec![rule("a"), part]);
        let (key, remedy) = Formula::new(&settings, &find).unwrap_err();
        assert_eq!(key, ".all[1].not.rule.name");
        assert!(remedy.contains("no rule of that name stands before"));
        assert_eq!(shown(&settings), "all(a is on, not(b is on))");
    }
}
