use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::Quantity;
use tapeline_model::records::Direction;
use tapeline_schemas::codec::Record;

use crate::store::StateKey;

/// What a strategy asked for and has not asked to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// FLAT once it has.
    pub direction: Direction,
    /// The rule that wanted it.
    pub rule: String,
    pub quantity: Quantity,
    pub signal_id: String,
    pub since: Micros,
}

impl Record for Held {
    const RECORD: &'static str = "state_strategy";
}

impl Held {
    /// The other way, or the end of what its own rule told.
    pub fn ends_with(&self, direction: Direction, rule: &str) -> bool {
        match direction {
            Direction::Flat => self.rule == rule,
            Direction::Long => self.direction == Direction::Short,
            Direction::Short => self.direction == Direction::Long,
            Direction::Neutral => false,
        }
    }
}

/// Several names as one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Names<const N: usize>([String; N]);

impl<const N: usize> Names<N> {
    pub fn new(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned))
    }
}

impl<const N: usize> StateKey for Names<N> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.join("\0").as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let names: Vec<String> = text.splitn(N, '\0').map(str::to_owned).collect();
        names.try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        crate::golden::assert_golden(&Held {
            direction: Direction::Long,
            rule: "s.cross".to_owned(),
            quantity: "200".parse().unwrap(),
            signal_id: "69ea07bb-dff3-5540-a50f-23299e12362f".to_owned(),
            since: Micros(1_795_252_062_000_000),
        });
    }

    #[test]
    fn names_are_as_many_as_they_were() {
        let names = Names::new(["s", "", "A"]);
        let mut bytes = Vec::new();
        names.write(&mut bytes);
        assert_eq!(Names::<3>::read(&bytes), Some(names));
        assert_eq!(Names::<3>::read(b"s\0A"), None);
    }
}
