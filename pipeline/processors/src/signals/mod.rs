//! Rules that find signals in bars and quotes: crosses, thresholds, breakouts and
//! combinations of these. A rule looks at a bar when it is told first, and never
//! again: what is amended later changes no signal, so a signal is made of nothing
//! that was not known at its time.

mod build;
mod formula;
mod kind;
mod moment;
mod operand;
mod reference;
mod rule;
mod rules;
mod session;
mod settings;
mod state;

pub use reference::reference;
pub use session::{DailyHours, Sessions};
pub use settings::{
    BarField, BreakoutSettings, CombinationSettings, CrossSettings, FormulaSettings, Interval, Is,
    OperandSettings, RuleIs, RuleSettings, SessionSettings, Stance, ThresholdSettings, When,
};

pub(crate) use rules::{Rules, SymbolRules, check};

/// The name under which an indicator's line stands among the inputs of a signal.
pub(crate) fn input_name(settings: &OperandSettings) -> Option<String> {
    operand::name(settings)
}

#[cfg(test)]
mod tests;
