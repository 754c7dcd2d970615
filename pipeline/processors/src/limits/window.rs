//! Rolling windows in bounded space.
//!
//! A window is cut into [`PIECES`] pieces, and what happened in a piece counts
//! until the whole piece is older than the window. So a window remembers up to a
//! 64th of its length too long, never too short: a window of a day to 22.5 minutes,
//! one of a minute to about a second.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError};

use super::rules::Window;

const PIECES: i64 = 64;

/// The highest value of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highs {
    /// By time, each lower than the one before: what is neither newer nor higher than
    /// another can never be the highest again.
    peaks: VecDeque<Peak>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Peak {
    piece: i64,
    high: Money,
}

/// How often something happened in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In seconds; another window counts from nothing.
    window: i64,
    counts: VecDeque<Count>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    piece: i64,
    count: i64,
}

fn piece_micros(window: Window) -> i64 {
    (window.seconds().saturating_mul(1_000_000) / PIECES).max(1)
}

fn piece_of(window: Window, time: Micros) -> i64 {
    time.0.div_euclid(piece_micros(window))
}

/// When the piece of this moment ends.
pub(super) fn piece_ends(window: Window, time: Micros) -> Micros {
    let next = piece_of(window, time).saturating_add(1);
    Micros(next.saturating_mul(piece_micros(window)))
}

impl Highs {
    pub fn high(&self) -> Option<Money> {
        self.peaks.front().map(|peak| peak.high)
    }

    /// Of the newest piece.
    pub fn newest(&self) -> Option<Money> {
        self.peaks.back().map(|peak| peak.high)
    }

    /// Tells whether anything changed.
    pub fn observe(&mut self, window: Window, time: Micros, value: Money) -> bool {
        let newest = self.peaks.back().map_or(i64::MIN, |peak| peak.piece);
        // Time that goes back is taken for the newest seen.
        let piece = piece_of(window, time).max(newest);
        let expired = self.expire(piece - PIECES);
        let last = self.peaks.back();
        if last.is_some_and(|last| last.piece == piece && last.high >= value) {
            return expired;
        }
        while self.peaks.back().is_some_and(|peak| peak.high <= value) {
            self.peaks.pop_back();
        }
        self.peaks.push_back(Peak { piece, high: value });
        true
    }

    fn expire(&mut self, oldest: i64) -> bool {
        let before = self.peaks.len();
        while self.peaks.front().is_some_and(|peak| peak.piece < oldest) {
            self.peaks.pop_front();
        }
        self.peaks.len() != before
    }

    pub fn shifted(&self, by: Money) -> Result<Self, MoneyError> {
        let peaks = self.peaks.iter().map(|peak| {
            Ok(Peak {
                piece: peak.piece,
                high: peak.high.checked_add(by)?,
            })
        });
        Ok(Self {
            peaks: peaks.collect::<Result<_, MoneyError>>()?,
        })
    }
}

impl Counts {
    pub fn add(&mut self, window: Window, time: Micros) {
        if self.window != window.seconds() {
            self.window = window.seconds();
            self.counts.clear();
        }
        let newest = self.counts.back().map_or(i64::MIN, |count| count.piece);
        let piece = piece_of(window, time).max(newest);
        while self
            .counts
            .front()
            .is_some_and(|count| count.piece < piece - PIECES)
        {
            self.counts.pop_front();
        }
        match self.counts.back_mut() {
            Some(last) if last.piece == piece => last.count = last.count.saturating_add(1),
            _ => self.counts.push_back(Count { piece, count: 1 }),
        }
    }

    pub fn total(&self, window: Window, time: Micros) -> i64 {
        self.counting(window, time)
            .fold(0, |sum, count| sum.saturating_add(count.count))
    }

    /// When the total becomes less by itself.
    pub fn falls_at(&self, window: Window, time: Micros) -> Option<Micros> {
        let oldest = self.counting(window, time).next()?;
        let gone = oldest.piece.saturating_add(PIECES + 1);
        Some(Micros(gone.saturating_mul(piece_micros(window))))
    }

    fn counting(&self, window: Window, time: Micros) -> impl Iterator<Item = &Count> {
        let oldest = piece_of(window, time).saturating_sub(PIECES);
        let same = self.window == window.seconds();
        self.counts
            .iter()
            .filter(move |count| same && count.piece >= oldest)
    }
}
