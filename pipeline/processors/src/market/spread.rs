//! Spreads that are too wide to trade on: the first price that one gets is far
//! from the one that was shown.

use tapeline_model::ids::output_id;
use tapeline_model::money::{Money, Price};
use tapeline_model::records::{Alert, Quote, Severity};
use tapeline_model::{Micros, Origin};

use super::NAME;

const WIDE_SPREAD: &str = "wide_spread";
/// A spread is no longer wide once it is within this many hundredths of the limit.
const RECOVERED_PERCENT: i128 = 80;
/// A whole is ten thousand basis points.
const BASIS: i128 = 10_000;
const UNITS: i128 = 100_000_000;

/// Which way a spread went over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    Wide,
    Back,
}

/// A price between that is not above zero has no spread in basis points.
pub(super) fn crossed(
    quote: &Quote<'_>,
    mid: Price,
    limit_bps: u32,
    wide: bool,
) -> Option<Crossing> {
    if !mid.is_positive() {
        return None;
    }
    let spread = width(quote) * BASIS;
    let limit = i128::from(mid.raw()) * i128::from(limit_bps);
    if !wide && spread > limit {
        return Some(Crossing::Wide);
    }
    (wide && spread * 100 <= limit * RECOVERED_PERCENT).then_some(Crossing::Back)
}

pub(super) fn alert(
    quote: &Quote<'_>,
    mid: Price,
    limit_bps: u32,
    crossing: Crossing,
    origin: Origin,
    now: Micros,
) -> Alert {
    let (severity, state) = match crossing {
        Crossing::Wide => (Severity::Warning, "beyond"),
        Crossing::Back => (Severity::Info, "back within"),
    };
    let (topic, symbol) = (origin.topic.name(), quote.symbol.as_ref());
    let value = basis_points(quote, mid);
    let shown = value.map_or_else(|| "too many".to_owned(), |value| value.to_string());
    Alert {
        alert_id: output_id(
            topic,
            origin.partition,
            origin.offset,
            "alert/wide_spread",
            0,
        ),
        key: format!("{symbol}/{WIDE_SPREAD}"),
        subject: symbol.to_owned(),
        rule: WIDE_SPREAD.to_owned(),
        severity,
        message: format!(
            "{symbol} is quoted {} to {}, {shown} basis points apart, {state} its limit of {limit_bps}",
            quote.bid_price, quote.ask_price
        ),
        value,
        limit: Money::from_raw(i128::from(limit_bps) * UNITS),
        procedure: "wide-spread".to_owned(),
        cause_topic: topic.to_owned(),
        cause_partition: origin.partition as i32,
        cause_offset: origin.offset as i64,
        event_time: quote.event_time,
        ingest_time: now,
        source: NAME.to_owned(),
    }
}

/// To two places, cut off: more would say nothing.
fn basis_points(quote: &Quote<'_>, mid: Price) -> Option<Money> {
    let hundredths = width(quote) * BASIS * 100 / i128::from(mid.raw());
    Money::from_raw(hundredths * (UNITS / 100))
}

fn width(quote: &Quote<'_>) -> i128 {
    i128::from(quote.ask_price.raw()) - i128::from(quote.bid_price.raw())
}
