//! CSV and JSON lines.

use std::io::{BufRead, BufReader, Read};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{Fault, Place};
use super::kind::Kind;
use super::row::{Cell, Row, Table};

/// No row is longer: a quote that is never closed must not cost memory.
const LONGEST_ROW: u64 = 1 << 20;

fn unreadable(error: &dyn std::fmt::Display) -> Fault {
    Fault::plain(format!("cannot be read: {error}"))
}

fn too_long() -> Fault {
    Fault::plain(format!(
        "the row is longer than {LONGEST_ROW} bytes: is a line break missing, or a quote not closed?"
    ))
}

pub(super) struct Csv<R: Read> {
    reader: csv::Reader<Limited<R>>,
    kind: Kind,
    places: Vec<Option<usize>>,
    record: csv::StringRecord,
    line: u64,
}

/// As much as a row may take.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(into)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl<R: Read> Csv<R> {
    pub fn new(file: R) -> Result<Self, (Place, Fault)> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(Limited {
                inner: file,
                left: LONGEST_ROW,
            });
        let at = |fault| (Place::Line(1), fault);
        let names = reader.headers().map_err(|error| at(csv_fault(&error)))?;
        let names: Vec<String> = names.iter().map(str::to_owned).collect();
        if names.is_empty() {
            return Err(at(Fault::plain(
                "is empty: the first line must name the columns",
            )));
        }
        let kind = Kind::of(&names).map_err(at)?;
        Ok(Self {
            reader,
            kind,
            places: kind.places(&names),
            record: csv::StringRecord::new(),
            line: 1,
        })
    }
}

impl<R: Read> Table for Csv<R> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn read(&mut self, row: &mut Row) -> Result<bool, Fault> {
        self.reader.get_mut().left = LONGEST_ROW;
        let before = self.reader.position().line();
        let found = self.reader.read_record(&mut self.record);
        let place = self.record.position().map(csv::Position::line);
        self.line = place.unwrap_or(before);
        if !found.map_err(|error| {
            self.line = error.position().map_or(before, csv::Position::line);
            csv_fault(&error)
        })? {
            return Ok(false);
        }
        row.cells.clear();
        let cell = |place: &Option<usize>| {
            let text = place.and_then(|place| self.record.get(place));
            text.map_or(Cell::Missing, |text| Cell::Text(text.to_owned()))
        };
        row.cells.extend(self.places.iter().map(cell));
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Line(self.line)
    }
}

fn csv_fault(error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => Fault::plain(format!(
            "has {len} values, but the first line names {expected_len} columns"
        )),
        csv::ErrorKind::Utf8 { .. } => Fault::plain("is not UTF-8: convert the file"),
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => too_long(),
        _ => unreadable(error),
    }
}

/// An object a line.
pub(super) struct JsonLines<R> {
    reader: BufReader<R>,
    kind: Kind,
    line: u64,
    text: String,
    /// The first object was read to know the kind.
    is_held: bool,
}

impl<R: Read> JsonLines<R> {
    pub fn new(file: R) -> Result<Self, (Place, Fault)> {
        let mut lines = Self {
            reader: BufReader::new(file),
            kind: Kind::Quotes,
            line: 0,
            text: String::new(),
            is_held: true,
        };
        let kind = lines.first();
        lines.kind = kind.map_err(|fault| (lines.place(), fault))?;
        Ok(lines)
    }

    fn first(&mut self) -> Result<Kind, Fault> {
        if !self.next_line()? {
            return Err(Fault::plain("is empty: each line must be a JSON object"));
        }
        let keys = object(&self.text)?.into_iter().map(|(key, _)| key);
        Kind::of(&keys.collect::<Vec<String>>())
    }

    /// The next line that is not empty.
    fn next_line(&mut self) -> Result<bool, Fault> {
        loop {
            self.text.clear();
            self.line += 1;
            let mut limited = self.reader.by_ref().take(LONGEST_ROW);
            let read = limited.read_line(&mut self.text);
            let read = read.map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => Fault::plain("is not UTF-8: convert the file"),
                _ => unreadable(&error),
            })?;
            if read as u64 == LONGEST_ROW {
                return Err(too_long());
            }
            if read == 0 || !self.text.trim().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    fn fill(&self, row: &mut Row) -> Result<(), Fault> {
        let columns = self.kind.columns();
        row.cells.clear();
        row.cells.resize(columns.len(), Cell::Missing);
        for (key, value) in object(&self.text)? {
            let place = columns.iter().position(|column| *column == key);
            let known = place.and_then(|at| Some((columns[at], row.cells.get_mut(at)?)));
            let Some((column, into)) = known else {
                let remedy = format!("the key `{key}` is unknown: take it away in every line");
                return Err(Fault::plain(remedy));
            };
            *into = cell(column, value)?;
        }
        Ok(())
    }
}

impl<R: Read> Table for JsonLines<R> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn read(&mut self, row: &mut Row) -> Result<bool, Fault> {
        if !std::mem::take(&mut self.is_held) && !self.next_line()? {
            return Ok(false);
        }
        self.fill(row)?;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Line(self.line)
    }
}

fn object(text: &str) -> Result<Vec<(String, &RawValue)>, Fault> {
    let Pairs(pairs) = serde_json::from_str(text)
        .map_err(|error| Fault::plain(format!("is no JSON object: {error}")))?;
    let twice =
        (1..pairs.len()).find(|at| pairs[..*at].iter().any(|(key, _)| *key == pairs[*at].0));
    match twice {
        Some(at) => Err(Fault::plain(format!(
            "the key `{}` is there twice: take one away",
            pairs[at].0
        ))),
        None => Ok(pairs),
    }
}

/// The members of an object, also those that are there twice.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object like {\"time\": 1795253400, \"symbol\": \"AAPL\", …}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

/// The digits of a number as they stand there.
fn cell(column: &'static str, value: &RawValue) -> Result<Cell, Fault> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text)
            .map(Cell::Text)
            .map_err(|error| Fault::of(column, text, format!("is no text: {error}"))),
        Some(b'n') => Ok(Cell::Missing),
        Some(b'-' | b'0'..=b'9') => Ok(Cell::Text(text.to_owned())),
        _ => Err(Fault::of(column, text, "must be a number or a text")),
    }
}
