//! Rules from their settings, and all that can be wrong with these.

use std::collections::BTreeMap;

use tapeline_model::ids::output_id;
use tapeline_model::records::Direction;

use super::formula::{self, Formula};
use super::kind::{Kind, Threshold};
use super::operand::Operand;
use super::rule::SignalRule;
use super::session::{DailyHours, Sessions};
use super::settings::{
    BarField, BreakoutSettings, CombinationSettings, Interval, OperandSettings, RuleSettings,
    Stance, ThresholdSettings, When,
};
use crate::indicators::Indicator;
use crate::settings::{Faults, SymbolSet, check_symbols};

/// What can be used of the settings, in their order; what cannot is a fault.
pub(super) fn build(settings: &[RuleSettings], faults: &mut Faults) -> Vec<SignalRule> {
    let mut rules: Vec<SignalRule> = Vec::new();
    for (place, rule) in settings.iter().enumerate() {
        let before = faults.len();
        let draft = Draft {
            key: format!("rules[{place}]"),
            settings: rule,
            indicators: Vec::new(),
            operands: Vec::new(),
            parameters: BTreeMap::new(),
        };
        let rule = draft.rule(&rules, faults);
        if faults.len() == before {
            rules.extend(rule);
        }
    }
    rules
}

struct Draft<'s> {
    key: String,
    settings: &'s RuleSettings,
    indicators: Vec<Indicator>,
    operands: Vec<Operand>,
    parameters: BTreeMap<String, String>,
}

impl Draft<'_> {
    fn rule(mut self, earlier: &[SignalRule], faults: &mut Faults) -> Option<SignalRule> {
        let settings = self.settings;
        self.check_name(earlier, faults);
        check_symbols(&format!("{}.symbols", self.key), &settings.symbols, faults);
        let symbols = SymbolSet::new(&settings.symbols);
        let kind = match &settings.when {
            When::Cross(cross) => {
                let a = self.operand("when.cross.a", "a", &cross.a, faults);
                let b = self.operand("when.cross.b", "b", &cross.b, faults);
                a.and(b).map(|()| Kind::Cross)
            }
            When::Threshold(threshold) => self.threshold(threshold, faults),
            When::Breakout(breakout) => self.breakout(breakout, faults),
            When::Combination(combination) => {
                self.combination(combination, &symbols, earlier, faults)
            }
        };
        for (n, operand) in settings.with.iter().enumerate() {
            let name = format!("with[{n}]");
            self.operand(&name, &name, operand, faults);
        }
        let sessions = self.sessions(faults);
        let cooldown = i64::from(settings.cooldown_seconds) * 1_000_000;
        if cooldown > 0 {
            self.parameter("cooldown_seconds", settings.cooldown_seconds);
        }
        let kind = kind?;
        Some(SignalRule {
            name: settings.name.clone(),
            symbols,
            interval: settings.interval,
            tells: settings.tell,
            definition: self.definition(&kind),
            kind,
            operands: self.operands,
            indicators: self.indicators,
            cooldown,
            sessions,
            parameters: self.parameters,
        })
    }

    fn check_name(&self, earlier: &[SignalRule], faults: &mut Faults) {
        let name = &self.settings.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let key = format!("{}.name", self.key);
        if name.is_empty() || !name.chars().all(plain) {
            faults.add(
                &key,
                format!("{name:?}"),
                "must be letters, digits and _ - . only",
            );
        }
        if earlier.iter().any(|rule| rule.name == *name) {
            faults.add(
                key,
                name,
                "is the name of an earlier rule: write another one",
            );
        }
    }

    fn parameter(&mut self, name: &str, value: impl ToString) {
        self.parameters.insert(name.to_owned(), value.to_string());
    }

    /// Adds a value, and names it among the parameters.
    fn operand(
        &mut self,
        place: &str,
        name: &str,
        settings: &OperandSettings,
        faults: &mut Faults,
    ) -> Option<()> {
        let key = format!("{}.{place}", self.key);
        let interval = self.settings.interval;
        let operand = Operand::new(&key, settings, interval, &mut self.indicators, faults)?;
        self.parameter(name, &operand.label);
        self.operands.push(operand);
        Some(())
    }

    fn threshold(&mut self, settings: &ThresholdSettings, faults: &mut Faults) -> Option<Kind> {
        let key = format!("{}.when.threshold", self.key);
        let of = self.operand("when.threshold.of", "of", &settings.of, faults);
        let (level, above) = match (settings.above, settings.below) {
            (Some(level), None) => (level, true),
            (None, Some(level)) => (level, false),
            _ => {
                faults.add(
                    key,
                    "the threshold",
                    "must have exactly one of above and below",
                );
                return None;
            }
        };
        let back = settings.back.unwrap_or(level);
        if !level.is_finite() || !back.is_finite() {
            faults.add(
                key,
                format!("{level}, back {back}"),
                "must be finite numbers",
            );
            return None;
        }
        if (above && back > level) || (!above && back < level) {
            let side = if above { "above" } else { "below" };
            let remedy = format!("is beyond the level {level} itself: it must not be {side} it");
            faults.add(format!("{key}.back"), back, remedy);
        }
        of?;
        let then = direction(settings.then);
        self.parameter(if above { "above" } else { "below" }, level);
        self.parameter("back", back);
        self.parameter("then", then);
        Some(Kind::Threshold(Threshold {
            level,
            above,
            back,
            then,
        }))
    }

    fn breakout(&mut self, settings: &BreakoutSettings, faults: &mut Faults) -> Option<Kind> {
        if self.settings.interval == Interval::Quote {
            let remedy = "has no bars to break out of: write 1s, 1m, 5m, 1h or 1d";
            faults.add(format!("{}.interval", self.key), "quote", remedy);
            return None;
        }
        let close = OperandSettings {
            bar: Some(BarField::Close),
            ..OperandSettings::default()
        };
        let parameters = [("period", f64::from(settings.period)), ("offset", 1.0)];
        let range = |line: &str| OperandSettings {
            line: Some(line.to_owned()),
            ..OperandSettings::indicator("donchian", &parameters)
        };
        let place = "when.breakout";
        let before = faults.len();
        self.operand(place, "of", &close, faults)?;
        for line in ["upper", "lower", "middle"] {
            // The same fault for each would say nothing more.
            if faults.len() == before {
                self.operand(place, line, &range(line), faults);
            }
        }
        self.parameter("period", settings.period);
        self.parameter("flat_at_middle", settings.flat_at_middle);
        (faults.len() == before).then_some(Kind::Breakout {
            flat_at_middle: settings.flat_at_middle,
        })
    }

    fn combination(
        &mut self,
        settings: &CombinationSettings,
        symbols: &SymbolSet,
        earlier: &[SignalRule],
        faults: &mut Faults,
    ) -> Option<Kind> {
        let key = format!("{}.when.combination.of", self.key);
        let find = |name: &str| earlier.iter().position(|rule| rule.name == name);
        let of = match Formula::new(&settings.of, &find) {
            Ok(of) => of,
            Err((place, remedy)) => {
                faults.add(format!("{key}{place}"), "the formula", remedy);
                return None;
            }
        };
        for place in of.rules() {
            let named = earlier
                .get(place)
                .filter(|rule| !rule.symbols.covers(symbols));
            if let Some(rule) = named {
                let remedy = "is not there for all symbols of this rule: list its symbols here, or more there";
                faults.add(&key, &rule.name, remedy);
            }
        }
        let then = direction(settings.then);
        self.parameter("of", formula::shown(&settings.of));
        self.parameter("then", then);
        Some(Kind::Combination { of, then })
    }

    fn sessions(&mut self, faults: &mut Faults) -> Option<Box<dyn Sessions>> {
        let session = self.settings.session.as_ref()?;
        let shown = format!("{}-{}", session.from, session.to);
        let Some(hours) = DailyHours::new(session) else {
            let remedy =
                "must be two different times of day in UTC, like from = \"13:30\", to = \"20:00\"";
            faults.add(format!("{}.session", self.key), shown, remedy);
            return None;
        };
        self.parameter("session", shown);
        Some(Box::new(hours))
    }

    /// Of all that its memory depends on.
    fn definition(&self, kind: &Kind) -> String {
        let interval = self.settings.interval.as_str();
        let text = format!("{}/{interval}/{:?}", kind.name(), self.parameters);
        output_id("rule", 0, 0, &text, 0).to_string()
    }
}

fn direction(stance: Stance) -> Direction {
    match stance {
        Stance::Long => Direction::Long,
        Stance::Short => Direction::Short,
        Stance::Neutral => Direction::Neutral,
    }
}
