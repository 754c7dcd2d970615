//! Historical files as the records of a market, in the order of their times.
//!
//! A file holds quotes, trades or bars; which, its columns say:
//!
//! - quotes: `time, symbol, bid, bid_size, ask, ask_size`;
//! - trades: `time, symbol, price, size` and, if there is one, `id`;
//! - bars: `time` (their start), `symbol, interval, open, high, low, close, volume`.
//!   They are replayed as the prints they could have come from.
//!
//! Its name ends with `.csv`, `.jsonl` or `.parquet`. Numbers are decimals with at
//! most 8 places; those of JSON are taken from their text, doubles in Parquet by
//! their shortest decimal text. Times are RFC 3339 with an offset, or integers since
//! 1970 in the unit that their magnitude tells (below 10¹¹ seconds, below 10¹⁴
//! milliseconds, below 10¹⁷ microseconds, else nanoseconds); timestamps in Parquet by
//! their own unit, without an offset as UTC.
//!
//! Each file must be sorted by time. Several are merged: at equal times the order of
//! the files as given counts, then that of the rows. Whatever is wrong ends the
//! reading with its place: nothing is left out.

mod bars;
mod columnar;
mod error;
mod kind;
mod row;
mod source;
mod text;
mod time;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use tapeline_model::{Event, Micros};

pub use self::error::{Fault, HistoryError, Place};
pub use self::kind::Kind;
use self::source::Source;

/// Each stays open to the end.
const MAX_FILES: usize = 500;

/// Several files, merged. Holds a record of each file, and of bars the prints of those
/// that overlap.
pub struct History {
    sources: Vec<Source>,
    heads: Vec<Option<Event<'static>>>,
    order: BinaryHeap<Reverse<(Micros, usize)>>,
    /// The number of the record that came last.
    seq: i64,
    is_over: bool,
}

impl History {
    pub fn open<P: AsRef<Path>>(files: &[P]) -> Result<Self, HistoryError> {
        if let Some(file) = files.get(MAX_FILES) {
            let remedy = format!("is one more than the {MAX_FILES} that can be read at once");
            let fault = Fault::plain(remedy);
            return Err(HistoryError::new(file.as_ref(), Place::File, fault));
        }
        let numbered = files.iter().zip(1..);
        let sources = numbered.map(|(file, number)| Source::open(file.as_ref(), number));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let mut history = Self {
            heads: sources.iter().map(|_| None).collect(),
            order: BinaryHeap::new(),
            seq: 0,
            is_over: false,
            sources,
        };
        for index in 0..history.sources.len() {
            history.refill(index)?;
        }
        Ok(history)
    }

    /// What each file holds.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.sources.iter().map(Source::kind)
    }

    fn refill(&mut self, index: usize) -> Result<(), HistoryError> {
        let (Some(source), Some(head)) = (self.sources.get_mut(index), self.heads.get_mut(index))
        else {
            return Ok(());
        };
        *head = source.next()?;
        if let Some(event) = head {
            self.order.push(Reverse((event.event_time(), index)));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Event<'static>>, HistoryError> {
        let Some(Reverse((_, index))) = self.order.pop() else {
            return Ok(None);
        };
        let head = self.heads.get_mut(index).and_then(Option::take);
        self.refill(index)?;
        self.seq += 1;
        Ok(head.map(|event| numbered(event, self.seq)))
    }
}

impl Iterator for History {
    type Item = Result<Event<'static>, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let taken = self.take();
        self.is_over = !matches!(taken, Ok(Some(_)));
        taken.transpose()
    }
}

fn numbered(mut event: Event<'static>, number: i64) -> Event<'static> {
    match &mut event {
        Event::Quote(quote) => quote.seq = number,
        Event::Trade(trade) => trade.seq = number,
        _ => {}
    }
    event
}
