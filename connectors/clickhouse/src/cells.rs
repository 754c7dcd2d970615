//! What the values of records look like in ClickHouse's binary row format.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records;
use uuid::Uuid;

type Written = Result<(), Refusal>;

/// A value of one column.
pub(crate) trait Cell {
    /// The column's type, as ClickHouse itself writes it.
    fn kind() -> String;

    /// Appends the value; `column` is for what is refused.
    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written;
}

/// A text that repeats.
pub(crate) struct Low<T>(pub(crate) T);

/// Bytes that need not be text.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<T: Cell> Cell for Low<T> {
    fn kind() -> String {
        format!("LowCardinality({})", T::kind())
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        self.0.put(column, row)
    }
}

impl<T: Cell + ?Sized> Cell for &T {
    fn kind() -> String {
        T::kind()
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        (**self).put(column, row)
    }
}

/// One byte says whether it is null.
impl<T: Cell> Cell for Option<T> {
    fn kind() -> String {
        let kind = T::kind();
        match kind.strip_prefix("LowCardinality(") {
            Some(inner) => format!("LowCardinality(Nullable({inner})"),
            None => format!("Nullable({kind})"),
        }
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        row.push(u8::from(self.is_none()));
        match self {
            Some(value) => value.put(column, row),
            None => Ok(()),
        }
    }
}

impl<T: Cell> Cell for [T] {
    fn kind() -> String {
        format!("Array({})", T::kind())
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        put_length(row, self.len());
        self.iter().try_for_each(|item| item.put(column, row))
    }
}

impl<T: Cell> Cell for Vec<T> {
    fn kind() -> String {
        <[T]>::kind()
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        self.as_slice().put(column, row)
    }
}

impl<T: Cell> Cell for BTreeMap<String, T> {
    fn kind() -> String {
        format!("Map(String, {})", T::kind())
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        put_length(row, self.len());
        self.iter().try_for_each(|(key, value)| {
            key.put(column, row)?;
            value.put(column, row)
        })
    }
}

/// Types whose bytes are always a value of their column.
macro_rules! cells {
    ($($type:ty : $kind:expr, |$value:ident, $row:ident| $put:expr;)*) => {$(
        impl Cell for $type {
            fn kind() -> String {
                $kind.into()
            }

            fn put(&self, _: &str, $row: &mut Vec<u8>) -> Written {
                let $value = self;
                $put;
                Ok(())
            }
        }
    )*};
}

cells! {
    str: "String", |text, row| put_bytes(row, text.as_bytes());
    String: "String", |text, row| put_bytes(row, text.as_bytes());
    Cow<'_, str>: "String", |text, row| put_bytes(row, text.as_bytes());
    Bytes<'_>: "String", |bytes, row| put_bytes(row, bytes.0);
    OrderId: "String", |id, row| put_bytes(row, id.as_str().as_bytes());
    ExecId: "String", |id, row| put_bytes(row, id.as_str().as_bytes());
    Symbol: "LowCardinality(String)", |id, row| put_bytes(row, id.as_str().as_bytes());
    AccountId: "LowCardinality(String)", |id, row| put_bytes(row, id.as_str().as_bytes());
    PortfolioId: "LowCardinality(String)", |id, row| put_bytes(row, id.as_str().as_bytes());
    Price: "Decimal(18, 8)", |price, row| row.extend_from_slice(&price.raw().to_le_bytes());
    Quantity: "Decimal(18, 8)", |quantity, row| row.extend_from_slice(&quantity.raw().to_le_bytes());
    Money: "Decimal(38, 8)", |money, row| row.extend_from_slice(&money.raw().to_le_bytes());
    bool: "Bool", |flag, row| row.push(u8::from(*flag));
    f64: "Float64", |float, row| row.extend_from_slice(&float.to_le_bytes());
    Uuid: "UUID", |id, row| {
        let (high, low) = id.as_u64_pair();
        row.extend_from_slice(&high.to_le_bytes());
        row.extend_from_slice(&low.to_le_bytes());
    };
}

/// Refuses what the column would wrap into another time.
impl Cell for Micros {
    fn kind() -> String {
        "DateTime64(6, 'UTC')".into()
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        if self.is_storable() {
            row.extend_from_slice(&self.0.to_le_bytes());
            return Ok(());
        }
        let message = format!(
            "{column} is {} microseconds from 1970 and must lie between 1970 and 2262: \
             are its units microseconds?",
            self.0
        );
        Err(Refusal::new(Reason::BadTime, message))
    }
}

/// The column is unsigned, the record's field is signed as all of Avro is.
impl Cell for i32 {
    fn kind() -> String {
        "UInt32".into()
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        let value = u32::try_from(*self).map_err(|_| negative(column, (*self).into()))?;
        row.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }
}

impl Cell for i64 {
    fn kind() -> String {
        "UInt64".into()
    }

    fn put(&self, column: &str, row: &mut Vec<u8>) -> Written {
        let value = u64::try_from(*self).map_err(|_| negative(column, *self))?;
        row.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }
}

fn negative(column: &str, value: i64) -> Refusal {
    let message = format!("{column} is {value} and must not be negative; correct the writer");
    Refusal::new(Reason::Corrupt, message)
}

/// Variants count from 0, the symbols of a column from 1.
macro_rules! enums {
    ($($name:ident { $($variant:ident $text:literal),* $(; default $default:ident)? })*) => {$(
        impl Cell for records::$name {
            fn kind() -> String {
                let symbols: Vec<String> = records::$name::ALL
                    .iter()
                    .map(|symbol| format!("'{symbol}' = {}", *symbol as u8 + 1))
                    .collect();
                format!("Enum8({})", symbols.join(", "))
            }

            fn put(&self, _: &str, row: &mut Vec<u8>) -> Written {
                row.push(*self as u8 + 1);
                Ok(())
            }
        }
    )*};
}

tapeline_model::closed_sets!(enums);

/// A length as LEB128, then the bytes.
pub(crate) fn put_bytes(row: &mut Vec<u8>, bytes: &[u8]) {
    put_length(row, bytes.len());
    row.extend_from_slice(bytes);
}

fn put_length(row: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        row.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    row.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: impl Cell) -> Vec<u8> {
        let mut row = Vec::new();
        value.put("column", &mut row).unwrap();
        row
    }

    #[test]
    fn values_are_little_endian_and_lengths_leb128() {
        assert_eq!(put("AB"), [2, b'A', b'B']);
        assert_eq!(put(Bytes(&[7; 300]))[..3], [0xac, 0x02, 7]);
        let price: Price = "-0.00000001".parse().unwrap();
        assert_eq!(put(price), [0xff; 8]);
        assert_eq!(put(Money::ZERO), [0; 16]);
        assert_eq!(put(Micros(258)), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(put(records::Side::Buy), [1]);
        let id = Uuid::from_u64_pair(1, 2);
        assert_eq!(put(id)[..9], [1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn null_is_a_one_and_a_value_follows_a_zero() {
        assert_eq!(put(None::<&str>), [1]);
        assert_eq!(put(Some("A")), [0, 1, b'A']);
    }

    #[test]
    fn a_null_lies_within_a_text_that_repeats() {
        let kinds = [Option::<Symbol>::kind(), Low::<Option<String>>::kind()];
        assert_eq!(kinds, ["LowCardinality(Nullable(String))"; 2]);
    }

    #[test]
    fn what_a_column_cannot_hold_is_refused_with_its_name() {
        let mut row = Vec::new();
        for bad in [Micros(-1), Micros(Micros::MAX.0 + 1), Micros(i64::MIN)] {
            let refusal = bad.put("event_time", &mut row).unwrap_err();
            assert_eq!(refusal.reason, Reason::BadTime);
            let message = refusal.message;
            assert!(message.contains("event_time"), "{message}");
        }
        assert!(Micros::MAX.put("event_time", &mut row).is_ok());
        let refusal = (-1i64).put("seq", &mut row).unwrap_err();
        assert!(refusal.message.contains("seq is -1"));
        assert!((-1i32).put("attempt", &mut row).is_err());
    }
}
