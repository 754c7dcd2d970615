//! When an exchange is open, in its own local time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use tapeline_model::Micros;

use super::closures::nyse_closure;

/// How many days apart two sessions can lie at most.
const LONGEST_PAUSE_DAYS: usize = 15;

/// The session that began last, and whether it still lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The trading day, in the exchange's own time.
    pub day: Date,
    pub opens: Micros,
    pub closes: Micros,
    /// When the next one opens: until then this one's day lasts.
    pub next_opens: Micros,
    pub is_open: bool,
}

/// What is special about a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closure {
    AllDay,
    /// It closes early, at this local time.
    From(Time),
}

/// The hours of one weekday's session. A session may begin on the day before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    pub opens_day_before: bool,
    pub opens: Time,
    /// Not after `opens` on the same day: then it is the end of the next day.
    pub closes: Time,
}

/// Days that differ from the weekly hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closures {
    None,
    /// The rules of the New York Stock Exchange.
    Nyse,
    Listed(BTreeMap<Date, Closure>),
}

#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    /// From Monday to Sunday.
    week: [Option<Hours>; 7],
    closures: Closures,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("`{0}` is no time zone; write one of the IANA database, like America/New_York")]
    UnknownZone(String),
    #[error("no weekday has a session; give at least one its hours")]
    NoSession,
}

impl Calendar {
    pub fn new(
        zone: &str,
        week: [Option<Hours>; 7],
        closures: Closures,
    ) -> Result<Self, CalendarError> {
        let zone = TimeZoneDatabase::bundled()
            .get(zone)
            .map_err(|_| CalendarError::UnknownZone(zone.to_owned()))?;
        if week.iter().all(Option::is_none) {
            return Err(CalendarError::NoSession);
        }
        Ok(Self {
            zone,
            week,
            closures,
        })
    }

    /// The session that began last at this time. None where the calendar does not
    /// reach: outside the years that can be told, or in a pause without end.
    pub fn session_of(&self, time: Micros) -> Option<Session> {
        let moment = Timestamp::from_microsecond(time.0).ok()?;
        let today = self.zone.to_datetime(moment).date();
        // A session of tomorrow's day may have begun today.
        let newest = today.tomorrow().ok()?;
        let mut next_opens = None;
        let mut day = newest;
        for _ in 0..LONGEST_PAUSE_DAYS {
            if let Some((opens, closes)) = self.hours_on(day) {
                if opens <= time {
                    let next_opens = match next_opens {
                        Some(known) => known,
                        None => self.opens_after(newest)?,
                    };
                    return Some(Session {
                        day,
                        opens,
                        closes,
                        next_opens,
                        is_open: time < closes,
                    });
                }
                next_opens = Some(opens);
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    fn opens_after(&self, day: Date) -> Option<Micros> {
        let mut day = day;
        for _ in 0..LONGEST_PAUSE_DAYS {
            day = day.tomorrow().ok()?;
            if let Some((opens, _)) = self.hours_on(day) {
                return Some(opens);
            }
        }
        None
    }

    fn hours_on(&self, day: Date) -> Option<(Micros, Micros)> {
        let at = day.weekday().to_monday_zero_offset();
        let hours = (*self.week.get(usize::try_from(at).ok()?)?)?;
        let closes = match self.closure(day) {
            Some(Closure::AllDay) => return None,
            Some(Closure::From(early)) => early,
            None => hours.closes,
        };
        let (opening_day, closing_day) = if hours.opens_day_before {
            (day.yesterday().ok()?, day)
        } else if closes <= hours.opens {
            (day, day.tomorrow().ok()?)
        } else {
            (day, day)
        };
        Some((
            self.micros(opening_day, hours.opens)?,
            self.micros(closing_day, closes)?,
        ))
    }

    fn closure(&self, day: Date) -> Option<Closure> {
        match &self.closures {
            Closures::None => None,
            Closures::Nyse => nyse_closure(day),
            Closures::Listed(days) => days.get(&day).copied(),
        }
    }

    /// A local time that the clocks skip is told by the clock before the change, one
    /// that they repeat is the first.
    fn micros(&self, day: Date, at: Time) -> Option<Micros> {
        let local = day.to_datetime(at);
        let moment = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Micros(moment.as_microsecond()))
    }
}

/// Calendars by name.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    by_name: BTreeMap<String, Arc<Calendar>>,
}

impl Calendars {
    /// The one that is meant where none is named.
    pub const DEFAULT: &str = "XNYS";

    /// New York's stock exchanges (`XNYS`, `XNAS`), every day in UTC (`24x7`), and
    /// foreign exchange from Sunday to Friday, 17:00 in New York (`24x5`).
    pub fn built_in() -> Result<Self, CalendarError> {
        let hours = |opens_day_before, opens, closes| Hours {
            opens_day_before,
            opens,
            closes,
        };
        let midnight = time(0, 0, 0, 0);
        let five = time(17, 0, 0, 0);
        let new_york = "America/New_York";
        let shares = Calendar::new(
            new_york,
            weekdays(hours(false, time(9, 30, 0, 0), time(16, 0, 0, 0))),
            Closures::Nyse,
        )?;
        let always = Calendar::new(
            "UTC",
            [Some(hours(false, midnight, midnight)); 7],
            Closures::None,
        )?;
        let exchange = Calendar::new(new_york, weekdays(hours(true, five, five)), Closures::None)?;
        let shares = Arc::new(shares);
        Ok(Self {
            by_name: BTreeMap::from([
                ("XNYS".to_owned(), Arc::clone(&shares)),
                ("XNAS".to_owned(), shares),
                ("24x7".to_owned(), Arc::new(always)),
                ("24x5".to_owned(), Arc::new(exchange)),
            ]),
        })
    }

    pub fn add(&mut self, name: &str, calendar: Calendar) {
        self.by_name.insert(name.to_owned(), Arc::new(calendar));
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Calendar>> {
        self.by_name.get(name)
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.by_name.keys().map(String::as_str).collect()
    }
}

fn weekdays(hours: Hours) -> [Option<Hours>; 7] {
    let mut week = [Some(hours); 7];
    for day in [Weekday::Saturday, Weekday::Sunday] {
        week[usize::from(day.to_monday_zero_offset().unsigned_abs())] = None;
    }
    week
}
