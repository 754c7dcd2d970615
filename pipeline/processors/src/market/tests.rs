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
        ..MarketSettings::default()
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
        alerts_of(&[("-1", "1"), ("-3", "-2"), ("-1", "0")]),
        [None, None, None]
    );
}

#[test]
fn a_restart_does_not_tell_again() {
    let settings = MarketSettings {
        wide_spread_bps: Some(100),
        ..MarketSettings::default()
    };
    let mut before = Market::new(settings.clone());
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

/// Commits, and returns each mark as `price basis bid/ask last@time`.
fn marks(market: &mut Market) -> Vec<String> {
    let mut out = Out::default();
    market.before_commit(Micros(10), &mut out);
    market.marks.drain_changes(&mut |_, _| {}).unwrap();
    let shown = |event| match event {
        Event::Mark(m) => {
            let last = m.last_price.zip(m.last_time);
            let last = last.map_or("-".to_owned(), |(p, t)| format!("{p}@{}", t.0));
            let (price, basis) = (m.price, m.basis);
            format!("{price} {basis} {}/{} {last}", m.bid_price, m.ask_price)
        }
        other => panic!("{other:?}"),
    };
    out.drain().map(shown).collect()
}

fn one_sided(bid: &str, ask: &str, time: i64) -> Quote<'static> {
    let mut quote = quote("A", "0", "0", time);
    for (text, price, size) in [
        (bid, &mut quote.bid_price, &mut quote.bid_size),
        (ask, &mut quote.ask_price, &mut quote.ask_size),
    ] {
        if text == "-" {
            *size = "0".parse().unwrap();
        } else {
            *price = text.parse().unwrap();
        }
    }
    quote
}

fn print(id: &'static str, price: &str, time: i64) -> Trade<'static> {
    Trade {
        kind: TradeKind::Trade,
        trade_id: id.into(),
        ref_trade_id: None,
        symbol: "A".into(),
        venue: "XNAS".into(),
        seq: time,
        price: price.parse().unwrap(),
        size: "1".parse().unwrap(),
        event_time: Micros(time),
        ingest_time: Micros(time),
        source: "test".into(),
    }
}

/// The messages of the alerts that come of a record; `now` is its time.
fn feed(market: &mut Market, event: Event<'static>) -> Vec<String> {
    let mut out = Out::default();
    let now = event.event_time();
    market.process(AT, &event, now, &mut out).unwrap();
    let message = |event| match event {
        Event::Alert(alert) => alert.message,
        other => panic!("{other:?}"),
    };
    out.drain().map(message).collect()
}

#[test]
fn one_side_counts_only_where_both_are_unknown_or_old() {
    let mut market = Market::new(MarketSettings {
        quote_staleness_ms: Some(10),
        ..MarketSettings::default()
    });
    take(&mut market, one_sided("10", "-", 1)).unwrap();
    assert_eq!(marks(&mut market), ["10 BID 10/10 -"]);
    take(&mut market, one_sided("-", "12", 2)).unwrap();
    assert_eq!(marks(&mut market), ["12 ASK 12/12 -"]);
    take(&mut market, one_sided("10", "12", 3)).unwrap();
    assert_eq!(marks(&mut market), ["11 MID 10/12 -"]);
    take(&mut market, one_sided("9", "-", 10_003)).unwrap();
    assert_eq!(
        marks(&mut market),
        [""; 0],
        "both sides are 10 ms old, not older"
    );
    take(&mut market, one_sided("9", "-", 10_004)).unwrap();
    assert_eq!(marks(&mut market), ["9 BID 9/9 -"]);
    take(&mut market, one_sided("8", "-", 10_003)).unwrap();
    take(&mut market, one_sided("-", "-", 10_005)).unwrap();
    assert_eq!(marks(&mut market), [""; 0], "late, and nothing at all");
}

#[test]
fn a_trade_is_the_last_price_and_the_mark_where_there_is_no_quote() {
    let mut market = Market::default();
    feed(&mut market, Event::Trade(print("a", "10", 5)));
    assert_eq!(marks(&mut market), ["10 LAST 10/10 10@5"]);
    feed(&mut market, Event::Trade(print("b", "-3", 6)));
    feed(&mut market, Event::Trade(print("late", "9", 4)));
    assert_eq!(marks(&mut market), ["-3 LAST -3/-3 -3@6"]);
    take(&mut market, quote("A", "11", "12", 7)).unwrap();
    feed(&mut market, Event::Trade(print("c", "20", 8)));
    assert_eq!(marks(&mut market), ["11.5 MID 11/12 20@8"]);
    feed(&mut market, Event::Trade(print("late", "9", 4)));
    assert_eq!(marks(&mut market), [""; 0]);
}

#[test]
fn a_crossed_quote_never_moves_the_price_and_is_told_now_and_then() {
    let mut market = Market::default();
    take(&mut market, quote("A", "10", "12", 1)).unwrap();
    commit(&mut market);
    let crossed = |time| Event::Quote(quote("A", "13", "12", time));
    let told = feed(&mut market, crossed(2));
    assert_eq!(
        told,
        ["A is quoted crossed, bid 13 above ask 12: the quote is not used"]
    );
    assert!(feed(&mut market, crossed(60_000_001)).is_empty());
    assert_eq!(feed(&mut market, crossed(60_000_002)).len(), 1);
    assert_eq!(commit(&mut market), []);
}

#[test]
fn a_locked_quote_is_used_and_told() {
    let mut market = Market::default();
    let locked = Event::Quote(quote("A", "0", "0", 1));
    let told = feed(&mut market, locked.clone());
    assert_eq!(
        told,
        ["A is quoted locked, bid and ask are both 0: the price is used"]
    );
    assert!(feed(&mut market, locked).is_empty());
    assert_eq!(commit(&mut market), [row("A", "0", 2)]);
}

fn jumpy() -> Market {
    Market::new(MarketSettings {
        max_jump_percent: Some(200),
        jump_confirm_ms: 1,
        ..MarketSettings::default()
    })
}

#[test]
fn a_jump_is_not_used_unless_the_price_stays_there() {
    let mut market = jumpy();
    let at = |price, time| Event::Quote(quote("A", price, price, time));
    feed(&mut market, at("10", 1));
    let jump = "A is quoted at 20.01 after 10, a jump beyond 200 percent: \
                the price is not used unless it stays there";
    assert_eq!(feed(&mut market, at("20.01", 100)), [jump]);
    let told = feed(&mut market, at("20.01", 101));
    assert!(told.is_empty(), "told already: {told:?}");
    assert_eq!(commit(&mut market), [row("A", "10", 1)]);
    // A good price in between begins the wait anew.
    feed(&mut market, at("11", 500));
    assert!(feed(&mut market, at("30", 1_200)).is_empty());
    assert!(feed(&mut market, at("31", 2_199)).is_empty());
    let told = feed(&mut market, at("32", 2_200));
    assert_eq!(
        told,
        ["A is quoted at 32 after 11, and has been for a while: the price is used"]
    );
    assert_eq!(commit(&mut market), [row("A", "32", 3)]);
}

#[test]
fn a_trade_that_jumps_changes_nothing_either() {
    let mut market = jumpy();
    feed(&mut market, Event::Quote(quote("A", "10", "10.1", 1)));
    commit(&mut market);
    let told = feed(&mut market, Event::Trade(print("a", "100", 2)));
    assert_eq!(told.len(), 1);
    assert_eq!(marks(&mut market), [""; 0]);
    feed(&mut market, Event::Trade(print("b", "100", 1_002)));
    assert_eq!(
        marks(&mut market),
        ["10.05 MID 10/10.1 100@1002"],
        "it stayed there"
    );
}

#[test]
fn what_is_ahead_of_the_clock_is_refused() {
    let mut market = Market::new(MarketSettings {
        max_ahead_ms: Some(1),
        ..MarketSettings::default()
    });
    let mut out = Out::default();
    for (event, allowed) in [
        (Event::Quote(quote("A", "1", "2", 1_009)), true),
        (Event::Quote(quote("A", "1", "2", 1_010)), false),
        (Event::Trade(print("a", "1", 1_010)), false),
    ] {
        let result = market.process(AT, &event, Micros(9), &mut out);
        let refused = result.err().map(|refusal| refusal.reason);
        assert_eq!(refused, (!allowed).then_some(Reason::BadTime));
    }
    assert_eq!(commit(&mut market), [row("A", "1.5", 1)]);
}

#[test]
fn trades_that_say_too_little_are_refused() {
    let mut market = Market::default();
    let mut refuse = |change: fn(&mut Trade<'static>)| {
        let mut trade = print("a", "1", 1);
        change(&mut trade);
        let mut out = Out::default();
        let result = market.process(AT, &Event::Trade(trade), Micros(9), &mut out);
        assert!(out.is_empty());
        result.unwrap_err().reason
    };
    assert_eq!(
        refuse(|t| t.size = "0".parse().unwrap()),
        Reason::BadQuantity
    );
    assert_eq!(refuse(|t| t.kind = TradeKind::Cancel), Reason::UnknownTrade);
    assert_eq!(
        refuse(|t| t.kind = TradeKind::Correction),
        Reason::UnknownTrade
    );
    assert_eq!(refuse(|t| t.event_time = Micros(-1)), Reason::BadTime);
    assert_eq!(commit(&mut market), []);
}

#[test]
fn a_mark_goes_on_after_a_restart() {
    let mut before = Market::default();
    feed(&mut before, Event::Trade(print("a", "10", 5)));
    let mut after = Market::default();
    before
        .marks
        .drain_changes(&mut |key, value| after.marks.restore(key, value).unwrap())
        .unwrap();
    feed(&mut after, Event::Trade(print("late", "9", 4)));
    assert_eq!(marks(&mut after), [""; 0]);
    feed(&mut after, Event::Trade(print("b", "11", 6)));
    assert_eq!(marks(&mut after), ["11 LAST 11/11 11@6"]);
}

#[test]
fn all_faults_of_the_settings_are_told_at_once() {
    let bars = |symbols: &[&str]| BarSettings {
        symbols: symbols.iter().map(|s| (*s).to_owned()).collect(),
        ..BarSettings::default()
    };
    let settings = MarketSettings {
        max_ahead_ms: Some(-1),
        max_jump_percent: Some(100),
        flag_again_ms: 0,
        bars: vec![
            bars(&["A", "B"]),
            BarSettings {
                lateness_ms: -5,
                intervals: vec![crate::signals::Interval::Quote],
                ..bars(&["B"])
            },
            bars(&[]),
        ],
        ..MarketSettings::default()
    };
    let faults = settings.faults();
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let expected = [
        "max_jump_percent: 100 is no jump: write more than 100, like 300 for three times the last price",
        "max_ahead_ms: -1 is not allowed: write 0 to 86400000",
        "flag_again_ms: 0 is not allowed: write 1000 to 86400000",
        "bars[1].intervals: quote is no interval of bars: write 1s, 1m, 5m, 1h or 1d",
        "bars[1]: -5 ms, 500 prints: a lateness of -5 ms is not allowed: write 0 to 86400000",
        "bars[1].symbols: B has bars already: list it once",
        "bars[2].symbols: [] names no symbol: list some, or write [\"*\"]",
    ];
    assert_eq!(shown, expected);
}
