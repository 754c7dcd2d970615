use serde::{Deserialize, Serialize};
use tapeline_model::Micros;

const SECOND: i64 = 1_000_000;

/// How long a bar is. Each divides the next, and all are aligned to UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Frame {
    #[serde(rename = "S1")]
    Second,
    #[serde(rename = "M1")]
    Minute,
    #[serde(rename = "M5")]
    FiveMinutes,
    #[serde(rename = "H1")]
    Hour,
    #[serde(rename = "D1")]
    Day,
}

impl Frame {
    pub const ALL: [Self; 5] = [
        Self::Second,
        Self::Minute,
        Self::FiveMinutes,
        Self::Hour,
        Self::Day,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    pub const fn micros(self) -> i64 {
        match self {
            Self::Second => SECOND,
            Self::Minute => 60 * SECOND,
            Self::FiveMinutes => 300 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Day => 86_400 * SECOND,
        }
    }

    /// Where the bar that holds this moment starts.
    pub const fn start_of(self, time: Micros) -> Micros {
        Micros(time.0 - time.0.rem_euclid(self.micros()))
    }

    /// The first moment after the bar that holds this one.
    pub const fn end_of(self, time: Micros) -> Micros {
        Micros(self.start_of(time).0 + self.micros())
    }
}
