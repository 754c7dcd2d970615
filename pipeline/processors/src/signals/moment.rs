use tapeline_model::ids::Symbol;
use tapeline_model::money::{Price, Rounding};
use tapeline_model::records::Quote;
use tapeline_model::{Micros, Origin};

use crate::bars::{Bar, Ohlcv};
use crate::indicators::{Candle, InputError, Reads, Sample, TopOfBook};

use super::settings::{BarField, Interval};

/// Units of 10⁻⁸ in one.
const UNITS: f64 = 1e8;

/// What rules look at: a bar that was closed, or a quote.
pub(super) struct Moment<'a> {
    pub symbol: &'a Symbol,
    pub interval: Interval,
    /// Where the bar starts, or when the quote came: it only grows.
    pub start: Micros,
    /// The first moment at which this is known.
    pub time: Micros,
    /// The last moment that this is about.
    pub last: Micros,
    pub price: Price,
    /// The newest record that it is made of.
    pub origin: Origin,
    pub now: Micros,
    observed: Observed,
}

enum Observed {
    Bar(Ohlcv, Candle),
    Quote(TopOfBook, f64),
}

impl<'a> Moment<'a> {
    pub fn of_bar(
        symbol: &'a Symbol,
        interval: Interval,
        bar: &Bar,
        origin: Origin,
        now: Micros,
    ) -> Result<Self, InputError> {
        let end = bar.frame.end_of(bar.start);
        Ok(Self {
            symbol,
            interval,
            start: bar.start,
            time: end,
            last: Micros(end.0 - 1),
            price: bar.ohlcv.close,
            origin,
            now,
            observed: Observed::Bar(bar.ohlcv, Candle::try_from(bar)?),
        })
    }

    pub fn of_quote(symbol: &'a Symbol, quote: &Quote<'_>, origin: Origin, now: Micros) -> Self {
        let time = quote.event_time;
        let mid = Price::mid(quote.bid_price, quote.ask_price, Rounding::HalfEven);
        let top = TopOfBook {
            time,
            bid: float(quote.bid_price),
            ask: float(quote.ask_price),
        };
        Self {
            symbol,
            interval: Interval::Quote,
            start: time,
            time,
            last: time,
            price: mid,
            origin,
            now,
            observed: Observed::Quote(top, float(mid)),
        }
    }

    /// Each bar is looked at once; quotes of one moment may be several.
    pub fn is_behind(&self, newest: Option<Micros>) -> bool {
        newest.is_some_and(|newest| match self.observed {
            Observed::Bar(..) => self.start <= newest,
            Observed::Quote(..) => self.start < newest,
        })
    }

    pub fn sample(&self, reads: Reads) -> Option<Sample> {
        match (&self.observed, reads) {
            (Observed::Bar(_, candle), Reads::Price | Reads::Volume | Reads::Bar) => {
                Some(Sample::Bar(*candle))
            }
            (Observed::Quote(top, _), Reads::Quote) => Some(Sample::Quote(*top)),
            (Observed::Quote(_, mid), Reads::Price) => Some(Sample::Value(*mid)),
            _ => None,
        }
    }

    pub fn field(&self, field: BarField) -> Option<f64> {
        match (&self.observed, field) {
            (Observed::Bar(bar, _), BarField::Open) => Some(float(bar.open)),
            (Observed::Bar(_, candle), BarField::High) => Some(candle.high),
            (Observed::Bar(_, candle), BarField::Low) => Some(candle.low),
            (Observed::Bar(_, candle), BarField::Close) => Some(candle.close),
            (Observed::Bar(_, candle), BarField::Volume) => Some(candle.volume),
            (Observed::Quote(_, mid), BarField::Close) => Some(*mid),
            (Observed::Quote(..), _) => None,
        }
    }
}

fn float(price: Price) -> f64 {
    price.raw() as f64 / UNITS
}
