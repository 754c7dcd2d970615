//! Bars from trades or mid-quotes. A bar is published when event time has passed its
//! end, and again, with the next revision, when a late, corrected or
//! cancelled print changes it. What comes too late for that is refused by name.
//!
//! Every bar is the fold, in the order of event time, of the prints it holds, and
//! all frames give up on a print at the same moment: a higher bar is at any time
//! exactly the fold of the lower bars inside it.

mod frame;
mod ohlcv;
mod print;
mod series;

use tapeline_model::Micros;

pub use frame::Frame;
pub use ohlcv::{Ohlcv, Volume};
pub use print::{Print, PrintError};
pub use series::{Retention, RetentionError, Series};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub frame: Frame,
    /// Its first moment; it ends where the next one starts.
    pub start: Micros,
    /// 0 when published first, one more each time it is published again.
    pub revision: i32,
    pub ohlcv: Ohlcv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarEvent {
    /// Told for the first time.
    Closed(Bar),
    /// Replaces what was published before.
    Amended(Bar),
    /// Nothing is left of a bar that was published: each of its prints was cancelled.
    Withdrawn {
        frame: Frame,
        start: Micros,
        revision: i32,
        /// As it was published before.
        was: Ohlcv,
    },
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
