//! The points that losses are counted from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError};

use super::plan::Needs;
use super::rules::{Basis, Window};
use super::snapshot::{CapitalFlow, Known, Sums};
use super::window::Highs;

/// Of a portfolio or of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracks {
    pub(super) marked: Track,
    pub(super) realised: Track,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The first equity that was known.
    pub(super) start: Option<Money>,
    pub(super) high: Option<Money>,
    /// By calendar.
    pub(super) days: BTreeMap<String, Day>,
    /// By the text of the window.
    pub(super) windows: BTreeMap<String, Highs>,
}

/// A day of an exchange: it lasts until the next one opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    pub(super) opened: Micros,
    /// None while no equity was known since it opened.
    pub(super) start: Option<Money>,
    pub(super) high: Option<Money>,
}

/// The days that are going on, by calendar.
pub(super) type Days = BTreeMap<String, Micros>;

impl Tracks {
    pub fn of(&self, basis: Basis) -> &Track {
        match basis {
            Basis::Marked => &self.marked,
            Basis::Realised => &self.realised,
        }
    }

    pub fn observe(&mut self, sums: &Sums, needs: &Needs, days: &Days, now: Micros) -> bool {
        let marked = self.marked.observe(sums.equity, needs, days, now);
        let realised = self
            .realised
            .observe(sums.realised_equity, needs, days, now);
        marked || realised
    }

    pub fn shifted(&self, by: CapitalFlow) -> Result<Self, MoneyError> {
        Ok(Self {
            marked: self.marked.shifted(by.marked)?,
            realised: self.realised.shifted(by.realised)?,
        })
    }

    pub fn keep(&mut self, needs: &Needs) {
        for track in [&mut self.marked, &mut self.realised] {
            track
                .days
                .retain(|name, _| needs.calendars.contains_key(name));
            track
                .windows
                .retain(|name, _| needs.windows.contains_key(name));
        }
    }
}

impl Track {
    fn observe(&mut self, equity: Known, needs: &Needs, days: &Days, now: Micros) -> bool {
        let mut changed = false;
        for (calendar, opened) in days {
            changed |= self.open(calendar, *opened);
        }
        // What is missing moves nothing.
        let Ok(equity) = equity else { return changed };
        if self.start.is_none() {
            self.start = Some(equity);
            changed = true;
        }
        changed |= raise(&mut self.high, equity);
        for day in self.days.values_mut() {
            day.start.get_or_insert(equity);
            changed |= raise(&mut day.high, equity);
        }
        for (name, window) in &needs.windows {
            changed |= self.observe_window(name, *window, now, equity);
        }
        changed
    }

    fn open(&mut self, calendar: &str, opened: Micros) -> bool {
        let day = Day {
            opened,
            start: None,
            high: None,
        };
        match self.days.get_mut(calendar) {
            Some(known) if known.opened >= opened => false,
            Some(known) => {
                *known = day;
                true
            }
            None => {
                self.days.insert(calendar.to_owned(), day);
                true
            }
        }
    }

    fn observe_window(&mut self, name: &str, window: Window, now: Micros, equity: Money) -> bool {
        if let Some(highs) = self.windows.get_mut(name) {
            return highs.observe(window, now, equity);
        }
        let mut highs = Highs::default();
        highs.observe(window, now, equity);
        self.windows.insert(name.to_owned(), highs);
        true
    }

    fn shifted(&self, by: Money) -> Result<Self, MoneyError> {
        let shift = |point: Option<Money>| point.map(|point| point.checked_add(by)).transpose();
        let mut shifted = Self {
            start: shift(self.start)?,
            high: shift(self.high)?,
            ..Self::default()
        };
        for (calendar, day) in &self.days {
            let day = Day {
                opened: day.opened,
                start: shift(day.start)?,
                high: shift(day.high)?,
            };
            shifted.days.insert(calendar.clone(), day);
        }
        for (name, highs) in &self.windows {
            shifted.windows.insert(name.clone(), highs.shifted(by)?);
        }
        Ok(shifted)
    }
}

fn raise(high: &mut Option<Money>, equity: Money) -> bool {
    let is_higher = high.is_none_or(|high| equity > high);
    if is_higher {
        *high = Some(equity);
    }
    is_higher
}
