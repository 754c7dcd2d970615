//! Prices as the ledger takes them, from the marks of symbols.

use tapeline_model::Micros;
use tapeline_model::ids::Symbol;
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{MarkBasis, StateMark};

use super::RiskSettings;
use crate::ledger::{Currency, Positive, Prices, Quoted, Rate, Rates};
use crate::store::Store;

/// Each price that the mark holds; none of a symbol without a mark.
pub(super) fn of(mark: Option<&StateMark>) -> Prices {
    let Some(mark) = mark else {
        return Prices::default();
    };
    let quoted = |price: Price, time: Micros| Some(Quoted { price, time });
    let time = mark.event_time;
    let last = mark.last_price;
    let last = last.and_then(|price| quoted(price, mark.last_time.unwrap_or(time)));
    let two_sided = mark.basis == MarkBasis::Mid;
    let when = |is: bool, price: Price| if is { quoted(price, time) } else { None };
    Prices {
        mark: when(two_sided, mark.price),
        bid: when(two_sided || mark.basis == MarkBasis::Bid, mark.bid_price),
        ask: when(two_sided || mark.basis == MarkBasis::Ask, mark.ask_price),
        last: when(mark.basis == MarkBasis::Last, mark.price).or(last),
    }
}

/// The rate that a symbol's price is, if it is one; a price that is not above zero is none.
pub(super) fn rate(
    settings: &RiskSettings,
    symbol: &str,
    price: Price,
    time: Micros,
) -> Option<(Currency, Rate)> {
    let mut sources = settings.rates.iter();
    let (currency, source) = sources.find(|(_, source)| source.symbol.as_str() == symbol)?;
    let price = Positive::try_from(Quantity::from_raw(price.raw())?).ok()?;
    let (base, other) = if source.inverse {
        (Positive::ONE, price)
    } else {
        (price, Positive::ONE)
    };
    Some((*currency, Rate { base, other, time }))
}

pub(super) fn rates(settings: &RiskSettings, marks: &Store<Symbol, StateMark>) -> Rates {
    let mut rates = Rates::into(settings.currency);
    for source in settings.rates.values() {
        let mark = marks.get(&source.symbol);
        let rate = mark.and_then(|m| rate(settings, source.symbol.as_str(), m.price, m.event_time));
        if let Some((currency, rate)) = rate {
            rates.set(currency, rate);
        }
    }
    rates
}
