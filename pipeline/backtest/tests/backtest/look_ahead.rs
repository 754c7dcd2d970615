//! What is decided does not depend on what comes later.

use proptest::prelude::*;
use tapeline_backtest::History;
use tapeline_model::Event;
use tapeline_processors::Processor;
use tapeline_processors::market::BarsOf;
use tapeline_processors::strategy::{
    RangeSettings, ReversionSettings, Sides, TradeSettings, TrendSettings,
};

use crate::harness::{Ran, backtest, bars, instance, millis, processors, quote, trade};

fn line() -> Vec<Box<dyn Processor>> {
    let trend = TradeSettings::Trend(TrendSettings { fast: 2, slow: 4 });
    let breakout = TradeSettings::Breakout(RangeSettings { period: 3 });
    let reversion = TradeSettings::Reversion(ReversionSettings {
        period: 5,
        enter: 1.2,
        leave: 0.2,
    });
    processors(
        vec![bars("A", BarsOf::Mids), bars("B", BarsOf::Trades)],
        vec![
            instance("trend", "A", trend, Sides::Both),
            instance("breakout", "B", breakout, Sides::Both),
            instance("reversion", "B", reversion, Sides::Long),
        ],
    )
}

/// What was decided and done: everything of it, byte for byte.
fn decided(ran: &Ran) -> Vec<Event<'static>> {
    let is_decision =
        |event: &&Event<'_>| matches!(event, Event::Signal(_) | Event::Request(_) | Event::Fill(_));
    ran.events.iter().filter(is_decision).cloned().collect()
}

/// Quotes of A and trades of B that wander, often at the same time.
fn history(steps: &[(i64, bool, i64)]) -> Vec<Event<'static>> {
    let (mut now, mut a, mut b) = (0, 10_000_i64, 20_000_i64);
    let events = steps
        .iter()
        .enumerate()
        .map(|(n, (pause, is_quote, step))| {
            now += pause;
            let cents = |price: i64| format!("{}.{:02}", price / 100, price % 100);
            if *is_quote {
                a = (a + step).max(1_000);
                quote(millis(now), "A", &cents(a), &cents(a + 2))
            } else {
                b = (b + step).max(1_000);
                trade(millis(now), "B", &cents(b), n.to_string())
            }
        });
    events.collect()
}

fn steps(count: usize) -> impl Strategy<Value = Vec<(i64, bool, i64)>> {
    let pause = prop_oneof![Just(0), Just(5), 1..40_i64, 100..1_500_i64];
    prop::collection::vec((pause, any::<bool>(), -60..60_i64), count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_that_ends_early_decides_the_same_up_to_there(steps in steps(160)) {
        let all = history(&steps);
        let full = decided(&backtest(line(), all.iter().cloned().map(Ok)));
        prop_assert!(full.iter().any(|event| matches!(event, Event::Fill(_))), "nothing to see");
        let mut longest = 0;
        for cut in 0..=all.len() {
            let part = decided(&backtest(line(), all[..cut].iter().cloned().map(Ok)));
            prop_assert_eq!(&full[..part.len()], &part[..], "cut at {}", cut);
            // It decides as it goes, and not all of it at the end.
            prop_assert!(part.len() >= longest);
            longest = part.len();
        }
        prop_assert_eq!(longest, full.len());
    }

    #[test]
    fn the_same_history_comes_to_the_same_bytes(steps in steps(300)) {
        let run = || backtest(line(), history(&steps).into_iter().map(Ok));
        let (one, other) = (run(), run());
        prop_assert_eq!(&one.hash, &other.hash);
        prop_assert_eq!(one.summary, other.summary);
        let shorter = backtest(line(), history(&steps[1..]).into_iter().map(Ok));
        prop_assert_ne!(&one.hash, &shorter.hash);
    }
}

/// A bar tells of its whole interval, so a file of bars is cut between intervals.
#[test]
fn bars_that_end_early_decide_the_same_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bars.csv");
    let ran = |minutes: i64| {
        let mut text = "time,symbol,interval,open,high,low,close,volume\n".to_owned();
        for n in 0..minutes {
            // Up and down, in waves of seven bars.
            let close = 100 + (n * n + n / 7 * 13) % 17;
            for symbol in ["B", "C"] {
                let time = 1_795_253_400 + n * 10;
                let row = format!(
                    "{time},{symbol},10s,{close},{},{},{close},50\n",
                    close + 2,
                    close - 2
                );
                text.push_str(&row);
            }
        }
        std::fs::write(&path, text).unwrap();
        backtest(line(), History::open(&[&path]).unwrap())
    };
    let full = decided(&ran(40));
    let is_fill = |event: &&Event<'_>| matches!(event, Event::Fill(_));
    assert!(full.iter().filter(is_fill).count() > 4, "nothing to see");
    for minutes in 0..40 {
        let part = decided(&ran(minutes));
        assert_eq!(part, full[..part.len()], "cut at {minutes}");
    }
}
