//! A few rows whose trades and equity are worked by hand.

use tapeline_backtest::History;
use tapeline_model::Event;
use tapeline_model::records::{Direction, Side};
use tapeline_processors::market::{BarSettings, BarsOf};
use tapeline_processors::signals::Interval;
use tapeline_processors::strategy::{InstanceSettings, RangeSettings, Sides, TradeSettings};

use crate::files::file;
use crate::harness::{
    Ran, Silent, backtest, bars, instance, millis, paper, processors, quote, risk,
};

/// The second, and the price between; bid and ask are half a dollar away.
const MIDS: [(i64, &str, &str, &str); 18] = [
    (0, "99.5", "100", "100.5"),
    (1, "100.5", "101", "101.5"),
    (2, "102.5", "103", "103.5"),
    (3, "104.5", "105", "105.5"),
    (4, "105.5", "106", "106.5"),
    (5, "101.5", "102", "102.5"),
    (6, "99.5", "100", "100.5"),
    (7, "98.5", "99", "99.5"),
    (8, "98.5", "99", "99.5"),
    (9, "99.5", "100", "100.5"),
    (10, "101.5", "102", "102.5"),
    (11, "103.5", "104", "104.5"),
    (12, "109.5", "110", "110.5"),
    (13, "111.5", "112", "112.5"),
    (14, "107.5", "108", "108.5"),
    (15, "106.5", "107", "107.5"),
    (16, "108.5", "109", "109.5"),
    (20, "108.5", "109", "109.5"),
];

/// Breaks out of the range of two bars of a second, long only, ten shares at a time,
/// a dollar a fill.
fn ran() -> Ran {
    let breakout = TradeSettings::Breakout(RangeSettings { period: 2 });
    let processors = processors(
        vec![bars("A", BarsOf::Mids)],
        vec![instance("s", "A", breakout, Sides::Long)],
    );
    let quotes = MIDS.map(|(second, bid, _, ask)| Ok(quote(millis(second * 1_000), "A", bid, ask)));
    backtest(processors, quotes)
}

/// Second 3 ends the bar of second 2: its close 103 is above 101, the highest of the
/// two before. Bought at the ask of second 4: 106.5.
///
/// Second 6 ends that of second 5: 102 is below 105, the lowest of the two before.
/// Sold at the bid of second 7: 98.5. That is 10 × (98.5 − 106.5) − 2 = −82.
///
/// Second 10 ends that of second 9: 100 is above 99. Bought at the ask of second 11:
/// 104.5. Second 15 ends that of second 14: 108 is below 110. Sold at the bid of
/// second 16: 108.5. That is 10 × (108.5 − 104.5) − 2 = 38.
#[test]
fn trades_come_out_as_worked_by_hand() {
    let ran = ran();
    let shown: Vec<String> = ran
        .trades
        .iter()
        .map(|t| {
            let second = |time: tapeline_model::Micros| time.since(millis(0)) / 1_000_000;
            format!(
                "{} {} {} at {} and {}: {} with {} fees, {} to {}",
                t.side,
                t.quantity,
                t.symbol,
                t.entry,
                t.exit,
                t.profit,
                t.fees,
                second(t.opened),
                second(t.closed)
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "BUY 10 A at 106.5 and 98.5: -82 with 2 fees, 4 to 7",
            "BUY 10 A at 104.5 and 108.5: 38 with 2 fees, 11 to 16",
        ]
    );
    assert_eq!(ran.trades[0].held_for(), 3_000_000);
    assert_eq!(
        (ran.trades[0].side, &*ran.trades[0].currency),
        (Side::Buy, "USD")
    );
}

/// Ten shares cost 1065 and a dollar at second 4, so there are 98,934 in cash while
/// they are held; from second 7 on 98,934 + 985 − 1 = 99,918. From second 11 on
/// 99,918 − 1045 − 1 = 98,872 and ten shares, from second 16 on 98,872 + 1085 − 1.
#[test]
fn equity_comes_out_as_worked_by_hand() {
    let ran = ran();
    let shown: Vec<(i64, String, String)> = ran
        .equity
        .iter()
        .map(|point| {
            (
                point.time.since(millis(0)) / 1_000_000,
                point.equity.unwrap().to_string(),
                point.drawdown.unwrap().to_string(),
            )
        })
        .collect();
    let expected = [
        (0, "100000", "0"),
        (4, "99994", "6"),
        (5, "99954", "46"),
        (6, "99934", "66"),
        (7, "99918", "82"),
        (11, "99912", "88"),
        (12, "99972", "28"),
        (13, "99992", "8"),
        (14, "99952", "48"),
        (15, "99942", "58"),
        (16, "99956", "44"),
    ];
    let expected = expected.map(|(at, worth, fall)| (at, worth.to_owned(), fall.to_owned()));
    assert_eq!(shown, expected);
}

/// 8 of 20 seconds; 38 won and 82 lost. The close of second 16 asks for ten shares
/// again, but no mark comes before the end.
#[test]
fn the_summary_comes_out_as_worked_by_hand() {
    let ran = ran();
    let summary = &ran.summary;
    let shown = |amount: Option<tapeline_model::money::Money>| amount.unwrap().to_string();
    assert_eq!(shown(summary.start), "100000");
    assert_eq!(shown(summary.equity), "99956");
    assert_eq!(shown(summary.gain), "-44");
    assert_eq!(shown(summary.gained), "-0.00044");
    assert_eq!(shown(summary.max_drawdown), "88");
    assert_eq!(shown(summary.max_drawdown_share), "0.00088");
    assert_eq!(shown(summary.win_rate), "0.5");
    assert_eq!(shown(summary.profit_factor), "0.46341463");
    assert_eq!(shown(summary.expectancy), "-22");
    assert_eq!(shown(summary.exposure), "0.4");
    assert_eq!(shown(summary.fees), "4");
    let counts = summary.counts;
    assert_eq!((counts.requests, counts.approved, counts.fills), (5, 5, 4));
    assert_eq!((counts.trades, counts.open, counts.unjudged), (2, 0, 0));
    assert_eq!((counts.letters, ran.passed.records), (0, 18));
}

/// Bars of a minute. The third close, 103, is above 101, the highest of the two before:
/// bought at the next open, 103, at the second of the two prints of it. The sixth,
/// 104.5, is below 105, the middle between 102 and 108 of the two before: sold at the
/// next open, 104.5. The highest worth is at 108, which makes 100,000 + 50 − 1; from
/// there it falls to 104, by 40.
#[test]
fn bars_trade_at_the_open_after_the_close_that_decided() {
    let breakout = TradeSettings::Breakout(RangeSettings { period: 2 });
    let instance = InstanceSettings {
        interval: Interval::Minute,
        ..instance("s", "AAPL", breakout, Sides::Long)
    };
    let bars = BarSettings {
        intervals: vec![Interval::Minute],
        ..bars("AAPL", BarsOf::Trades)
    };
    let history = History::open(&[file("breakout.csv")]).unwrap();
    let ran = backtest(processors(vec![bars], vec![instance]), history);
    let [trade] = &ran.trades[..] else {
        panic!("{:?}", ran.trades)
    };
    let shown = (
        trade.entry.to_string(),
        trade.exit.to_string(),
        trade.profit.to_string(),
    );
    assert_eq!(
        shown,
        ("103".to_owned(), "104.5".to_owned(), "13".to_owned())
    );
    assert_eq!(trade.held_for(), 180_000_000);
    assert_eq!(trade.opened.to_string(), "2026-11-20T14:33:00.100000Z");
    let summary = &ran.summary;
    assert_eq!(summary.equity.unwrap().to_string(), "100013");
    assert_eq!(summary.max_drawdown.unwrap().to_string(), "40");
}

#[test]
fn nothing_is_decided_and_traded_on_the_same_price() {
    let ran = ran();
    let mut asked = Vec::new();
    for event in &ran.events {
        match event {
            Event::Request(request) => asked.push(request.ingest_time),
            Event::Fill(fill) => assert!(fill.event_time > *asked.last().unwrap()),
            Event::Signal(signal) if signal.direction == Direction::Long => {
                assert!(signal.event_time <= signal.ingest_time);
            }
            _ => {}
        }
    }
    assert_eq!(asked.len(), 5);
}

#[test]
fn without_a_verdict_nothing_is_filled() {
    let breakout = TradeSettings::Breakout(RangeSettings { period: 2 });
    let mut processors = processors(
        vec![bars("A", BarsOf::Mids)],
        vec![instance("s", "A", breakout, Sides::Long)],
    );
    processors[1] = Box::new(Silent(risk()));
    let quotes = MIDS.map(|(second, bid, _, ask)| Ok(quote(millis(second * 1_000), "A", bid, ask)));
    let ran = backtest(processors, quotes);
    let summary = ran.summary;
    assert!(summary.counts.unjudged > 0);
    assert_eq!(summary.counts.unjudged, summary.counts.requests);
    assert_eq!(
        (summary.counts.fills, summary.equity),
        (0, Some(paper().deposit))
    );
    assert_eq!(
        (summary.win_rate, summary.profit_factor, summary.expectancy),
        (None, None, None)
    );
}
