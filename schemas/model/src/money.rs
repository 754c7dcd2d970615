//! Exact decimals with eight places. Nothing here is a float; every operation
//! that can overflow says so, and every one that can lose a digit names its rounding.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use ethnum::I256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PLACES: usize = 8;
const SCALE: i64 = 100_000_000;
/// decimal(18,8) and decimal(38,8): the most a topic or a table can hold.
const MAX_SMALL: i64 = 999_999_999_999_999_999;
const MAX_MONEY: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// What to do with the digits that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; a tie goes to the even neighbour.
    HalfEven,
    /// Toward zero.
    Truncate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("the amount is larger than its column can hold")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("not a decimal number like 12.5 with at most 8 places")]
    Syntax,
}

/// A price in units of a currency: an i64 with eight places.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

/// A number of shares, coins or contracts: an i64 with eight places.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

/// An amount of money: an i128 with eight places.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

macro_rules! small_decimal {
    ($name:ident) => {
        impl $name {
            pub const ZERO: Self = Self(0);

            /// From the number of 10⁻⁸ units; `None` beyond decimal(18,8).
            pub const fn from_raw(raw: i64) -> Option<Self> {
                if raw > MAX_SMALL || raw < -MAX_SMALL {
                    None
                } else {
                    Some(Self(raw))
                }
            }

            pub const fn raw(self) -> i64 {
                self.0
            }

            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).and_then(Self::from_raw)
            }

            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).and_then(Self::from_raw)
            }

            /// The range is symmetric, so this cannot overflow.
            #[must_use]
            pub const fn negated(self) -> Self {
                Self(-self.0)
            }

            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl TryFrom<i128> for $name {
            type Error = MoneyError;

            fn try_from(raw: i128) -> Result<Self, MoneyError> {
                i64::try_from(raw)
                    .ok()
                    .and_then(Self::from_raw)
                    .ok_or(MoneyError::Overflow)
            }
        }

        decimal_text_and_wire!($name, 8);
    };
}

macro_rules! decimal_text_and_wire {
    ($name:ident, $bytes:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_text(self.0.into()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                Self::try_from(from_text(text)?)
            }
        }

        /// Avro's decimal: big-endian two's complement, as short as it can be.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let bytes = self.0.to_be_bytes();
                serializer.serialize_bytes(&bytes[redundant_sign_bytes(&bytes)..])
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = deserializer.deserialize_bytes(Unscaled)?;
                Self::try_from(raw).map_err(serde::de::Error::custom)
            }
        }
    };
}

small_decimal!(Price);
small_decimal!(Quantity);
decimal_text_and_wire!(Money, 16);

impl Price {
    /// The middle between two prices.
    pub fn mid(bid: Self, ask: Self, rounding: Rounding) -> Self {
        let sum = i128::from(bid.0) + i128::from(ask.0);
        // The middle of two values in range is in range.
        Self(divide(sum, 2, rounding).unwrap_or_default() as i64)
    }

    /// Price times quantity.
    pub fn notional(self, quantity: Quantity, rounding: Rounding) -> Result<Money, MoneyError> {
        // At most 10³⁶: the product of two i64 always fits.
        let product = i128::from(self.0) * i128::from(quantity.0);
        Money::try_from(divide(product, i128::from(SCALE), rounding)?)
    }

    /// Price times quantity times what one unit of the quantity stands for, rounded once.
    pub fn value(
        self,
        quantity: Quantity,
        multiplier: Quantity,
        rounding: Rounding,
    ) -> Result<Money, MoneyError> {
        if multiplier.0 == SCALE {
            return self.notional(quantity, rounding);
        }
        let scale = i128::from(SCALE);
        Money(i128::from(self.0) * i128::from(quantity.0)).scaled(
            i128::from(multiplier.0),
            scale * scale,
            rounding,
        )
    }
}

impl Quantity {
    pub const ONE: Self = Self(SCALE);
    /// The most that a record can hold.
    pub const MAX: Self = Self(MAX_SMALL);

    /// `times / by` of this quantity.
    pub fn scaled(
        self,
        times: NonZeroU32,
        by: NonZeroU32,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        let product = i128::from(self.0) * i128::from(times.get());
        Self::try_from(divide(product, i128::from(by.get()), rounding)?)
    }

    /// Without what stands behind the point.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self(self.0 - self.0 % SCALE)
    }

    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    pub const fn signum(self) -> i64 {
        self.0.signum()
    }
}

impl Money {
    pub const ZERO: Self = Self(0);

    /// From the number of 10⁻⁸ units; `None` beyond decimal(38,8).
    pub const fn from_raw(raw: i128) -> Option<Self> {
        if raw > MAX_MONEY || raw < -MAX_MONEY {
            None
        } else {
            Some(Self(raw))
        }
    }

    pub const fn raw(self) -> i128 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .ok_or(MoneyError::Overflow)
            .and_then(Self::try_from)
    }

    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated())
    }

    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The share `part / whole` of this amount.
    pub fn share(
        self,
        part: Quantity,
        whole: Quantity,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        self.scaled(i128::from(part.0), i128::from(whole.0), rounding)
    }

    /// This amount for one unit of `quantity`.
    pub fn per_unit(self, quantity: Quantity, rounding: Rounding) -> Result<Price, MoneyError> {
        let Self(raw) = self.scaled(i128::from(SCALE), i128::from(quantity.0), rounding)?;
        Price::try_from(raw)
    }

    /// The price at which `quantity` units, each standing for `multiplier`, are worth this.
    pub fn unit_price(
        self,
        quantity: Quantity,
        multiplier: Quantity,
        rounding: Rounding,
    ) -> Result<Price, MoneyError> {
        let scale = i128::from(SCALE);
        let units = i128::from(quantity.0) * i128::from(multiplier.0);
        let Self(raw) = self.scaled(scale * scale, units, rounding)?;
        Price::try_from(raw)
    }

    /// How many times `other` this amount is.
    pub fn times(self, other: Self, rounding: Rounding) -> Result<Self, MoneyError> {
        self.scaled(i128::from(SCALE), other.0, rounding)
    }

    pub fn percent(self, percent: u32, rounding: Rounding) -> Result<Self, MoneyError> {
        self.scaled(i128::from(percent), 100, rounding)
    }

    fn scaled(self, times: i128, by: i128, rounding: Rounding) -> Result<Self, MoneyError> {
        if let Some(product) = self.0.checked_mul(times) {
            return Self::try_from(divide(product, by, rounding)?);
        }
        let wide = wide_divide(
            I256::new(self.0) * I256::new(times),
            I256::new(by),
            rounding,
        )?;
        Self::try_from(i128::try_from(wide).map_err(|_| MoneyError::Overflow)?)
    }
}

impl TryFrom<i128> for Money {
    type Error = MoneyError;

    fn try_from(raw: i128) -> Result<Self, MoneyError> {
        Self::from_raw(raw).ok_or(MoneyError::Overflow)
    }
}

/// A quantity among amounts, where a limit is one of units.
impl From<Quantity> for Money {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.0.into())
    }
}

impl From<Price> for Money {
    fn from(price: Price) -> Self {
        Self(price.0.into())
    }
}

fn divide(value: i128, by: i128, rounding: Rounding) -> Result<i128, MoneyError> {
    // Most amounts fit a register, where a division costs a tenth.
    let (quotient, rest) = match (i64::try_from(value), i64::try_from(by)) {
        (Ok(value), Ok(by)) if by > 0 => ((value / by).into(), (value % by).into()),
        _ => {
            let quotient = value.checked_div(by).ok_or(MoneyError::DivisionByZero)?;
            (quotient, value - quotient * by)
        }
    };
    if rounding == Rounding::Truncate || rest == 0 {
        return Ok(quotient);
    }
    let away = if (value < 0) == (by < 0) { 1 } else { -1 };
    // `rest` is smaller than `by`, so compare without doubling it.
    let missing = by.unsigned_abs() - rest.unsigned_abs();
    let up = match rest.unsigned_abs().cmp(&missing) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
    };
    Ok(if up { quotient + away } else { quotient })
}

/// The same as [`divide`] for products beyond i128.
fn wide_divide(value: I256, by: I256, rounding: Rounding) -> Result<I256, MoneyError> {
    let quotient = value.checked_div(by).ok_or(MoneyError::DivisionByZero)?;
    let rest = value % by;
    if rounding == Rounding::Truncate || rest == 0 {
        return Ok(quotient);
    }
    let away = if (value < 0) == (by < 0) { 1 } else { -1 };
    let missing = by.abs() - rest.abs();
    let up = match rest.abs().cmp(&missing) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
    };
    Ok(if up { quotient + away } else { quotient })
}

fn to_text(raw: i128) -> String {
    let sign = if raw < 0 { "-" } else { "" };
    let units = raw.unsigned_abs();
    let scale = u128::from(SCALE.unsigned_abs());
    let (whole, fraction) = (units / scale, units % scale);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:0PLACES$}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

fn from_text(text: &str) -> Result<i128, MoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > PLACES {
        return Err(MoneyError::Syntax);
    }
    let joined = format!("{whole}{fraction:0<PLACES$}");
    let raw: i128 = joined.parse().map_err(|_| MoneyError::Overflow)?;
    Ok(if negative { -raw } else { raw })
}

/// How many leading bytes only repeat the sign.
fn redundant_sign_bytes(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .take_while(|pair| {
            let sign_set = pair[1] & 0x80 != 0;
            (pair[0] == 0x00 && !sign_set) || (pair[0] == 0xff && sign_set)
        })
        .count()
}

struct Unscaled;

impl serde::de::Visitor<'_> for Unscaled {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal of 1 to 16 bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<i128, E> {
        if bytes.is_empty() || bytes.len() > 16 {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        let sign = if bytes[0] & 0x80 == 0 { 0x00 } else { 0xff };
        let mut wide = [sign; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        Ok(i128::from_be_bytes(wide))
    }
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
