use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::Price;
use tapeline_model::records::{Mark, MarkBasis, Quote, StateMark, Trade};
use tapeline_schemas::codec::Record;

use super::NAME;
use super::studies::StudyId;

/// A symbol's mark, and beside it, found with the same look-up, what else is
/// computed of the symbol. Only the mark is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SymbolMark {
    pub mark: StateMark,
    #[serde(skip)]
    pub follow: Follow,
}

impl Record for SymbolMark {
    const RECORD: &'static str = StateMark::RECORD;
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Follow {
    #[default]
    Unasked,
    Nothing,
    Plan(StudyId),
}

impl SymbolMark {
    pub fn new(mark: StateMark) -> Self {
        Self {
            mark,
            follow: Follow::Unasked,
        }
    }

    pub fn record(&self, symbol: &str, now: Micros) -> Mark<'static> {
        let mark = &self.mark;
        Mark {
            symbol: symbol.to_owned().into(),
            price: mark.price,
            bid_price: mark.bid_price,
            ask_price: mark.ask_price,
            quotes: mark.quotes,
            basis: mark.basis,
            last_price: mark.last_price,
            last_time: mark.last_time,
            event_time: mark.event_time,
            ingest_time: now,
            source: NAME.into(),
        }
    }
}

/// The first mark of a symbol. Where only one price is known, it stands for all three.
pub(super) fn first(price: Price, basis: MarkBasis, event_time: Micros) -> StateMark {
    StateMark {
        price,
        bid_price: price,
        ask_price: price,
        quotes: 0,
        event_time,
        wide: false,
        basis,
        last_price: None,
        last_time: None,
    }
}

/// A newer quote with both sides.
pub(super) fn both_sides(mark: &mut StateMark, quote: &Quote<'_>, mid: Price) {
    mark.price = mid;
    mark.bid_price = quote.bid_price;
    mark.ask_price = quote.ask_price;
    mark.event_time = quote.event_time;
    mark.basis = MarkBasis::Mid;
}

/// A newer price that stands alone.
pub(super) fn alone(mark: &mut StateMark, price: Price, basis: MarkBasis, time: Micros) {
    mark.price = price;
    mark.bid_price = price;
    mark.ask_price = price;
    mark.event_time = time;
    mark.basis = basis;
}

/// Whether one side, of this time, says more than what is known: both sides of a
/// quote count more unless they are old, and a trade counts less.
pub(super) fn gives_way(mark: &StateMark, time: Micros, staleness: Option<i64>) -> bool {
    let age = time.since(mark.event_time);
    let is_old = || staleness.is_some_and(|allowed| age > allowed);
    age >= 0 && (mark.basis != MarkBasis::Mid || is_old())
}

/// Whether a trade changes anything: the newest one is the last, and the mark where
/// there is no quote.
pub(super) fn is_newest(mark: &StateMark, trade: &Trade<'_>) -> bool {
    mark.last_time.is_none_or(|last| trade.event_time >= last)
}

pub(super) fn traded(mark: &mut StateMark, price: Price, time: Micros) {
    mark.last_price = Some(price);
    mark.last_time = Some(time);
    if mark.basis == MarkBasis::Last {
        // A mark's time never goes back.
        let time = time.max(mark.event_time);
        alone(mark, price, MarkBasis::Last, time);
    }
}
