//! When the New York Stock Exchange does not trade, by its rules since 2022, and
//! the days on which it closed for a reason of their own.

use jiff::civil::{Date, Weekday, date, time};

use super::calendar::Closure;

/// Days of mourning.
const CLOSED_ONCE: &[Date] = &[date(2025, 1, 9)];

const EARLY: Closure = Closure::From(time(13, 0, 0, 0));

pub(super) fn nyse_closure(day: Date) -> Option<Closure> {
    if is_holiday(day) || CLOSED_ONCE.contains(&day) {
        return Some(Closure::AllDay);
    }
    closes_early(day).then_some(EARLY)
}

fn is_holiday(day: Date) -> bool {
    let year = day.year();
    let moved = |month, of_month| Date::new(year, month, of_month).ok().map(observed);
    // On a Saturday, New Year's Day is not made up for: that Friday ends the year.
    let new_year = Date::new(year, 1, 1)
        .ok()
        .map(|first| match first.weekday() {
            Weekday::Sunday => observed(first),
            _ => first,
        });
    let nth = |month, n, weekday| {
        let first = Date::new(year, month, 1).ok()?;
        first.nth_weekday_of_month(n, weekday).ok()
    };
    [
        new_year,
        nth(1, 3, Weekday::Monday),
        nth(2, 3, Weekday::Monday),
        good_friday(year),
        nth(5, -1, Weekday::Monday),
        moved(6, 19),
        moved(7, 4),
        nth(9, 1, Weekday::Monday),
        nth(11, 4, Weekday::Thursday),
        moved(12, 25),
    ]
    .contains(&Some(day))
}

/// The eves of Independence Day and Christmas, where they are trading days of
/// themselves, and the day after Thanksgiving.
fn closes_early(day: Date) -> bool {
    let is_eve = matches!((day.month(), day.day()), (7, 3) | (12, 24));
    // On a Friday the eve is the holiday made up for, which was asked before.
    if is_eve {
        return !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    }
    let thanksgiving = day.nth_weekday_of_month(4, Weekday::Thursday);
    day.month() == 11
        && thanksgiving
            .and_then(Date::tomorrow)
            .is_ok_and(|after| after == day)
}

/// A holiday on a Saturday is kept on Friday, one on a Sunday on Monday.
fn observed(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => day.yesterday().unwrap_or(day),
        Weekday::Sunday => day.tomorrow().unwrap_or(day),
        _ => day,
    }
}

fn good_friday(year: i16) -> Option<Date> {
    let mut day = easter(year)?;
    for _ in 0..2 {
        day = day.yesterday().ok()?;
    }
    Some(day)
}

#[allow(
    clippy::many_single_char_names,
    reason = "the letters are those of the published rule, by J. Meeus"
)]
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, (n / 31) as i8, (n % 31 + 1) as i8).ok()
}
