use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::records::Direction;

use super::kind::Kind;
use super::moment::Moment;
use super::operand::{Operand, Source, update};
use super::session::Sessions;
use super::settings::Interval;
use super::state::RuleState;
use crate::indicators::{Indicator, Readings};
use crate::settings::SymbolSet;

/// A rule, ready to look.
pub(super) struct SignalRule {
    pub name: String,
    pub symbols: SymbolSet,
    pub interval: Interval,
    pub kind: Kind,
    pub tells: bool,
    /// Those that the kind evaluates, then those that are only in the signal.
    pub operands: Vec<Operand>,
    /// As they begin.
    pub indicators: Vec<Indicator>,
    /// In microseconds.
    pub cooldown: i64,
    pub sessions: Option<Box<dyn Sessions>>,
    /// As they stand in its signals.
    pub parameters: BTreeMap<String, String>,
    /// Another one for other parameters.
    pub definition: String,
}

/// What becomes a signal.
pub(super) struct FoundSignal {
    pub direction: Direction,
    pub inputs: BTreeMap<String, f64>,
}

/// A rule that a combination names, and its state.
pub(super) struct RulePart<'r> {
    pub place: usize,
    pub name: &'r str,
    pub state: Option<Direction>,
}

impl SignalRule {
    pub fn look(
        &self,
        state: &mut RuleState,
        moment: &Moment<'_>,
        parts: &[RulePart<'_>],
    ) -> Option<FoundSignal> {
        let readings = update(state.indicators(&self.indicators), moment);
        state.step = Some(moment.start);
        let value = |n: usize| self.operands.get(n)?.value(moment, &readings);
        let rule = |place: usize| parts.iter().find(|part| part.place == place)?.state;
        let next = self.kind.next(state.state, &value, &rule)?;
        let before = state.state.replace(next);
        let is_news = match before {
            Some(before) => before != next,
            None => self.kind.begins_flat() && next != Direction::Flat,
        };
        if !is_news || !self.tells {
            return None;
        }
        let direction = self.to_tell(state, next, moment)?;
        state.told = direction;
        state.told_at = Some(moment.time);
        let inputs = self.inputs(moment, &readings, parts);
        Some(FoundSignal { direction, inputs })
    }

    /// A new direction may have to wait; the end of the last one never does.
    fn to_tell(
        &self,
        state: &mut RuleState,
        next: Direction,
        moment: &Moment<'_>,
    ) -> Option<Direction> {
        let ends =
            matches!(state.told, Direction::Long | Direction::Short).then_some(Direction::Flat);
        if next == Direction::Flat {
            state.told = Direction::Flat;
            return ends;
        }
        if next == state.told {
            return None;
        }
        if self.may_begin(state.told_at, moment) {
            Some(next)
        } else {
            ends
        }
    }

    fn may_begin(&self, told_at: Option<Micros>, moment: &Moment<'_>) -> bool {
        let cold = told_at.is_none_or(|told| moment.time.since(told) >= self.cooldown);
        let sessions = self.sessions.as_ref();
        cold && sessions.is_none_or(|s| s.is_open(moment.symbol, moment.last))
    }

    fn inputs(
        &self,
        moment: &Moment<'_>,
        readings: &[Option<Readings>],
        parts: &[RulePart<'_>],
    ) -> BTreeMap<String, f64> {
        let told = self
            .operands
            .iter()
            .filter(|o| !matches!(o.source, Source::Number(_)));
        let values = told.filter_map(|o| Some((o.label.clone(), o.value(moment, readings)?)));
        let states = parts.iter().filter_map(|part| {
            let state = part.state?;
            Some((part.name.to_owned(), number_of(state)))
        });
        values.chain(states).collect()
    }
}

/// A rule's state among the inputs of a combination.
fn number_of(state: Direction) -> f64 {
    match state {
        Direction::Long | Direction::Neutral => 1.0,
        Direction::Short => -1.0,
        Direction::Flat => 0.0,
    }
}
