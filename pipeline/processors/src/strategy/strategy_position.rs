use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::Quantity;
use tapeline_model::records::Direction;
use tapeline_schemas::codec::Record;

/// What a strategy asked for and has not asked to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StrategyPosition {
    /// FLAT once it has.
    pub direction: Direction,
    /// The rule that wanted it.
    pub rule: String,
    pub quantity: Quantity,
    pub signal_id: String,
    pub since: Micros,
}

impl Record for StrategyPosition {
    const RECORD: &'static str = "state_strategy";
}

impl StrategyPosition {
    /// The other way, or the end of what its own rule signalled.
    pub fn ends_with(&self, direction: Direction, rule: &str) -> bool {
        match direction {
            Direction::Flat => self.rule == rule,
            Direction::Long => self.direction == Direction::Short,
            Direction::Short => self.direction == Direction::Long,
            Direction::Neutral => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        crate::golden::assert_golden(&StrategyPosition {
            direction: Direction::Long,
            rule: "s.cross".to_owned(),
            quantity: "200".parse().unwrap(),
            signal_id: "69ea07bb-dff3-5540-a50f-23299e12362f".to_owned(),
            since: Micros(1_795_252_062_000_000),
        });
    }
}
