//! One row in ClickHouse's binary row format, straight into a buffer.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Charge, LimitStanding, MarkUsed};

/// Appends the values of one row, column by column.
pub(crate) struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
}

type Written = Result<(), Refusal>;

#[allow(
    clippy::unnecessary_wraps,
    reason = "every column is written with `?`, also one that holds any value"
)]
impl<'a> RowWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(crate) fn text(&mut self, text: impl AsRef<str>) -> Written {
        put_bytes(self.out, text.as_ref().as_bytes());
        Ok(())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Written {
        put_bytes(self.out, bytes);
        Ok(())
    }

    pub(crate) fn price(&mut self, price: Price) -> Written {
        self.put(&price.raw().to_le_bytes())
    }

    pub(crate) fn quantity(&mut self, quantity: Quantity) -> Written {
        self.put(&quantity.raw().to_le_bytes())
    }

    pub(crate) fn money(&mut self, money: Money) -> Written {
        self.put(&money.raw().to_le_bytes())
    }

    /// Refuses what the column would wrap into another time.
    pub(crate) fn time(&mut self, column: &str, time: Micros) -> Written {
        if time.is_storable() {
            return self.put(&time.0.to_le_bytes());
        }
        let message = format!(
            "{column} is {} microseconds from 1970 and must lie between 1970 and 2262: \
             are its units microseconds?",
            time.0
        );
        Err(Refusal::new(Reason::BadTime, message))
    }

    /// The column is `UInt32`, the record's field is signed as all of Avro is.
    pub(crate) fn u32(&mut self, column: &str, value: i32) -> Written {
        let value = u32::try_from(value).map_err(|_| negative(column, value.into()))?;
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, column: &str, value: i64) -> Written {
        let value = u64::try_from(value).map_err(|_| negative(column, value))?;
        self.put(&value.to_le_bytes())
    }

    /// `index` counts the enum's symbols from 0, its column from 1.
    pub(crate) fn symbol(&mut self, index: u8) -> Written {
        self.put(&[index + 1])
    }

    pub(crate) fn uuid(&mut self, (high, low): (u64, u64)) -> Written {
        self.put(&high.to_le_bytes())?;
        self.put(&low.to_le_bytes())
    }

    pub(crate) fn nullable<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> Written,
    ) -> Written {
        self.put(&[u8::from(value.is_none())])?;
        value.map_or(Ok(()), |value| write(self, value))
    }

    pub(crate) fn flag(&mut self, value: bool) -> Written {
        self.put(&[u8::from(value)])
    }

    pub(crate) fn float(&mut self, value: f64) -> Written {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn array<T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Written,
    ) -> Written {
        put_length(self.out, items.len());
        items.iter().try_for_each(|item| write(self, item))
    }

    pub(crate) fn map<T>(
        &mut self,
        map: &BTreeMap<String, T>,
        mut write: impl FnMut(&mut Self, &T) -> Written,
    ) -> Written {
        put_length(self.out, map.len());
        map.iter().try_for_each(|(key, value)| {
            self.text(key)?;
            write(self, value)
        })
    }

    pub(crate) fn texts(&mut self, texts: &[String]) -> Written {
        self.array(texts, |row, text| row.text(text))
    }

    pub(crate) fn charges(&mut self, charges: &[Charge]) -> Written {
        self.array(charges, |row, charge| {
            row.money(charge.amount)?;
            row.text(&charge.currency)
        })
    }

    pub(crate) fn marks(&mut self, marks: &[MarkUsed]) -> Written {
        self.array(marks, |row, mark| {
            row.text(mark.symbol.as_str())?;
            row.nullable(mark.price, Self::price)?;
            row.nullable(mark.kind.as_ref(), Self::text)?;
            row.nullable(mark.time, |row, time| row.time("marks", time))
        })
    }

    pub(crate) fn standings(&mut self, standings: &[LimitStanding]) -> Written {
        self.array(standings, |row, standing| {
            row.text(&standing.limit)?;
            row.text(&standing.rule)?;
            row.text(&standing.group)?;
            row.text(standing.grade.as_str())?;
            row.nullable(standing.value, Self::money)?;
            row.money(standing.level)?;
            row.text(&standing.unit)
        })
    }

    pub(crate) fn origin(&mut self, partition: u32, offset: u64) {
        self.out.extend_from_slice(&partition.to_le_bytes());
        self.out.extend_from_slice(&offset.to_le_bytes());
    }

    fn put(&mut self, bytes: &[u8]) -> Written {
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

fn negative(column: &str, value: i64) -> Refusal {
    let message = format!("{column} is {value} and must not be negative; correct the writer");
    Refusal::new(Reason::Corrupt, message)
}

/// A length as LEB128, then the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut RowWriter<'_>) -> Written) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut RowWriter::new(&mut out)).unwrap();
        out
    }

    #[test]
    fn values_are_little_endian_and_lengths_leb128() {
        assert_eq!(written(|row| row.text("AB")), [2, b'A', b'B']);
        let long = written(|row| row.bytes(&[7; 300]));
        assert_eq!(long[..3], [0xac, 0x02, 7]);
        assert_eq!(
            written(|row| row.price("-0.00000001".parse().unwrap())),
            [0xff; 8]
        );
        assert_eq!(written(|row| row.money(Money::ZERO)), [0; 16]);
        assert_eq!(
            written(|row| row.time("event_time", Micros(258))),
            [2, 1, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(written(|row| row.symbol(0)), [1]);
        assert_eq!(
            written(|row| row.uuid((1, 2)))[..9],
            [1, 0, 0, 0, 0, 0, 0, 0, 2]
        );
    }

    #[test]
    fn null_is_a_one_and_a_value_follows_a_zero() {
        assert_eq!(
            written(|row| row.nullable(None::<&str>, RowWriter::text)),
            [1]
        );
        assert_eq!(
            written(|row| row.nullable(Some("A"), RowWriter::text)),
            [0, 1, b'A']
        );
    }

    #[test]
    fn what_a_column_cannot_hold_is_refused_with_its_name() {
        let mut out = Vec::new();
        let mut row = RowWriter::new(&mut out);
        for bad in [Micros(-1), Micros(Micros::MAX.0 + 1), Micros(i64::MIN)] {
            let refusal = row.time("event_time", bad).unwrap_err();
            assert_eq!(refusal.reason, Reason::BadTime);
            assert!(
                refusal.message.contains("event_time"),
                "{}",
                refusal.message
            );
        }
        assert!(row.time("event_time", Micros::MAX).is_ok());
        assert!(
            row.u64("seq", -1)
                .unwrap_err()
                .message
                .contains("seq is -1")
        );
        assert!(row.u32("attempt", -1).is_err());
    }
}
