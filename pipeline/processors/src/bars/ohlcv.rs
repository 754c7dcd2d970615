use std::fmt;

use serde::{Deserialize, Serialize};
use tapeline_model::money::{Money, Price, Quantity, Rounding};

use super::print::Print;

/// Units of 10⁻⁸ in one.
const UNITS: i128 = 100_000_000;

/// Units traded. As wide as money: a day of a cheap coin outgrows a [`Quantity`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Volume(Money);

impl Volume {
    pub const ZERO: Self = Self(Money::ZERO);

    /// In units of 10⁻⁸.
    pub const fn raw(self) -> i128 {
        self.0.raw()
    }
}

impl From<Quantity> for Volume {
    fn from(quantity: Quantity) -> Self {
        // Any quantity fits: its column is the narrower one.
        Self(Money::from_raw(quantity.raw().into()).unwrap_or_default())
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened in a stretch of time. Neighbouring stretches join to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ohlcv {
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    /// None when it outgrew its column.
    pub volume: Option<Volume>,
    /// The sum of price × quantity, each rounded half to even; None when it
    /// outgrew its column.
    pub notional: Option<Money>,
    pub count: i64,
}

impl Ohlcv {
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            close: later.close,
            volume: sum(self.volume.map(|v| v.0), later.volume.map(|v| v.0)).map(Volume),
            notional: sum(self.notional, later.notional),
            count: self.count + later.count,
        }
    }

    /// The average price, weighted with the volume, to the nearest 10⁻⁸ (ties away
    /// from zero); None where nothing was traded, as in a bar of mid-quotes.
    pub fn vwap(&self) -> Option<Price> {
        let (notional, volume) = (self.notional?.raw(), self.volume?.raw());
        let whole = notional.checked_div(volume)?.checked_mul(UNITS)?;
        // The volume is above zero here: its prints are.
        let rest = (notional % volume).checked_mul(2 * UNITS)?;
        let nearest = (rest + rest.signum() * volume) / (2 * volume);
        Price::try_from(whole + nearest).ok()
    }
}

impl From<&Print> for Ohlcv {
    fn from(print: &Print) -> Self {
        let price = print.price();
        Self {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Some(print.quantity().into()),
            notional: price.notional(print.quantity(), Rounding::HalfEven).ok(),
            count: 1,
        }
    }
}

fn sum(a: Option<Money>, b: Option<Money>) -> Option<Money> {
    a?.checked_add(b?).ok()
}
