//! Marks from quotes: the newest two-sided price of each symbol, one a commit;
//! and what a single quote says that somebody should know at once.

mod spread;

use tapeline_model::ids::Symbol;
use tapeline_model::money::{Price, Rounding};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Mark, MarkBasis, Quote, StateMark};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::spread::Crossing;
use crate::contract::{Haste, Input, Out, Processor, StateStore};
use crate::store::Store;

pub const NAME: &str = "market";

/// What the processor is told; without a limit, it does not judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarketSettings {
    /// A spread beyond this many basis points of the price between is alerted.
    pub wide_spread_bps: Option<u32>,
}

pub struct Market {
    settings: MarketSettings,
    marks: Store<Symbol, StateMark>,
}

impl Default for Market {
    fn default() -> Self {
        Self::new(MarketSettings::default())
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
        &[Topic::MarketMarks, Topic::Alerts]
    }

    /// Portfolios are revalued with the marks.
    fn haste(&self) -> Haste {
        Haste::Prompt
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        if let Event::Quote(quote) = event {
            check(quote)?;
            self.take(quote, origin, now, out);
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
                basis: MarkBasis::Mid,
                last_price: None,
                last_time: None,
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
    pub fn new(settings: MarketSettings) -> Self {
        Self {
            settings,
            marks: Store::new("marks"),
        }
    }

    fn take(&mut self, quote: &Quote<'_>, origin: Origin, now: Micros, out: &mut Out) {
        // One-sided and crossed quotes say nothing about the price between.
        let two_sided = quote.bid_size.is_positive() && quote.ask_size.is_positive();
        if !two_sided || quote.bid_price > quote.ask_price {
            return;
        }
        let limit = self.settings.wide_spread_bps;
        let Some(mark) = self.marks.change(quote.symbol.as_ref()) else {
            let mut mark = mark_of(quote, 1, false);
            judge(limit, &mut mark, quote, origin, now, out);
            self.marks.put(Symbol::new(quote.symbol.as_ref()), mark);
            return;
        };
        // A late quote counts, but the newer price stands.
        let quotes = mark.quotes.saturating_add(1);
        if quote.event_time < mark.event_time {
            mark.quotes = quotes;
        } else {
            *mark = mark_of(quote, quotes, mark.wide);
            judge(limit, mark, quote, origin, now, out);
        }
    }
}

fn judge(
    limit: Option<u32>,
    mark: &mut StateMark,
    quote: &Quote<'_>,
    origin: Origin,
    now: Micros,
    out: &mut Out,
) {
    let Some(limit) = limit else {
        return;
    };
    if let Some(crossing) = spread::crossed(quote, mark.price, limit, mark.wide) {
        mark.wide = crossing == Crossing::Wide;
        let alert = spread::alert(quote, mark.price, limit, crossing, origin, now);
        out.emit(Event::Alert(alert));
    }
}

fn mark_of(quote: &Quote<'_>, quotes: i64, wide: bool) -> StateMark {
    StateMark {
        price: Price::mid(quote.bid_price, quote.ask_price, Rounding::HalfEven),
        bid_price: quote.bid_price,
        ask_price: quote.ask_price,
        quotes,
        event_time: quote.event_time,
        wide,
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
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
    use tapeline_model::records::Severity;

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

    /// A market with a limit of 100 basis points, and what each quote alerts.
    fn alerts_of(quotes: &[(&str, &str)]) -> Vec<Option<(Severity, String)>> {
        let mut market = Market::new(MarketSettings {
            wide_spread_bps: Some(100),
        });
        let mut out = Out::default();
        let mut each = |time, (bid, ask): (&str, &str)| {
            let mut quote = quote("A", "1", "1", time);
            quote.bid_price = bid.parse().unwrap();
            quote.ask_price = ask.parse().unwrap();
            market
                .process(AT, &Event::Quote(quote), Micros(9), &mut out)
                .unwrap();
            let mut events = out.drain();
            events.next().map(|event| match event {
                Event::Alert(alert) => (alert.severity, alert.message),
                other => panic!("{other:?}"),
            })
        };
        let times = 1..;
        times.zip(quotes).map(|(time, q)| each(time, *q)).collect()
    }

    #[test]
    fn a_spread_is_told_when_it_gets_wide_and_when_it_is_well_back() {
        // 99.5 to 100.5 is exactly 100 bp of 100; 99.6 to 100.4 exactly 80 bp.
        let quotes = [
            ("99.5", "100.5"),
            ("99.49", "100.51"),
            ("99", "101"),
            ("99.59", "100.41"),
            ("99.6", "100.4"),
            ("99.99", "100.01"),
        ];
        let told = alerts_of(&quotes);
        let wide = "A is quoted 99.49 to 100.51, 102 basis points apart, beyond its limit of 100";
        let back = "A is quoted 99.6 to 100.4, 80 basis points apart, back within its limit of 100";
        let expected = [
            None,
            Some((Severity::Warning, wide.to_owned())),
            None,
            None,
            Some((Severity::Info, back.to_owned())),
            None,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn prices_at_and_below_zero_have_no_spread_in_basis_points() {
        assert_eq!(
            alerts_of(&[("-1", "1"), ("-3", "-2"), ("0", "0")]),
            [None, None, None]
        );
    }

    #[test]
    fn a_restart_does_not_tell_again() {
        let settings = MarketSettings {
            wide_spread_bps: Some(100),
        };
        let mut before = Market::new(settings);
        let mut out = Out::default();
        let wide = Event::Quote(quote("A", "90", "110", 1));
        before.process(AT, &wide, Micros(9), &mut out).unwrap();
        assert_eq!(out.drain().count(), 1);
        let mut after = Market::new(settings);
        before
            .marks
            .drain_changes(&mut |key, value| after.marks.restore(key, value).unwrap())
            .unwrap();
        let still = Event::Quote(quote("A", "90", "111", 2));
        after.process(AT, &still, Micros(9), &mut out).unwrap();
        assert!(out.is_empty());
    }
}
