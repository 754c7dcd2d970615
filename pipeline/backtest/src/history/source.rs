use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::{Path, PathBuf};

use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{Quote, Trade, TradeKind};
use tapeline_model::{Event, Micros};

use super::bars;
use super::columnar::Columnar;
use super::error::{Fault, HistoryError, Place};
use super::kind::Kind;
use super::row::{Row, RowData, RowRecord, Table};
use super::text::{Csv, JsonLines};
use super::time::TIME;

/// Stands in every record as its source and venue.
pub(super) const SOURCE: &str = "history";

/// Prints of bars that overlap: more than of any market there is.
const MAX_QUEUED: usize = 1_000_000;

/// One file, as events in the order of their times.
pub(super) struct Source {
    file: PathBuf,
    /// Among the files, from 1 on: part of the ids of its prints.
    number: usize,
    table: Box<dyn Table>,
    row: Row,
    rows: u64,
    newest: Option<Micros>,
    /// Read, but not yet handed over: prints of bars before it may come first.
    ahead: Option<RowRecord>,
    waiting: BinaryHeap<Reverse<QueuedEvent>>,
    is_over: bool,
}

struct QueuedEvent {
    /// Time, row and number within the row.
    place: (Micros, u64, usize),
    event: Event<'static>,
}

impl PartialEq for QueuedEvent {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for QueuedEvent {}

impl PartialOrd for QueuedEvent {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for QueuedEvent {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl Source {
    pub fn open(path: &Path, number: usize) -> Result<Self, HistoryError> {
        let fail = |place, fault| HistoryError::new(path, place, fault);
        let in_file = |fault| fail(Place::File, fault);
        let at = |(place, fault)| fail(place, fault);
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let open = || {
            let opened = File::open(path);
            opened.map_err(|error| in_file(Fault::plain(format!("cannot be read: {error}"))))
        };
        let table: Box<dyn Table> = match extension.to_str() {
            Some("csv") => Box::new(Csv::new(open()?).map_err(at)?),
            Some("jsonl") => Box::new(JsonLines::new(open()?).map_err(at)?),
            Some("parquet") => Box::new(Columnar::new(open()?).map_err(in_file)?),
            _ => {
                let remedy = "its name must end with .csv, .jsonl or .parquet";
                return Err(in_file(Fault::plain(remedy)));
            }
        };
        Ok(Self {
            file: path.to_owned(),
            number,
            table,
            row: Row::default(),
            rows: 0,
            newest: None,
            ahead: None,
            waiting: BinaryHeap::new(),
            is_over: false,
        })
    }

    pub fn kind(&self) -> Kind {
        self.table.kind()
    }

    pub fn next(&mut self) -> Result<Option<Event<'static>>, HistoryError> {
        loop {
            if self.ahead.is_none() && !self.is_over {
                self.ahead = self.read()?;
                self.is_over = self.ahead.is_none();
            }
            let first = self.waiting.peek().map(|Reverse(first)| first.place.0);
            let is_first =
                first.is_some_and(|first| self.ahead.as_ref().is_none_or(|row| first <= row.time));
            if is_first {
                return Ok(self.waiting.pop().map(|Reverse(waiting)| waiting.event));
            }
            let Some(record) = self.ahead.take() else {
                return Ok(None);
            };
            self.queue_events(record)?;
        }
    }

    fn fail(&self, fault: Fault) -> HistoryError {
        HistoryError::new(&self.file, self.table.place(), fault)
    }

    fn read(&mut self) -> Result<Option<RowRecord>, HistoryError> {
        let found = self.table.read(&mut self.row);
        if !found.map_err(|fault| self.fail(fault))? {
            return Ok(None);
        }
        self.rows += 1;
        let record = self.row.record(self.table.kind());
        let record = record.map_err(|fault| self.fail(fault))?;
        if let Some(newest) = self.newest.filter(|newest| record.time < *newest) {
            let remedy = format!("lies before {newest} of an earlier row: sort the file by time");
            return Err(self.fail(Fault::of(TIME, &record.time.to_string(), remedy)));
        }
        self.newest = Some(record.time);
        Ok(Some(record))
    }

    /// A row as one event, or as the prints of its bar.
    fn queue_events(&mut self, record: RowRecord) -> Result<(), HistoryError> {
        let RowRecord { time, symbol, data } = record;
        match data {
            RowData::Quote {
                bid,
                bid_size,
                ask,
                ask_size,
            } => self.queue_event(
                (time, 0),
                quote(time, symbol, (bid, bid_size), (ask, ask_size)),
            ),
            RowData::Trade { price, size, id } => {
                let id = id.unwrap_or_else(|| self.id(0));
                self.queue_event((time, 0), trade(time, symbol, (price, size), id));
            }
            RowData::Bar(bar) => {
                if self.waiting.len() > MAX_QUEUED {
                    let remedy = "more bars than can be kept overlap: split the file by interval";
                    return Err(self.fail(Fault::plain(remedy)));
                }
                for (n, print) in bars::prints(time, &bar).enumerate() {
                    let sold = (print.price, print.size);
                    let event = trade(print.time, symbol.clone(), sold, self.id(n));
                    self.queue_event((print.time, n), event);
                }
            }
        }
        Ok(())
    }

    fn queue_event(&mut self, (time, n): (Micros, usize), event: Event<'static>) {
        let place = (time, self.rows, n);
        self.waiting.push(Reverse(QueuedEvent { place, event }));
    }

    fn id(&self, n: usize) -> String {
        format!("{}-{}-{n}", self.number, self.rows)
    }
}

fn quote(
    time: Micros,
    symbol: String,
    (bid_price, bid_size): (Price, Quantity),
    (ask_price, ask_size): (Price, Quantity),
) -> Event<'static> {
    Event::Quote(Quote {
        symbol: symbol.into(),
        venue: SOURCE.into(),
        seq: 0,
        bid_price,
        ask_price,
        bid_size,
        ask_size,
        event_time: time,
        ingest_time: time,
        source: SOURCE.into(),
    })
}

fn trade(
    time: Micros,
    symbol: String,
    (price, size): (Price, Quantity),
    id: String,
) -> Event<'static> {
    Event::Trade(Trade {
        kind: TradeKind::Trade,
        trade_id: id.into(),
        ref_trade_id: None,
        symbol: symbol.into(),
        venue: SOURCE.into(),
        seq: 0,
        price,
        size,
        event_time: time,
        ingest_time: time,
        source: SOURCE.into(),
    })
}
