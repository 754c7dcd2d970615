//! Indicators, one sample in and one reading a line out. What each is, what it
//! needs and how it starts stands in [`DEFINITIONS`], from which its page is
//! generated too. The same samples give the same bits on any machine, and state
//! that was saved and restored goes on with the same bits.
//!
//! Sliding windows are folded and never subtracted from, so that nothing drifts;
//! averages that remember for ever forget their own rounding as fast as their input.

mod anomalies;
mod averages;
mod channels;
mod definition;
mod dispersion;
mod indicator;
mod momentum;
mod parameters;
mod range;
mod reference;
mod sample;
mod saved_state;
mod smoothing;
mod volume;
mod window;

pub use definition::{Definition, IndicatorLine, Need};
pub use indicator::{BuildError, Indicator, Reading, Readings, RestoreError, Saved};
pub use parameters::{Parameter, ParameterError};
pub use reference::reference;
pub use sample::{Candle, InputError, Reads, Sample, TopOfBook};

/// Every indicator there is.
pub static DEFINITIONS: &[Definition] = &[
    averages::SMA,
    averages::EMA,
    averages::WMA,
    momentum::RSI,
    momentum::MACD,
    channels::BOLLINGER,
    range::ATR,
    range::ADX,
    momentum::STOCHASTIC,
    volume::OBV,
    volume::VWAP,
    dispersion::Z_SCORE,
    momentum::RATE_OF_CHANGE,
    channels::DONCHIAN,
    channels::KELTNER,
    dispersion::REALISED_VOLATILITY,
    anomalies::VOLUME_SPIKE,
    anomalies::SPREAD_ANOMALY,
    anomalies::QUOTE_GAP,
];

#[cfg(test)]
mod library_tests;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
