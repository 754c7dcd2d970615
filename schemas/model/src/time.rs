use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01 UTC, as `timestamp-micros` holds it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// What the store's columns can hold: 1970-01-01 to 2262-01-01.
    pub const MAX: Self = Self(9_214_646_400_000_000);

    pub fn is_storable(self) -> bool {
        (0..=Self::MAX.0).contains(&self.0)
    }

    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1000)))
    }

    /// As Kafka counts.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Microseconds from `earlier` to here; negative if it is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What the clock of an edge says: a moment before 1970 is 1970, one past the last is the last.
impl From<SystemTime> for Micros {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let micros = i64::try_from(since.unwrap_or_default().as_micros());
        micros.map_or(Self::MAX, |micros| Self(micros).min(Self::MAX))
    }
}

/// `2026-11-21T08:30:00.000001Z`
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    // Count from 0000-03-01, so that a leap day ends its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_far_off_is_still_a_moment() {
        let epoch = SystemTime::UNIX_EPOCH;
        let micros = |time: SystemTime| Micros::from(time);
        assert_eq!(micros(epoch + Duration::from_micros(7)), Micros(7));
        assert_eq!(micros(epoch - Duration::from_secs(1)), Micros(0));
        let late = epoch + Duration::from_secs(400 * 366 * 86_400);
        assert_eq!(micros(late), Micros::MAX);
    }

    #[test]
    fn prints_as_people_write_it() {
        let shown = |micros| Micros(micros).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(shown(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(shown(1_795_251_600_123_456), "2026-11-21T09:00:00.123456Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Micros::MAX.to_string(), "2262-01-01T00:00:00.000000Z");
    }

    #[test]
    fn only_what_the_store_can_hold_is_storable() {
        assert!(Micros(0).is_storable());
        assert!(Micros::MAX.is_storable());
        assert!(!Micros(-1).is_storable());
        assert!(!Micros(Micros::MAX.0 + 1).is_storable());
    }
}
