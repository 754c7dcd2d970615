//! Parquet, without nesting: a batch of rows in memory at a time.

use std::fs::File;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use tapeline_model::Micros;

use super::error::{Fault, Place};
use super::kind::Kind;
use super::row::{Cell, Row, Table};

const BATCH: usize = 1_024;
const DAY: i64 = 86_400_000_000;

pub(super) struct Columnar {
    reader: SerializedFileReader<File>,
    kind: Kind,
    /// In the order of the kind; none where the file lacks an optional one.
    columns: Vec<Option<Column>>,
    next_group: usize,
    batch: Vec<Vec<Cell>>,
    /// Of the batch.
    next: usize,
    row: u64,
}

struct Column {
    name: &'static str,
    /// In the file.
    index: usize,
    meaning: Meaning,
    may_be_null: bool,
    /// Of the current row group.
    values: Option<ColumnReader>,
}

/// What the bytes of a column stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    Unsigned,
    /// So many digits stand behind the point.
    Decimal(u32),
    /// So many nanoseconds is one.
    Since1970(i64),
    Days,
}

fn unreadable(error: &ParquetError) -> Fault {
    Fault::plain(format!(
        "cannot be read as Parquet: {error}; write it without nesting, compressed with Snappy, \
         Zstandard or gzip, or not at all"
    ))
}

impl Columnar {
    pub fn new(file: File) -> Result<Self, Fault> {
        let reader = SerializedFileReader::new(file).map_err(|error| unreadable(&error))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let names: Vec<&str> = schema.columns().iter().map(|c| c.name()).collect();
        let kind = Kind::of(&names)?;
        let columns = kind.columns().iter().zip(kind.places(&names));
        let columns = columns.map(|(name, place)| {
            let column = place.map(|index| column(name, index, &schema.column(index)));
            column.transpose()
        });
        let columns = columns.collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self {
            columns,
            reader,
            kind,
            next_group: 0,
            batch: Vec::new(),
            next: 0,
            row: 0,
        })
    }

    /// False at the end of the file.
    fn fill(&mut self) -> Result<bool, Fault> {
        loop {
            self.next = 0;
            self.batch.clear();
            for column in &mut self.columns {
                let cells = match column {
                    Some(column) => column.read()?,
                    None => Vec::new(),
                };
                self.batch.push(cells);
            }
            // The first column is the time, which is there in every kind.
            let rows = self.batch.first().map_or(0, Vec::len);
            let torn = self.columns.iter().zip(&self.batch);
            if let Some((Some(column), _)) = torn
                .into_iter()
                .find(|(column, cells)| column.is_some() && cells.len() != rows)
            {
                let remedy = format!("column {} has not as many rows as time", column.name);
                return Err(Fault::plain(remedy));
            }
            if rows > 0 {
                return Ok(true);
            }
            if self.next_group == self.reader.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
        }
    }

    fn open_group(&mut self) -> Result<(), Fault> {
        let group = self.reader.get_row_group(self.next_group);
        let group = group.map_err(|error| unreadable(&error))?;
        self.next_group += 1;
        for column in self.columns.iter_mut().flatten() {
            let values = group.get_column_reader(column.index);
            column.values = Some(values.map_err(|error| unreadable(&error))?);
        }
        Ok(())
    }
}

impl Table for Columnar {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn read(&mut self, row: &mut Row) -> Result<bool, Fault> {
        self.row += 1;
        let is_used = self
            .batch
            .first()
            .is_none_or(|cells| self.next == cells.len());
        if is_used && !self.fill()? {
            return Ok(false);
        }
        row.cells.clear();
        for cells in &mut self.batch {
            let cell = cells.get_mut(self.next).map(std::mem::take);
            row.cells.push(cell.unwrap_or_default());
        }
        self.next += 1;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Row(self.row)
    }
}

fn column(name: &'static str, index: usize, found: &ColumnDescriptor) -> Result<Column, Fault> {
    if found.max_rep_level() > 0 || found.max_def_level() > 1 {
        let remedy = format!("column {name} is nested: write one plain value a row");
        return Err(Fault::plain(remedy));
    }
    let meaning = meaning(found).ok_or_else(|| {
        let (physical, logical) = (found.physical_type(), found.logical_type_ref());
        let logical = logical.map_or(String::new(), |logical| format!(" ({logical:?})"));
        Fault::plain(format!(
            "column {name} is {physical}{logical}: write a time as a timestamp, numbers as \
             decimals, doubles or text"
        ))
    })?;
    Ok(Column {
        name,
        index,
        meaning,
        may_be_null: found.max_def_level() > 0,
        values: None,
    })
}

fn meaning(column: &ColumnDescriptor) -> Option<Meaning> {
    if column.physical_type() == Type::BOOLEAN {
        return None;
    }
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(stamp)) => Some(Meaning::Since1970(match stamp.unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        })),
        Some(LogicalType::Date) => Some(Meaning::Days),
        Some(LogicalType::Decimal(decimal)) => {
            let scale = u32::try_from(decimal.scale).ok();
            scale.filter(|scale| *scale <= 38).map(Meaning::Decimal)
        }
        Some(LogicalType::Integer(integer)) if !integer.is_signed => Some(Meaning::Unsigned),
        Some(LogicalType::Integer(_) | LogicalType::String | LogicalType::Enum) => {
            Some(Meaning::Plain)
        }
        Some(_) => None,
        None => match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => Some(Meaning::Since1970(1_000_000)),
            ConvertedType::TIMESTAMP_MICROS => Some(Meaning::Since1970(1_000)),
            _ => Some(Meaning::Plain),
        },
    }
}

impl Column {
    fn read(&mut self) -> Result<Vec<Cell>, Fault> {
        let meaning = self.meaning;
        let nulls = self.may_be_null;
        let read = match &mut self.values {
            // What is no number and no text was refused when the file was opened.
            None | Some(ColumnReader::BoolColumnReader(_)) => Ok(Vec::new()),
            Some(ColumnReader::Int32ColumnReader(reader)) => {
                cells(reader, nulls, |n| integer(i64::from(n), 32, meaning))
            }
            Some(ColumnReader::Int64ColumnReader(reader)) => {
                cells(reader, nulls, |n| integer(n, 64, meaning))
            }
            Some(ColumnReader::Int96ColumnReader(reader)) => {
                cells(reader, nulls, |n| Some(Cell::Time(Micros(n.to_micros()))))
            }
            // Both print the shortest digits that name the number.
            Some(ColumnReader::FloatColumnReader(reader)) => {
                cells(reader, nulls, |n| Some(Cell::Text(n.to_string())))
            }
            Some(ColumnReader::DoubleColumnReader(reader)) => {
                cells(reader, nulls, |n| Some(Cell::Text(n.to_string())))
            }
            Some(ColumnReader::ByteArrayColumnReader(reader)) => {
                cells(reader, nulls, |bytes| text(&bytes, meaning))
            }
            Some(ColumnReader::FixedLenByteArrayColumnReader(reader)) => {
                cells(reader, nulls, |bytes| text(&bytes, meaning))
            }
        };
        let cells = read.map_err(|error| unreadable(&error))?;
        cells.into_iter().collect::<Option<_>>().ok_or_else(|| {
            let name = self.name;
            Fault::plain(format!(
                "column {name} holds bytes that are neither UTF-8 nor a number that fits"
            ))
        })
    }
}

/// None among them is a value that cannot be shown.
fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    may_be_null: bool,
    show: impl Fn(T::T) -> Option<Cell>,
) -> Result<Vec<Option<Cell>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter();
    if !may_be_null {
        return Ok(values.map(show).collect());
    }
    let cell = |level: &i16| match level {
        0 => Some(Cell::Missing),
        _ => values.next().and_then(&show),
    };
    Ok(levels.iter().map(cell).collect())
}

fn integer(number: i64, bits: u32, meaning: Meaning) -> Option<Cell> {
    Some(match meaning {
        Meaning::Plain => Cell::Text(number.to_string()),
        Meaning::Unsigned if bits == 32 => Cell::Text((number as u32).to_string()),
        Meaning::Unsigned => Cell::Text((number as u64).to_string()),
        Meaning::Decimal(scale) => Cell::Text(decimal(number.into(), scale)),
        Meaning::Days => Cell::Time(Micros(number.checked_mul(DAY)?)),
        Meaning::Since1970(nanos) => {
            let nanos = i128::from(number) * i128::from(nanos);
            Cell::Time(Micros(i64::try_from(nanos.div_euclid(1_000)).ok()?))
        }
    })
}

fn text(bytes: &ByteArray, meaning: Meaning) -> Option<Cell> {
    let bytes = bytes.data();
    let Meaning::Decimal(scale) = meaning else {
        return Some(Cell::Text(String::from_utf8(bytes.to_vec()).ok()?));
    };
    // Big-endian two's complement of any length.
    let sign = if bytes.first()? & 0x80 == 0 {
        0x00
    } else {
        0xff
    };
    let mut wide = [sign; 16];
    let from = 16usize.checked_sub(bytes.len())?;
    wide[from..].copy_from_slice(bytes);
    Some(Cell::Text(decimal(i128::from_be_bytes(wide), scale)))
}

fn decimal(raw: i128, scale: u32) -> String {
    let sign = if raw < 0 { "-" } else { "" };
    let width = scale as usize + 1;
    let digits = format!("{:0width$}", raw.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_written_out() {
        assert_eq!(decimal(18_912, 2), "189.12");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(1_890_000_000_000, 10), "189");
        assert_eq!(decimal(7, 0), "7");
    }
}
