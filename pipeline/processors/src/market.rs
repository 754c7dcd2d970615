//! Marks from quotes: the newest two-sided price of each symbol, one a commit.

use tapeline_model::ids::Symbol;
use tapeline_model::money::{Price, Rounding};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Mark, Quote, StateMark};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use crate::contract::{Input, Out, Processor, StateStore};
use crate::store::Store;

pub const NAME: &str = "market";

pub struct Market {
    marks: Store<Symbol, StateMark>,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            marks: Store::new("marks"),
        }
    }
}

impl Processor for Market {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[Input::keyed(Topic::MarketQuotes)];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[Topic::MarketMarks]
    }

    fn process(
        &mut self,
        _origin: Origin,
        event: &Event<'_>,
        _now: Micros,
        _out: &mut Out,
    ) -> Result<(), Refusal> {
        if let Event::Quote(quote) = event {
            check(quote)?;
            self.take(quote);
        }
        Ok(())
    }

    fn before_commit(&mut self, now: Micros, out: &mut Out) {
        for (symbol, mark) in self.marks.changed() {
            out.emit(Event::Mark(Mark {
                symbol: symbol.as_str().to_owned().into(),
                price: mark.price,
                bid_price: mark.bid_price,
                ask_price: mark.ask_price,
                quotes: mark.quotes,
                event_time: mark.event_time,
                ingest_time: now,
                source: NAME.into(),
            }));
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![&mut self.marks]
    }
}

impl Market {
    fn take(&mut self, quote: &Quote<'_>) {
        // One-sided and crossed quotes say nothing about the price between.
        let two_sided = quote.bid_size.is_positive() && quote.ask_size.is_positive();
        if !two_sided || quote.bid_price > quote.ask_price {
            return;
        }
        let Some(mark) = self.marks.change(quote.symbol.as_ref()) else {
            let symbol = Symbol::new(quote.symbol.as_ref());
            self.marks.put(symbol, mark_of(quote, 1));
            return;
        };
        // A late quote counts, but the newer price stands.
        let quotes = mark.quotes.saturating_add(1);
        if quote.event_time < mark.event_time {
            mark.quotes = quotes;
        } else {
            *mark = mark_of(quote, quotes);
        }
    }
}

fn mark_of(quote: &Quote<'_>, quotes: i64) -> StateMark {
    StateMark {
        price: Price::mid(quote.bid_price, quote.ask_price, Rounding::HalfEven),
        bid_price: quote.bid_price,
        ask_price: quote.ask_price,
        quotes,
        event_time: quote.event_time,
    }
}

fn check(quote: &Quote<'_>) -> Result<(), Refusal> {
    for (side, size) in [("bid", quote.bid_size), ("ask", quote.ask_size)] {
        if size.is_negative() {
            let message = format!(
                "quote of {}: {side} size {size} is below zero",
                quote.symbol
            );
            return Err(Refusal::new(Reason::NegativeSize, message));
        }
    }
    if !quote.event_time.is_storable() {
        let message = format!(
            "quote of {}: event time {} lies outside 1970 to 2262; times are microseconds",
            quote.symbol, quote.event_time.0
        );
        return Err(Refusal::new(Reason::BadTime, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Origin = Origin {
        topic: Topic::MarketQuotes,
        partition: 0,
        offset: 0,
    };

    fn quote(symbol: &'static str, bid: &str, ask: &str, time: i64) -> Quote<'static> {
        Quote {
            symbol: symbol.into(),
            venue: "XNAS".into(),
            seq: 0,
            bid_price: bid.parse().unwrap(),
            ask_price: ask.parse().unwrap(),
            bid_size: "1".parse().unwrap(),
            ask_size: "1".parse().unwrap(),
            event_time: Micros(time),
            ingest_time: Micros(time),
            source: "test".into(),
        }
    }

    fn take(market: &mut Market, quote: Quote<'static>) -> Result<(), Refusal> {
        let mut out = Out::default();
        let result = market.process(AT, &Event::Quote(quote), Micros(9), &mut out);
        assert!(out.is_empty(), "marks wait for the commit");
        result
    }

    /// Commits, and returns what went out: symbol, price, quotes.
    fn commit(market: &mut Market) -> Vec<(String, String, i64)> {
        let mut out = Out::default();
        market.before_commit(Micros(10), &mut out);
        market.marks.drain_changes(&mut |_, _| {}).unwrap();
        out.drain()
            .map(|event| match event {
                Event::Mark(m) => (m.symbol.into_owned(), m.price.to_string(), m.quotes),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn row(symbol: &str, price: &str, quotes: i64) -> (String, String, i64) {
        (symbol.into(), price.into(), quotes)
    }

    #[test]
    fn quotes_are_conflated_to_one_mark_a_commit() {
        let mut market = Market::default();
        take(&mut market, quote("B", "10", "10.02", 1)).unwrap();
        take(&mut market, quote("A", "5", "5.01", 2)).unwrap();
        take(&mut market, quote("B", "11", "11.04", 3)).unwrap();
        assert_eq!(
            commit(&mut market),
            [row("B", "11.02", 2), row("A", "5.005", 1)]
        );
        assert_eq!(commit(&mut market), []);
    }

    #[test]
    fn a_late_quote_does_not_move_the_mark() {
        let mut market = Market::default();
        take(&mut market, quote("A", "10", "12", 5)).unwrap();
        take(&mut market, quote("A", "1", "3", 4)).unwrap();
        assert_eq!(commit(&mut market), [row("A", "11", 2)]);
    }

    #[test]
    fn crossed_and_one_sided_quotes_make_no_mark() {
        let mut market = Market::default();
        take(&mut market, quote("A", "12", "10", 1)).unwrap();
        let mut one_sided = quote("A", "12", "0", 1);
        one_sided.ask_size = "0".parse().unwrap();
        take(&mut market, one_sided).unwrap();
        assert_eq!(commit(&mut market), []);
    }

    #[test]
    fn a_negative_size_is_refused_and_changes_nothing() {
        let mut market = Market::default();
        let mut bad = quote("A", "10", "12", 1);
        bad.ask_size = "-1".parse().unwrap();
        let refusal = take(&mut market, bad).unwrap_err();
        assert_eq!(refusal.reason, Reason::NegativeSize);
        assert_eq!(refusal.message, "quote of A: ask size -1 is below zero");
        assert_eq!(commit(&mut market), []);
    }

    #[test]
    fn a_time_the_store_cannot_hold_is_refused() {
        let refusal = take(&mut Market::default(), quote("A", "1", "2", -1)).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadTime);
    }
}
