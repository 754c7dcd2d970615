//! What a position is kept in, as types that cannot hold nonsense.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize, Serializer};
use tapeline_model::money::Quantity;

/// A quantity above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Quantity", into = "Quantity")]
pub struct Positive(Quantity);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not above zero")]
pub struct NotPositive(pub Quantity);

impl Positive {
    pub const ONE: Self = Self(Quantity::ONE);

    pub const fn get(self) -> Quantity {
        self.0
    }
}

impl TryFrom<Quantity> for Positive {
    type Error = NotPositive;

    fn try_from(quantity: Quantity) -> Result<Self, NotPositive> {
        if quantity.is_positive() {
            Ok(Self(quantity))
        } else {
            Err(NotPositive(quantity))
        }
    }
}

impl From<Positive> for Quantity {
    fn from(positive: Positive) -> Self {
        positive.0
    }
}

const CURRENCY_BYTES: usize = 12;

/// The code of a currency or coin: 1 to 12 visible ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency([u8; CURRENCY_BYTES]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a currency code of 1 to {CURRENCY_BYTES} visible ASCII characters")]
pub struct NotACurrency(pub String);

impl Currency {
    pub const USD: Self = Self(*b"USD\0\0\0\0\0\0\0\0\0");

    pub fn new(code: &str) -> Result<Self, NotACurrency> {
        let mut bytes = [0; CURRENCY_BYTES];
        let fits = (1..=CURRENCY_BYTES).contains(&code.len());
        if !fits || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotACurrency(code.to_owned()));
        }
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Ok(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        let len = self.0.iter().take_while(|byte| **byte != 0).count();
        // Only ASCII gets in.
        std::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }
}

impl TryFrom<String> for Currency {
    type Error = NotACurrency;

    fn try_from(code: String) -> Result<Self, NotACurrency> {
        Self::new(&code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

/// How many new units come for how many old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    pub new: NonZeroU32,
    pub old: NonZeroU32,
}

/// Which cost leaves when a part of a position is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The average of all that is open.
    #[default]
    #[serde(rename = "AVERAGE")]
    Average,
    /// That of the oldest lots.
    #[serde(rename = "FIFO")]
    Fifo,
}

/// What a trade does to the cash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// The whole value changes hands: shares, coins, options.
    #[default]
    #[serde(rename = "IN_FULL")]
    InFull,
    /// Only what was gained or lost changes hands: futures, contracts for difference.
    #[serde(rename = "MARGINED")]
    Margined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub currency: Currency,
    /// How much one unit of the quantity stands for: 1 for shares, 100 for most options.
    pub multiplier: Positive,
    pub settlement: Settlement,
    pub method: Method,
}
