//! A row of any format, and what it says.

use std::str::FromStr;

use tapeline_model::Micros;
use tapeline_model::money::{MoneyError, Price, Quantity};

use super::error::{Fault, Place};
use super::kind::Kind;
use super::time;

/// No symbol, id or interval is longer.
const LONGEST: usize = 100;

/// A value as its format gives it. Numbers are text, so that no digit is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Cell {
    #[default]
    Missing,
    Text(String),
    Time(Micros),
}

/// The cells stand in the order of [`Kind::columns`].
#[derive(Debug, Default)]
pub(super) struct Row {
    pub cells: Vec<Cell>,
}

/// A file, row by row.
pub(super) trait Table {
    fn kind(&self) -> Kind;

    /// False at its end.
    fn read(&mut self, row: &mut Row) -> Result<bool, Fault>;

    /// Of the row that was read last.
    fn place(&self) -> Place;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowData {
    Quote {
        bid: Price,
        bid_size: Quantity,
        ask: Price,
        ask_size: Quantity,
    },
    Trade {
        price: Price,
        size: Quantity,
        id: Option<String>,
    },
    Bar(Bar),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// How long it is, in microseconds.
    pub length: i64,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowRecord {
    pub time: Micros,
    pub symbol: String,
    pub data: RowData,
}

impl Row {
    pub fn record(&self, kind: Kind) -> Result<RowRecord, Fault> {
        let cells = Cells { kind, row: self };
        let data = match kind {
            Kind::Quotes => RowData::Quote {
                bid: cells.number(2)?,
                bid_size: cells.amount(3)?,
                ask: cells.number(4)?,
                ask_size: cells.amount(5)?,
            },
            Kind::Trades => RowData::Trade {
                price: cells.number(2)?,
                size: cells.positive(3)?,
                id: cells.optional(4)?,
            },
            Kind::Bars => RowData::Bar(cells.bar()?),
        };
        Ok(RowRecord {
            time: cells.time()?,
            symbol: cells.name(1)?.to_owned(),
            data,
        })
    }
}

#[derive(Clone, Copy)]
struct Cells<'a> {
    kind: Kind,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    fn column(self, place: usize) -> &'static str {
        self.kind.columns().get(place).copied().unwrap_or_default()
    }

    fn cell(self, place: usize) -> &'a Cell {
        self.row.cells.get(place).unwrap_or(&Cell::Missing)
    }

    fn text(self, place: usize) -> Result<&'a str, Fault> {
        match self.cell(place) {
            Cell::Text(text) if !text.is_empty() => Ok(text),
            Cell::Time(time) => {
                let remedy = "is a time, but another value belongs here";
                Err(Fault::of(self.column(place), &time.to_string(), remedy))
            }
            Cell::Text(_) | Cell::Missing => Err(Fault::missing(self.column(place))),
        }
    }

    fn time(self) -> Result<Micros, Fault> {
        match self.cell(0) {
            Cell::Time(time) => time::check(*time, &time.to_string()),
            Cell::Text(_) | Cell::Missing => time::parse(self.text(0)?),
        }
    }

    fn name(self, place: usize) -> Result<&'a str, Fault> {
        let text = self.text(place)?;
        if text.len() <= LONGEST && !text.chars().any(char::is_control) {
            return Ok(text);
        }
        let remedy = format!("must have at most {LONGEST} bytes and no control characters");
        Err(Fault::of(self.column(place), text, remedy))
    }

    fn optional(self, place: usize) -> Result<Option<String>, Fault> {
        match self.cell(place) {
            Cell::Missing => Ok(None),
            Cell::Text(text) if text.is_empty() => Ok(None),
            Cell::Text(_) | Cell::Time(_) => self.name(place).map(|text| Some(text.to_owned())),
        }
    }

    fn number<T: FromStr<Err = MoneyError>>(self, place: usize) -> Result<T, Fault> {
        let text = self.text(place)?;
        text.parse().map_err(|error| {
            let remedy = match error {
                MoneyError::Overflow => "is larger than a price or a quantity can be",
                MoneyError::Syntax | MoneyError::DivisionByZero => {
                    "is no decimal number like 12.5 with at most 8 places: write it out, rounded \
                     to 8 places"
                }
            };
            Fault::of(self.column(place), text, remedy)
        })
    }

    /// Nothing, or more.
    fn amount(self, place: usize) -> Result<Quantity, Fault> {
        let amount: Quantity = self.number(place)?;
        if amount.is_negative() {
            let remedy = "is below zero: write 0 for nothing";
            return Err(Fault::of(self.column(place), self.text(place)?, remedy));
        }
        Ok(amount)
    }

    fn positive(self, place: usize) -> Result<Quantity, Fault> {
        let amount: Quantity = self.number(place)?;
        if amount.is_positive() {
            return Ok(amount);
        }
        let remedy = "is not above zero: take the row away if nothing was traded";
        Err(Fault::of(self.column(place), self.text(place)?, remedy))
    }

    fn bar(self) -> Result<Bar, Fault> {
        let bar = Bar {
            length: self.length(2)?,
            open: self.number(3)?,
            high: self.number(4)?,
            low: self.number(5)?,
            close: self.number(6)?,
            volume: self.amount(7)?,
        };
        let outside = [(3, bar.open), (5, bar.low), (6, bar.close)]
            .into_iter()
            .find(|(_, price)| *price > bar.high || *price < bar.low);
        match outside {
            Some((place, _)) => {
                let remedy = format!("does not lie between low {} and high {}", bar.low, bar.high);
                Err(Fault::of(self.column(place), self.text(place)?, remedy))
            }
            None => Ok(bar),
        }
    }

    /// `1s`, `5m`, `1h`, `1d`.
    fn length(self, place: usize) -> Result<i64, Fault> {
        const SECOND: i64 = 1_000_000;
        const LONGEST_BAR: i64 = 7 * 86_400 * SECOND;
        let text = self.name(place)?;
        let unit = match text.chars().next_back() {
            Some('s') => Some(SECOND),
            Some('m') => Some(60 * SECOND),
            Some('h') => Some(3_600 * SECOND),
            Some('d') => Some(86_400 * SECOND),
            _ => None,
        };
        let count = text.get(..text.len() - 1);
        let count = count.and_then(|count| count.parse::<u32>().ok());
        let length = unit.zip(count).map(|(unit, count)| unit * i64::from(count));
        length
            .filter(|length| (SECOND..=LONGEST_BAR).contains(length))
            .ok_or_else(|| {
                let remedy = "is no interval: write 1s, 1m, 5m, 1h or 1d, from 1s to 7d";
                Fault::of(self.column(place), text, remedy)
            })
    }
}
