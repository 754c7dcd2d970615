use tapeline_model::Micros;
use tapeline_model::ids::Symbol;

use super::settings::SessionSettings;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

/// When a symbol is traded. An exchange's calendar is one of these, too.
pub trait Sessions: Send + Sync {
    fn is_open(&self, symbol: &Symbol, time: Micros) -> bool;
}

/// The same hours of every day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyHours {
    /// Microseconds from midnight; the end is not part of it.
    from: i64,
    to: i64,
}

impl DailyHours {
    /// None of hours that cannot be read or do not differ.
    pub fn new(settings: &SessionSettings) -> Option<Self> {
        let (from, to) = (minute_of(&settings.from)?, minute_of(&settings.to)?);
        (from != to).then_some(Self {
            from: from * MINUTE,
            to: to * MINUTE,
        })
    }
}

impl Sessions for DailyHours {
    fn is_open(&self, _symbol: &Symbol, time: Micros) -> bool {
        let now = time.0.rem_euclid(DAY);
        if self.from < self.to {
            (self.from..self.to).contains(&now)
        } else {
            now >= self.from || now < self.to
        }
    }
}

/// `13:30`; `24:00` is the end of the day.
fn minute_of(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1_440).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str) -> Option<DailyHours> {
        DailyHours::new(&SessionSettings {
            from: from.to_owned(),
            to: to.to_owned(),
        })
    }

    fn open_at(hours: DailyHours, minutes: &[i64]) -> Vec<bool> {
        let symbol = Symbol::new("A");
        let at = |minute: &i64| hours.is_open(&symbol, Micros(3 * DAY + minute * MINUTE));
        minutes.iter().map(at).collect()
    }

    #[test]
    fn hours_begin_at_the_first_minute_and_end_before_the_last() {
        let day = hours("13:30", "20:00").unwrap();
        assert_eq!(
            open_at(day, &[809, 810, 1_199, 1_200]),
            [false, true, true, false]
        );
        let night = hours("22:00", "24:00").unwrap();
        assert_eq!(
            open_at(night, &[0, 1_319, 1_320, 1_439]),
            [false, false, true, true]
        );
        let over_midnight = hours("22:00", "04:00").unwrap();
        assert_eq!(
            open_at(over_midnight, &[0, 239, 240, 1_320]),
            [true, true, false, true]
        );
    }

    #[test]
    fn what_is_no_time_of_day_is_none() {
        for (from, to) in [
            ("9:30", "16:00"),
            ("09:60", "16:00"),
            ("24:01", "16:00"),
            ("a", "b"),
        ] {
            assert_eq!(hours(from, to), None, "{from}");
        }
        assert_eq!(hours("09:30", "09:30"), None);
    }
}
