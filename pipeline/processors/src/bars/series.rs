use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;

use super::print::PrintOrder;
use super::{Bar, BarEvent, Frame, Ohlcv, Print, PrintError};

/// How long, and how many, single prints are kept: as long as a print is kept, its
/// bars can be amended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    lateness: i64,
    max_prints: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    #[error("a lateness of {0} ms is not allowed: write 0 to {max}", max = Retention::MAX_LATENESS_MS)]
    Lateness(i64),
    #[error("{0} kept prints are not allowed: write 1 to {max}", max = Retention::MAX_PRINTS)]
    Prints(usize),
}

impl Retention {
    pub const MAX_LATENESS_MS: i64 = 86_400_000;
    pub const MAX_PRINTS: usize = 100_000;

    /// `max_prints` bounds the memory of one symbol. Beyond it the oldest prints
    /// become final before the lateness is over, and later ones are refused as too late.
    pub fn new(lateness_ms: i64, max_prints: usize) -> Result<Self, RetentionError> {
        if !(0..=Self::MAX_LATENESS_MS).contains(&lateness_ms) {
            return Err(RetentionError::Lateness(lateness_ms));
        }
        if !(1..=Self::MAX_PRINTS).contains(&max_prints) {
            return Err(RetentionError::Prints(max_prints));
        }
        Ok(Self {
            lateness: lateness_ms * 1000,
            max_prints,
        })
    }
}

/// The bars of one symbol, as state that can be stored. What became final is only
/// kept as the part it makes of the bars that are still open. The prints that are not
/// final are stored apart, second by second: few of them change at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Event time has come this far.
    watermark: Option<Micros>,
    /// In order; later than what is final.
    #[serde(skip)]
    kept: VecDeque<Print>,
    /// The seconds whose kept prints changed.
    #[serde(skip)]
    touched: BTreeSet<Micros>,
    final_to: Option<PrintOrder>,
    /// Of each frame the newest bar that final prints are part of.
    settled: Vec<BarPart>,
    /// The newest revision of bars that were published more than once and are not final.
    revised: Vec<RevisedBar>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BarPart {
    frame: Frame,
    start: Micros,
    ohlcv: Ohlcv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RevisedBar {
    frame: Frame,
    start: Micros,
    revision: i32,
}

/// A bar that was due before an edit, and as it was published.
struct EditedBar {
    frame: Frame,
    start: Micros,
    told: Option<Ohlcv>,
}

impl Series {
    pub fn take(
        &mut self,
        print: Print,
        retention: &Retention,
        out: &mut Vec<BarEvent>,
    ) -> Result<(), PrintError> {
        self.admit(&print, None)?;
        self.edit(None, Some(print), retention, out);
        Ok(())
    }

    /// Puts another print in the place of the one with this id.
    pub fn correct(
        &mut self,
        id: &str,
        replacement: Print,
        retention: &Retention,
        out: &mut Vec<BarEvent>,
    ) -> Result<(), PrintError> {
        let at = self.position(id)?;
        self.admit(&replacement, Some(at))?;
        self.edit(Some(at), Some(replacement), retention, out);
        Ok(())
    }

    pub fn cancel(
        &mut self,
        id: &str,
        retention: &Retention,
        out: &mut Vec<BarEvent>,
    ) -> Result<(), PrintError> {
        let at = self.position(id)?;
        self.edit(Some(at), None, retention, out);
        Ok(())
    }

    /// Time has come this far, whether or not anything was printed.
    pub fn close_until(&mut self, time: Micros, retention: &Retention, out: &mut Vec<BarEvent>) {
        self.advance(time, out);
        self.settle(retention);
    }

    /// The bar that is not closed yet, as it stands.
    pub fn forming(&self, frame: Frame) -> Option<Ohlcv> {
        self.ohlcv(frame, frame.start_of(self.watermark?))
    }

    /// When the newest bar ends that holds something and was not published yet: the
    /// time to call [`close_until`](Self::close_until) with, if nothing comes.
    pub fn next_close(&self) -> Option<Micros> {
        let watermark = self.watermark?;
        let open = |frame: &Frame| self.holds(*frame, frame.start_of(watermark));
        let frame = Frame::ALL.into_iter().find(open)?;
        Some(frame.end_of(watermark))
    }

    /// Whether [`take`](Self::take) would take it.
    pub fn admits(&self, print: &Print) -> Result<(), PrintError> {
        self.admit(print, None)
    }

    /// The print with this id, as long as it can be corrected or cancelled.
    pub fn kept(&self, id: &str) -> Result<&Print, PrintError> {
        let at = self.position(id)?;
        self.kept
            .get(at)
            .ok_or_else(|| PrintError::NotKept { id: id.into() })
    }

    /// The newest print that is not final.
    pub fn newest(&self) -> Option<&Print> {
        self.kept.back()
    }

    /// The seconds, by their start, whose kept prints changed since the last call.
    pub fn touched(&mut self) -> BTreeSet<Micros> {
        std::mem::take(&mut self.touched)
    }

    /// The kept prints of the second that starts then, in order.
    pub fn of_second(&self, start: Micros) -> impl Iterator<Item = &Print> {
        let end = Frame::Second.end_of(start);
        let first = self.kept.partition_point(|print| print.time() < start);
        let behind = self.kept.partition_point(|print| print.time() < end);
        self.kept.range(first..behind)
    }

    /// Puts the prints back that were stored apart, second after second.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Print>) {
        self.kept = kept.into_iter().collect();
        self.touched.clear();
    }

    /// How far event time has come.
    pub fn watermark(&self) -> Option<Micros> {
        self.watermark
    }

    fn admit(&self, print: &Print, replaces: Option<usize>) -> Result<(), PrintError> {
        let time = print.time();
        if let Some(last) = self.final_to.filter(|last| print.order() <= *last) {
            return Err(PrintError::TooLate {
                time,
                final_to: last.time,
            });
        }
        let Some(id) = print.id() else {
            return Ok(());
        };
        let first = self.kept.partition_point(|kept| kept.time() < time);
        let same_time = self.kept.iter().enumerate().skip(first);
        let mut same_time = same_time.take_while(|(_, kept)| kept.time() == time);
        if same_time.any(|(at, kept)| kept.id() == Some(id) && Some(at) != replaces) {
            let id = id.into();
            return Err(PrintError::Duplicate { id, time });
        }
        Ok(())
    }

    fn position(&self, id: &str) -> Result<usize, PrintError> {
        self.kept
            .iter()
            .rposition(|print| print.id() == Some(id))
            .ok_or_else(|| PrintError::NotKept { id: id.into() })
    }

    fn edit(
        &mut self,
        gone: Option<usize>,
        new: Option<Print>,
        retention: &Retention,
        out: &mut Vec<BarEvent>,
    ) {
        let gone_time = gone.and_then(|at| self.kept.get(at)).map(Print::time);
        let new_time = new.as_ref().map(Print::time);
        let touched = self.due_bars([gone_time, new_time]);
        if let Some(at) = gone {
            self.kept.remove(at);
        }
        let changed = [gone_time, new_time].into_iter().flatten();
        self.touched
            .extend(changed.map(|time| Frame::Second.start_of(time)));
        if let Some(print) = new {
            let order = print.order();
            let at = self.kept.partition_point(|kept| kept.order() <= order);
            self.kept.insert(at, print);
        }
        for bar in touched {
            self.republish(&bar, out);
        }
        if let Some(time) = new_time {
            self.advance(time, out);
        }
        self.settle(retention);
    }

    /// The bars of these times that event time has passed.
    fn due_bars(&self, times: [Option<Micros>; 2]) -> Vec<EditedBar> {
        let mut due: Vec<EditedBar> = Vec::new();
        for frame in Frame::ALL {
            for time in times.into_iter().flatten() {
                let start = frame.start_of(time);
                let passed = self.watermark.is_some_and(|now| frame.end_of(time) <= now);
                let known = due.iter().any(|b| b.frame == frame && b.start == start);
                if passed && !known {
                    due.push(EditedBar {
                        frame,
                        start,
                        told: self.ohlcv(frame, start),
                    });
                }
            }
        }
        due
    }

    fn republish(&mut self, bar: &EditedBar, out: &mut Vec<BarEvent>) {
        let EditedBar { frame, start, told } = *bar;
        let ohlcv = self.ohlcv(frame, start);
        let revision = self.next_revision(bar);
        out.extend(match (ohlcv, revision) {
            (Some(ohlcv), 0) => Some(BarEvent::Closed(Bar {
                frame,
                start,
                revision,
                ohlcv,
            })),
            (Some(ohlcv), _) => Some(BarEvent::Amended(Bar {
                frame,
                start,
                revision,
                ohlcv,
            })),
            (None, _) => told.map(|was| BarEvent::Withdrawn {
                frame,
                start,
                revision,
                was,
            }),
        });
    }

    /// Only what was published before is numbered: most bars are never published twice.
    fn next_revision(&mut self, bar: &EditedBar) -> i32 {
        let same = |r: &&mut RevisedBar| r.frame == bar.frame && r.start == bar.start;
        if let Some(revised) = self.revised.iter_mut().find(same) {
            revised.revision = revised.revision.saturating_add(1);
            return revised.revision;
        }
        if bar.told.is_none() {
            return 0;
        }
        self.revised.push(RevisedBar {
            frame: bar.frame,
            start: bar.start,
            revision: 1,
        });
        1
    }

    fn advance(&mut self, to: Micros, out: &mut Vec<BarEvent>) {
        let Some(from) = self.watermark else {
            self.watermark = Some(to);
            return;
        };
        // No print is later than the watermark, so of each frame only the bar that
        // holds it can be open and not empty.
        for frame in Frame::ALL {
            if frame.end_of(from) > to {
                continue;
            }
            let start = frame.start_of(from);
            out.extend(self.ohlcv(frame, start).map(|ohlcv| {
                BarEvent::Closed(Bar {
                    frame,
                    start,
                    revision: 0,
                    ohlcv,
                })
            }));
        }
        self.watermark = Some(from.max(to));
    }

    /// Makes final what is older than the lateness allows, or more than may be kept.
    fn settle(&mut self, retention: &Retention) {
        let Some(watermark) = self.watermark else {
            return;
        };
        let allowed = Micros(watermark.0.saturating_sub(retention.lateness));
        let open_from = Frame::Second.start_of(allowed);
        while let Some(print) = self.kept.front()
            && (print.time() < open_from || self.kept.len() > retention.max_prints)
        {
            let order = print.order();
            let ohlcv = Ohlcv::from(print);
            self.kept.pop_front();
            self.touched.insert(Frame::Second.start_of(order.time));
            self.settle_one(order.time, ohlcv);
            self.final_to = self.final_to.max(Some(order));
        }
        let before_open = PrintOrder {
            time: Micros(open_from.0 - 1),
            seq: i64::MAX,
        };
        self.final_to = self.final_to.max(Some(before_open));
        self.revised
            .retain(|bar| bar.frame.end_of(bar.start) > open_from);
    }

    fn settle_one(&mut self, time: Micros, ohlcv: Ohlcv) {
        for frame in Frame::ALL {
            let start = frame.start_of(time);
            match self.settled.iter_mut().find(|part| part.frame == frame) {
                Some(part) if part.start == start => part.ohlcv = part.ohlcv.then(ohlcv),
                Some(part) => {
                    part.start = start;
                    part.ohlcv = ohlcv;
                }
                None => self.settled.push(BarPart {
                    frame,
                    start,
                    ohlcv,
                }),
            }
        }
    }

    fn holds(&self, frame: Frame, start: Micros) -> bool {
        let end = frame.end_of(start);
        let first = self.kept.partition_point(|print| print.time() < start);
        let kept = self.kept.get(first).is_some_and(|p| p.time() < end);
        let same = |part: &BarPart| part.frame == frame && part.start == start;
        kept || self.settled.iter().any(same)
    }

    fn ohlcv(&self, frame: Frame, start: Micros) -> Option<Ohlcv> {
        let end = frame.end_of(start);
        let same = |part: &&BarPart| part.frame == frame && part.start == start;
        let settled = self.settled.iter().find(same).map(|part| part.ohlcv);
        let first = self.kept.partition_point(|print| print.time() < start);
        let behind = self.kept.partition_point(|print| print.time() < end);
        let kept = self.kept.range(first..behind).map(Ohlcv::from);
        settled.into_iter().chain(kept).reduce(Ohlcv::then)
    }
}
