//! What can be limited: one file for each family of rules.
//!
//! A family's file holds all that is particular to its rules. [`Family`] lists the questions
//! that each rule answers; the answers are values that the plan, the evaluation and the
//! judgement of orders act on.

#[macro_use]
mod info;
mod effects;
mod exposures;
mod losses;
mod parameters;
mod positions;
mod rates;
mod states;

use std::fmt;

use tapeline_model::ids::Symbol;

pub(super) use effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
pub use exposures::ExposureRule;
pub use info::{Gate, Grouping, RuleInfo, Unit};
pub use losses::{DrawdownMode, LossRule};
pub use parameters::{Basis, Window};
pub use positions::PositionRule;
pub(super) use rates::Counted;
pub use rates::RateRule;
pub use states::StateRule;

use super::measure::{Measurement, Values};
use super::plan::Planned;
use super::wording::Measured;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Loss(LossRule),
    Exposure(ExposureRule),
    Position(PositionRule),
    Rate(RateRule),
    State(StateRule),
}

/// What a family says of each of its rules. There are no defaults, and no wildcard arms in
/// the answers (a lint sees to that): the compiler names what a new rule lacks.
trait Family {
    fn info(&self) -> &'static RuleInfo;

    /// How it measures: two limits of one rule with different modes do not compete.
    fn mode(&self) -> String;

    /// The value of each group.
    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values;

    /// What the value says, for a person.
    fn phrase(&self, measured: &Measured<'_>) -> String;

    /// How prices move the value, and so when a limit need not be evaluated.
    fn quiet(&self) -> PriceEffect;

    /// How time alone moves the value.
    fn passing(&self) -> TimeEffect;

    /// What a plan must have ready.
    fn plan(&self) -> Needed<'_>;

    /// What an order request does to the value.
    fn projection(&self) -> OrderEffect;
}

const FAMILIES: &[&[RuleInfo]] = &[
    losses::RULES,
    exposures::RULES,
    positions::RULES,
    rates::RULES,
    states::RULES,
];

const COUNT: usize = {
    let mut count = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// Every rule there is.
pub const RULES: &[RuleInfo] = &{
    let mut all = [FAMILIES[0][0]; COUNT];
    let (mut family, mut row, mut place) = (0, 0, 0);
    while place < COUNT {
        if row == FAMILIES[family].len() {
            family += 1;
            row = 0;
        }
        all[place] = FAMILIES[family][row];
        row += 1;
        place += 1;
    }
    all
};

macro_rules! ask {
    ($rule:ident.$question:ident($($with:expr),*)) => {
        match $rule {
            Self::Loss(family) => family.$question($($with),*),
            Self::Exposure(family) => family.$question($($with),*),
            Self::Position(family) => family.$question($($with),*),
            Self::Rate(family) => family.$question($($with),*),
            Self::State(family) => family.$question($($with),*),
        }
    };
}

impl Rule {
    pub fn name(&self) -> &'static str {
        self.info().name
    }

    pub fn info(&self) -> &'static RuleInfo {
        ask!(self.info())
    }

    /// How it measures: two limits of one rule with different modes do not compete.
    pub fn mode(&self) -> String {
        ask!(self.mode())
    }

    /// Whether prices have a part in what it measures.
    pub fn is_of_prices(&self) -> bool {
        self.quiet() != PriceEffect::None
    }

    pub(super) fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        ask!(self.values(measurement, planned))
    }

    pub(super) fn phrase(&self, measured: &Measured<'_>) -> String {
        ask!(self.phrase(measured))
    }

    pub(super) fn quiet(&self) -> PriceEffect {
        ask!(self.quiet())
    }

    pub(super) fn passing(&self) -> TimeEffect {
        ask!(self.passing())
    }

    pub(super) fn plan(&self) -> Needed<'_> {
        ask!(self.plan())
    }

    pub(super) fn projection(&self) -> OrderEffect {
        ask!(self.projection())
    }

    /// What it counts of orders and trades.
    pub(super) fn counted(&self) -> Option<Counted> {
        match self {
            Self::Rate(rate) => Some(rate.counted()),
            Self::Loss(_) | Self::Exposure(_) | Self::Position(_) | Self::State(_) => None,
        }
    }

    /// Whether it forbids the symbol, whatever is held.
    pub(super) fn restricts(&self, symbol: &Symbol) -> bool {
        match self {
            Self::State(state) => state.restricts(symbol),
            Self::Loss(_) | Self::Exposure(_) | Self::Position(_) | Self::Rate(_) => false,
        }
    }

    /// What it was given besides its mode.
    pub(super) fn write_parameters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.write_parameters(f),
            Self::Loss(_) | Self::Exposure(_) | Self::Position(_) | Self::Rate(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests::limits;

    fn gate(effect: OrderEffect) -> Gate {
        match effect {
            OrderEffect::None => Gate::ByGuard,
            OrderEffect::Largest | OrderEffect::EitherWay => Gate::Projected,
            OrderEffect::OneMore(_) | OrderEffect::Permission => Gate::AtOnce,
        }
    }

    /// The page and the configuration read the table, evaluations ask the rule.
    #[test]
    fn each_rule_is_what_its_row_says() {
        for info in RULES {
            let keys = info.example.iter();
            let keys: Vec<String> = keys
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            let line = format!("{{{}, rule = \"{}\"}}", keys.join(", "), info.name);
            let limits = limits(&line);
            let limit = limits.iter().next().unwrap();
            assert_eq!(limit.rule.name(), info.name);
            assert_eq!(gate(limit.rule.projection()), info.gate, "{}", info.name);
            let grows = limit.rule.passing() == TimeEffect::Grows;
            assert_eq!(grows, info.unit == Unit::Seconds, "{}", info.name);
        }
    }
}
