use std::fmt;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{MAX_SYMBOLS, MIN_SYMBOLS};

const QUOTES_PER_SECOND: RangeInclusive<u32> = 100..=1_000_000;

/// Another number is another script: what one began, the other cannot go on with.
pub const SCRIPT: u32 = 3;

/// What the demo is made from. Records of other settings are other records: do
/// not resume a demo with settings it was not started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DemoSettings {
    /// Another seed gives another market; the script of events stays the same.
    pub seed: u64,
    pub symbols: u32,
    pub quotes_per_second: u32,
}

impl Default for DemoSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            symbols: 500,
            quotes_per_second: 2500,
        }
    }
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    pub key: &'static str,
    pub value: String,
    pub remedy: String,
}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the demo's settings cannot be used: {}", list(.0))]
pub struct InvalidSettings(pub Vec<SettingFault>);

impl DemoSettings {
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let faults: Vec<SettingFault> = [
            out_of_range("symbols", self.symbols, MIN_SYMBOLS..=MAX_SYMBOLS),
            out_of_range(
                "quotes_per_second",
                self.quotes_per_second,
                QUOTES_PER_SECOND,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(InvalidSettings(faults))
        }
    }
}

fn out_of_range(key: &'static str, value: u32, range: RangeInclusive<u32>) -> Option<SettingFault> {
    (!range.contains(&value)).then(|| SettingFault {
        key,
        value: value.to_string(),
        remedy: format!("use {} to {}", range.start(), range.end()),
    })
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.value, self.remedy)
    }
}

fn list(faults: &[SettingFault]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fine() {
        assert_eq!(DemoSettings::default().validate(), Ok(()));
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let settings = DemoSettings {
            symbols: 3,
            quotes_per_second: 0,
            ..DemoSettings::default()
        };
        assert_eq!(
            settings.validate().unwrap_err().to_string(),
            "the demo's settings cannot be used: symbols = 3: use 20 to 4000; \
             quotes_per_second = 0: use 100 to 1000000"
        );
    }
}
