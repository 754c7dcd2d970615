use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tapeline_model::Micros;
use tapeline_model::ids::Symbol;
use tapeline_model::records::Direction;
use tapeline_schemas::codec::Record;

use crate::indicators::{Indicator, Saved};
use crate::store::{StateKey, read_names, write_names};

/// A rule remembers each symbol apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RuleKey {
    pub symbol: Symbol,
    pub rule: String,
}

impl StateKey for RuleKey {
    fn write(&self, out: &mut Vec<u8>) {
        write_names([self.symbol.as_str(), &self.rule], out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let [symbol, rule] = read_names(bytes)?;
        Some(Self {
            symbol: Symbol::new(symbol),
            rule: rule.to_owned(),
        })
    }
}

/// What a rule remembers of a symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleState {
    definition: String,
    indicators: IndicatorStates,
    /// None while there is not enough data.
    pub state: Option<Direction>,
    /// The direction that stands after the newest signal.
    pub told: Direction,
    pub told_at: Option<Micros>,
    /// Where the newest bar starts that it has seen, or when the newest quote came.
    pub step: Option<Micros>,
}

impl Record for RuleState {
    const RECORD: &'static str = "state_rule";
}

impl RuleState {
    pub fn new(definition: &str, fresh: &[Indicator]) -> Self {
        Self {
            definition: definition.to_owned(),
            indicators: IndicatorStates::Awake(fresh.to_vec()),
            state: None,
            told: Direction::Flat,
            told_at: None,
            step: None,
        }
    }

    /// Whether it was remembered by a rule with the same parameters.
    pub fn is_of(&self, definition: &str) -> bool {
        self.definition == definition
    }

    pub fn indicators(&mut self, fresh: &[Indicator]) -> &mut [Indicator] {
        self.indicators.wake(fresh)
    }
}

/// Indicators at work, or as they were saved and not needed since.
#[derive(Debug, Clone)]
enum IndicatorStates {
    Asleep(Vec<Saved>),
    Awake(Vec<Indicator>),
}

impl IndicatorStates {
    /// What cannot be restored warms up anew.
    fn wake(&mut self, fresh: &[Indicator]) -> &mut [Indicator] {
        if let Self::Asleep(saved) = self {
            let mut indicators = fresh.to_vec();
            for (indicator, saved) in indicators.iter_mut().zip(&*saved) {
                let _begins_anew = indicator.restore(saved);
            }
            *self = Self::Awake(indicators);
        }
        match self {
            Self::Awake(indicators) => indicators,
            Self::Asleep(_) => &mut [],
        }
    }

    fn saved(&self) -> Vec<Saved> {
        match self {
            Self::Asleep(saved) => saved.clone(),
            Self::Awake(indicators) => indicators.iter().map(Indicator::save).collect(),
        }
    }
}

impl PartialEq for IndicatorStates {
    fn eq(&self, other: &Self) -> bool {
        self.saved() == other.saved()
    }
}

impl Serialize for IndicatorStates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.saved().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IndicatorStates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Asleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicators::Sample;

    #[test]
    fn golden_bytes() {
        let mut average = Indicator::new("sma", &[("period", 3.0)]).unwrap();
        for value in [189.0, 189.5] {
            average.update(&Sample::Value(value)).unwrap();
        }
        let mut state = RuleState::new("definition", &[average]);
        state.state = Some(Direction::Long);
        state.told = Direction::Long;
        state.told_at = Some(Micros(1_795_252_062_000_000));
        state.step = Some(Micros(1_795_252_061_000_000));
        crate::golden::assert_golden(&state);
    }

    #[test]
    fn a_key_is_a_symbol_and_a_rule() {
        let key = RuleKey {
            symbol: Symbol::new("BRK.B"),
            rule: "trend.cross".to_owned(),
        };
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        assert_eq!(bytes, b"BRK.B\0trend.cross");
        assert_eq!(RuleKey::read(&bytes), Some(key));
        assert_eq!(RuleKey::read(b"BRK.B"), None);
    }
}
