use std::fmt;

use tapeline_model::Micros;
use tapeline_model::money::Price;

use crate::bars::{Bar, Frame};

/// Far beyond any price or volume; squares and sums of what is smaller are finite.
const LARGEST: f64 = 1e32;
/// Far below any price; quotients of what is larger are finite.
const SMALLEST: f64 = 1e-32;
/// Units of 10⁻⁸ in one.
const UNITS: f64 = 1e8;

/// What an indicator is updated with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// Any number that comes once a step.
    Value(f64),
    Bar(Candle),
    Quote(TopOfBook),
}

/// A bar as floats: the limits of exact decimals end where statistics begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candle {
    /// Which trading session it belongs to; it never decreases.
    pub session: i64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    /// What was paid for the volume.
    pub notional: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopOfBook {
    pub time: Micros,
    pub bid: f64,
    pub ask: f64,
}

/// What an indicator takes of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Price,
    Volume,
    Bar,
    Quote,
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Price => "values, or the close of bars",
            Self::Volume => "values, or the volume of bars",
            Self::Bar => "bars",
            Self::Quote => "quotes",
        })
    }
}

/// Why a sample was not used. State is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InputError {
    #[error("{indicator} reads {reads}, not {kind}")]
    WrongKind {
        indicator: &'static str,
        reads: Reads,
        kind: &'static str,
    },
    #[error("the {field} {value} is not a finite number")]
    NotFinite { field: &'static str, value: f64 },
    #[error("the {field} {value:e} is larger than {LARGEST:e}")]
    TooLarge { field: &'static str, value: f64 },
    #[error("the {field} of the bar is missing: it outgrew its column")]
    Missing { field: &'static str },
    #[error("the {field} {value} must be above zero (at least {SMALLEST:e})")]
    NotPositive { field: &'static str, value: f64 },
    #[error("the volume {volume} is below zero")]
    NegativeVolume { volume: f64 },
    #[error("the close {close} is not between the low {low} and the high {high}")]
    OutsideRange { low: f64, close: f64, high: f64 },
    #[error("the bid {bid} is above the ask {ask}")]
    Crossed { bid: f64, ask: f64 },
    #[error("the {field} goes back from {last} to {value}; it must not decrease")]
    GoesBack {
        field: &'static str,
        last: i64,
        value: i64,
    },
}

impl Candle {
    /// The price at which a unit was traded on the average, where only a bar is known.
    pub fn typical_notional(high: f64, low: f64, close: f64, volume: f64) -> f64 {
        (high + low + close) / 3.0 * volume
    }
}

/// Sessions are days of UTC; set another number where a calendar says so.
impl TryFrom<&Bar> for Candle {
    type Error = InputError;

    fn try_from(bar: &Bar) -> Result<Self, InputError> {
        let float = |raw: i128| raw as f64 / UNITS;
        let price = |price: Price| float(price.raw().into());
        let o = &bar.ohlcv;
        let volume = o.volume.ok_or(InputError::Missing { field: "volume" })?;
        let notional = o
            .notional
            .ok_or(InputError::Missing { field: "notional" })?;
        Ok(Self {
            session: bar.start.0.div_euclid(Frame::Day.micros()),
            high: price(o.high),
            low: price(o.low),
            close: price(o.close),
            volume: float(volume.raw()),
            notional: float(notional.raw()),
        })
    }
}

impl Sample {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Value(_) => "values",
            Self::Bar(_) => "bars",
            Self::Quote(_) => "quotes",
        }
    }

    pub(super) fn check(&self) -> Result<(), InputError> {
        match self {
            Self::Value(value) => usable("value", *value),
            Self::Bar(candle) => candle.check(),
            Self::Quote(quote) => quote.check(),
        }
    }
}

impl Candle {
    fn check(&self) -> Result<(), InputError> {
        let Self {
            high, low, close, ..
        } = *self;
        let fields = [
            ("high", high),
            ("low", low),
            ("close", close),
            ("volume", self.volume),
            ("notional", self.notional),
        ];
        fields.into_iter().try_for_each(|(f, v)| usable(f, v))?;
        if self.volume < 0.0 {
            let volume = self.volume;
            return Err(InputError::NegativeVolume { volume });
        }
        if close < low || close > high {
            return Err(InputError::OutsideRange { low, close, high });
        }
        Ok(())
    }
}

impl TopOfBook {
    fn check(&self) -> Result<(), InputError> {
        let Self { bid, ask, .. } = *self;
        usable("bid", bid)?;
        usable("ask", ask)?;
        if bid > ask {
            return Err(InputError::Crossed { bid, ask });
        }
        Ok(())
    }
}

fn usable(field: &'static str, value: f64) -> Result<(), InputError> {
    if !value.is_finite() {
        return Err(InputError::NotFinite { field, value });
    }
    if value.abs() > LARGEST {
        return Err(InputError::TooLarge { field, value });
    }
    Ok(())
}

pub(super) fn above_zero(field: &'static str, value: f64) -> Result<(), InputError> {
    if value < SMALLEST {
        return Err(InputError::NotPositive { field, value });
    }
    Ok(())
}

pub(super) fn not_back(
    field: &'static str,
    last: Option<i64>,
    value: i64,
) -> Result<(), InputError> {
    match last {
        Some(last) if value < last => Err(InputError::GoesBack { field, last, value }),
        _ => Ok(()),
    }
}

/// The part of a sample that a computation works on; None of a sample of another kind.
pub(super) trait FromSample: Sized {
    fn from_sample(sample: &Sample) -> Option<Self>;
}

pub(super) struct Close(pub f64);

impl FromSample for Close {
    fn from_sample(sample: &Sample) -> Option<Self> {
        match sample {
            Sample::Value(value) => Some(Self(*value)),
            Sample::Bar(candle) => Some(Self(candle.close)),
            Sample::Quote(_) => None,
        }
    }
}

pub(super) struct Traded(pub f64);

impl FromSample for Traded {
    fn from_sample(sample: &Sample) -> Option<Self> {
        match sample {
            Sample::Value(value) => Some(Self(*value)),
            Sample::Bar(candle) => Some(Self(candle.volume)),
            Sample::Quote(_) => None,
        }
    }
}

impl FromSample for Candle {
    fn from_sample(sample: &Sample) -> Option<Self> {
        match sample {
            Sample::Bar(candle) => Some(*candle),
            _ => None,
        }
    }
}

impl FromSample for TopOfBook {
    fn from_sample(sample: &Sample) -> Option<Self> {
        match sample {
            Sample::Quote(quote) => Some(*quote),
            _ => None,
        }
    }
}
