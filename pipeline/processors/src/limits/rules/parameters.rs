//! What rules are given in their definitions.

use std::fmt;
use std::str::FromStr;

/// Which equity is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Equity without what open positions gained or lost.
    Realised,
    /// Equity at the prices of the moment.
    Marked,
}

/// A length of time, written like `10s`, `5m`, `12h` or `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    seconds: i64,
}

impl Window {
    /// Longer is not remembered.
    const MAX_DAYS: i64 = 366;

    pub const fn seconds(self) -> i64 {
        self.seconds
    }
}

impl FromStr for Window {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, unit) = text
            .split_at_checked(text.len().wrapping_sub(1))
            .ok_or(())?;
        let unit_seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(()),
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let number: i64 = number.parse().map_err(|_| ())?;
        let seconds = number.checked_mul(unit_seconds).ok_or(())?;
        if (1..=Self::MAX_DAYS * 86_400).contains(&seconds) {
            Ok(Self { seconds })
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: i64| self.seconds % unit == 0;
        let (unit, name) = match () {
            () if fits(86_400) => (86_400, "d"),
            () if fits(3600) => (3600, "h"),
            () if fits(60) => (60, "m"),
            () => (1, "s"),
        };
        write!(f, "{}{name}", self.seconds / unit)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realised => "realised",
            Self::Marked => "marked",
        })
    }
}
