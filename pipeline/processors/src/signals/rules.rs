use tapeline_model::ids::{Symbol, output_id};
use tapeline_model::records::{Quote, Signal};
use tapeline_model::{Event, Micros, Origin};

use super::build::build;
use super::kind::Kind;
use super::moment::Moment;
use super::rule::{FoundSignal, RulePart, SignalRule};
use super::settings::{Interval, RuleSettings};
use super::state::{RuleKey, RuleState};
use crate::bars::{Bar, Frame};
use crate::contract::{Out, StateStore};
use crate::settings::{Faults, SymbolSet};
use crate::store::Store;

/// All rules, and what each remembers of each symbol.
pub(crate) struct Rules {
    rules: Vec<SignalRule>,
    written_by: Writer,
    states: States,
}

/// What each signal says of the processor that found it.
struct Writer {
    source: &'static str,
    config_hash: String,
}

/// Which rules look at a symbol.
#[derive(Debug, Clone)]
pub(crate) struct SymbolRules {
    symbol: Symbol,
    /// By place of the rule.
    keys: Vec<Option<RuleKey>>,
    pub at_quotes: bool,
}

impl Rules {
    /// Settings with a fault are left out: see [`check`].
    pub fn new(settings: &[RuleSettings], source: &'static str, config_hash: &str) -> Self {
        Self {
            rules: build(settings, &mut Faults::default()),
            written_by: Writer {
                source,
                config_hash: config_hash.to_owned(),
            },
            states: Store::new("rules"),
        }
    }

    pub fn store(&mut self) -> &mut dyn StateStore {
        &mut self.states
    }

    /// `has_bars`: otherwise only rules at quotes look at it.
    pub fn of(&self, symbol: &Symbol, has_bars: bool) -> SymbolRules {
        let key = |rule: &SignalRule| {
            let looks = rule.symbols.holds(symbol.as_str())
                && (has_bars || rule.interval == Interval::Quote);
            looks.then(|| RuleKey {
                symbol: symbol.clone(),
                rule: rule.name.clone(),
            })
        };
        let keys: Vec<Option<RuleKey>> = self.rules.iter().map(key).collect();
        let mut with_key = self.rules.iter().zip(&keys);
        SymbolRules {
            symbol: symbol.clone(),
            at_quotes: with_key.any(|(r, key)| key.is_some() && r.interval == Interval::Quote),
            keys,
        }
    }

    /// Looks at bars that were closed at once.
    pub fn bars(
        &mut self,
        of: &SymbolRules,
        closed: &[Bar],
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) {
        let moment =
            |bar: &Bar| Moment::of_bar(&of.symbol, interval_of(bar.frame), bar, origin, now).ok();
        let moments: Vec<Moment<'_>> = closed.iter().filter_map(moment).collect();
        // Rule by rule: a combination comes after all that it names, whatever their bars.
        for place in 0..self.rules.len() {
            for moment in &moments {
                self.look(place, of, moment, out);
            }
        }
    }

    pub fn quote(
        &mut self,
        of: &SymbolRules,
        quote: &Quote<'_>,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) {
        let moment = Moment::of_quote(&of.symbol, quote, origin, now);
        for place in 0..self.rules.len() {
            self.look(place, of, &moment, out);
        }
    }

    fn look(&mut self, place: usize, of: &SymbolRules, moment: &Moment<'_>, out: &mut Out) {
        let (Some(rule), Some(Some(key))) = (self.rules.get(place), of.keys.get(place)) else {
            return;
        };
        if rule.interval != moment.interval {
            return;
        }
        match self.states.get(key).filter(|s| s.is_of(&rule.definition)) {
            Some(state) if moment.is_behind(state.step) => return,
            Some(_) => {}
            None => {
                let fresh = RuleState::new(&rule.definition, &rule.indicators);
                self.states.put(key.clone(), fresh);
            }
        }
        let parts = parts(&self.rules, &self.states, rule, of);
        let Some(state) = self.states.change(key) else {
            return;
        };
        if let Some(found) = rule.look(state, moment, &parts) {
            out.emit(Event::Signal(signal(rule, found, moment, &self.written_by)));
        }
    }
}

type States = Store<RuleKey, RuleState>;

fn parts<'r>(
    rules: &'r [SignalRule],
    states: &States,
    rule: &SignalRule,
    of: &SymbolRules,
) -> Vec<RulePart<'r>> {
    let Kind::Combination { of: formula, .. } = &rule.kind else {
        return Vec::new();
    };
    let part = |place: usize| {
        let named = rules.get(place)?;
        let state = states.get(of.keys.get(place)?.as_ref()?);
        let state = state.filter(|state| state.is_of(&named.definition));
        Some(RulePart {
            place,
            name: &named.name,
            state: state.and_then(|state| state.state),
        })
    };
    formula.rules().into_iter().filter_map(part).collect()
}

/// Everything that is wrong with rules. `has_bars` says whether all of these symbols
/// have bars.
pub(crate) fn check(
    settings: &[RuleSettings],
    has_bars: &dyn Fn(&SymbolSet) -> bool,
    faults: &mut Faults,
) {
    build(settings, faults);
    for (place, rule) in settings.iter().enumerate() {
        let symbols = SymbolSet::new(&rule.symbols);
        if rule.interval != Interval::Quote && !has_bars(&symbols) {
            let shown = format!("{:?}", rule.symbols);
            let remedy = "has a symbol without bars: add it to [[market.bars]]";
            faults.add(format!("rules[{place}].symbols"), shown, remedy);
        }
    }
}

fn interval_of(frame: Frame) -> Interval {
    match frame {
        Frame::Second => Interval::Second,
        Frame::Minute => Interval::Minute,
        Frame::FiveMinutes => Interval::FiveMinutes,
        Frame::Hour => Interval::Hour,
        Frame::Day => Interval::Day,
    }
}

fn signal(
    rule: &SignalRule,
    found: FoundSignal,
    moment: &Moment<'_>,
    written_by: &Writer,
) -> Signal {
    let Origin {
        topic,
        partition,
        offset,
    } = moment.origin;
    // One record can close bars of several intervals, and a tick has no record of its own.
    let name = format!("signal/{}/{}/{}", rule.name, moment.symbol, moment.start.0);
    Signal {
        signal_id: output_id(topic.name(), partition, offset, &name, 0),
        symbol: moment.symbol.clone(),
        rule: rule.name.clone(),
        kind: rule.kind.name().to_owned(),
        direction: found.direction,
        interval: rule.interval.as_str().to_owned(),
        price: moment.price,
        inputs: found.inputs,
        parameters: rule.parameters.clone(),
        config_hash: written_by.config_hash.clone(),
        cause_topic: topic.name().to_owned(),
        cause_partition: partition as i32,
        cause_offset: offset as i64,
        event_time: moment.time,
        ingest_time: moment.now,
        source: written_by.source.to_owned(),
    }
}
