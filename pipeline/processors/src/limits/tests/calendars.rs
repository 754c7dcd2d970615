use jiff::civil::{Date, Weekday, date};

use super::*;

fn session(calendar: &str, time: &str) -> Session {
    calendars()
        .get(calendar)
        .unwrap()
        .session_of(at(time))
        .unwrap()
}

#[track_caller]
fn assert_session(
    calendar: &str,
    time: &str,
    is_open: bool,
    day: Date,
    opens: &str,
    closes: &str,
    next: &str,
) {
    let expected = Session {
        day,
        opens: at(opens),
        closes: at(closes),
        next_opens: at(next),
        is_open,
    };
    assert_eq!(session(calendar, time), expected, "{calendar} at {time}");
}

#[test]
fn new_york_opens_an_hour_earlier_in_utc_once_its_summer_time_began() {
    // Summer time began on Sunday 8 March 2026: Friday opens at 14:30 UTC, Monday at 13:30.
    assert_session(
        "XNYS",
        "2026-03-09T13:29:59.999999Z",
        false,
        date(2026, 3, 6),
        "2026-03-06T14:30:00Z",
        "2026-03-06T21:00:00Z",
        "2026-03-09T13:30:00Z",
    );
    assert_session(
        "XNYS",
        "2026-03-09T13:30:00Z",
        true,
        date(2026, 3, 9),
        "2026-03-09T13:30:00Z",
        "2026-03-09T20:00:00Z",
        "2026-03-10T13:30:00Z",
    );
}

#[test]
fn new_york_opens_an_hour_later_in_utc_once_its_summer_time_ended() {
    // It ended on Sunday 1 November 2026.
    assert_session(
        "XNAS",
        "2026-11-02T14:29:59Z",
        false,
        date(2026, 10, 30),
        "2026-10-30T13:30:00Z",
        "2026-10-30T20:00:00Z",
        "2026-11-02T14:30:00Z",
    );
    assert_session(
        "XNAS",
        "2026-11-02T14:30:00Z",
        true,
        date(2026, 11, 2),
        "2026-11-02T14:30:00Z",
        "2026-11-02T21:00:00Z",
        "2026-11-03T14:30:00Z",
    );
}

#[test]
fn the_close_is_no_longer_open() {
    assert!(session("XNYS", "2026-01-05T20:59:59.999999Z").is_open);
    assert!(!session("XNYS", "2026-01-05T21:00:00Z").is_open);
}

#[test]
fn foreign_exchange_rests_from_friday_to_sunday_at_five_in_new_york() {
    // Over the change of clocks: Friday closes at 22:00 UTC, Sunday opens at 21:00.
    assert_session(
        "24x5",
        "2026-03-06T21:59:59Z",
        true,
        date(2026, 3, 6),
        "2026-03-05T22:00:00Z",
        "2026-03-06T22:00:00Z",
        "2026-03-08T21:00:00Z",
    );
    assert!(!session("24x5", "2026-03-07T12:00:00Z").is_open);
    assert_session(
        "24x5",
        "2026-03-08T21:00:00Z",
        true,
        date(2026, 3, 9),
        "2026-03-08T21:00:00Z",
        "2026-03-09T21:00:00Z",
        "2026-03-09T21:00:00Z",
    );
}

#[test]
fn some_things_never_close() {
    assert_session(
        "24x7",
        "2026-03-08T23:59:59.999999Z",
        true,
        date(2026, 3, 8),
        "2026-03-08T00:00:00Z",
        "2026-03-09T00:00:00Z",
        "2026-03-09T00:00:00Z",
    );
    assert_eq!(
        session("24x7", "1970-01-01T00:00:00Z").day,
        date(1970, 1, 1)
    );
}

/// As the exchange published them.
const HOLIDAYS: &str = "
    2024: 01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25
    2025: 01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25
    2026: 01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25
    2027: 01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24
    2028: 01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25";

const EARLY: &str = "
    2024: 07-03 11-29 12-24
    2025: 07-03 11-28 12-24
    2026: 11-27 12-24
    2027: 11-26
    2028: 07-03 11-24";

fn listed(table: &str) -> Vec<Date> {
    let mut days = Vec::new();
    for line in table.trim().lines() {
        let (year, rest) = line.trim().split_once(": ").unwrap();
        days.extend(
            rest.split(' ')
                .map(|day| format!("{year}-{day}").parse::<Date>().unwrap()),
        );
    }
    days
}

#[test]
fn new_york_keeps_its_holidays_and_closes_early_before_some() {
    let (holidays, early) = (listed(HOLIDAYS), listed(EARLY));
    let calendars = calendars();
    let new_york = calendars.get("XNYS").unwrap();
    let mut day = date(2024, 1, 1);
    while day.year() < 2029 {
        let noon = at(&format!("{day}T16:00:00Z"));
        let session = new_york.session_of(noon).unwrap();
        let weekend = [Weekday::Saturday, Weekday::Sunday].contains(&day.weekday());
        assert_eq!(
            session.is_open,
            !weekend && !holidays.contains(&day),
            "{day}"
        );
        let hours = (session.closes.0 - session.opens.0) / 1_800_000_000;
        if session.is_open {
            // 3.5 hours instead of 6.5.
            assert_eq!(hours, if early.contains(&day) { 7 } else { 13 }, "{day}");
        }
        day = day.tomorrow().unwrap();
    }
}

#[test]
fn a_calendar_of_ones_own_knows_its_zone_and_days() {
    let hours = Hours {
        opens_day_before: false,
        opens: jiff::civil::time(8, 0, 0, 0),
        closes: jiff::civil::time(16, 30, 0, 0),
    };
    let week = [Some(hours); 7];
    let closed = BTreeMap::from([
        (date(2026, 12, 25), Closure::AllDay),
        (
            date(2026, 12, 24),
            Closure::From(jiff::civil::time(12, 30, 0, 0)),
        ),
    ]);
    let london = Calendar::new("Europe/London", week, Closures::Listed(closed)).unwrap();
    let open = |time: &str| london.session_of(at(time)).unwrap().is_open;
    // Summer time began there three weeks after New York's.
    assert!(open("2026-03-27T08:00:00Z"));
    assert!(open("2026-03-30T07:00:00Z"));
    assert!(!open("2026-12-24T12:30:00Z"));
    assert!(!open("2026-12-25T10:00:00Z"));
    assert_eq!(
        Calendar::new("Mars/Olympus", week, Closures::None)
            .unwrap_err()
            .to_string(),
        "`Mars/Olympus` is no time zone; write one of the IANA database, like America/New_York"
    );
    assert_eq!(
        Calendar::new("UTC", [None; 7], Closures::None).unwrap_err(),
        CalendarError::NoSession
    );
}

#[test]
fn times_that_no_calendar_reaches_have_no_session() {
    for calendar in ["XNYS", "24x7", "24x5"] {
        let calendars = calendars();
        let calendar = calendars.get(calendar).unwrap();
        assert_eq!(calendar.session_of(Micros(i64::MAX)), None);
        assert_eq!(calendar.session_of(Micros(i64::MIN)), None);
        assert!(calendar.session_of(Micros::MAX).is_some());
    }
}
