//! Windows that move along.

use super::*;

/// An hour is remembered in pieces of 56.25 seconds.
const HOUR: &str = r#"{name="dd", rule="max_drawdown", mode="rolling", window="1h", basis="marked", breach="500", action="alert"}"#;

fn later(harness: &mut LimitsHarness, minutes: i64, amount: &str) -> Money {
    harness.now = seconds_on(noon(), minutes * 60);
    if harness.watch.rolls_at() <= harness.now {
        harness.evaluate();
    }
    harness.set_equity(amount);
    harness.value("dd").unwrap()
}

#[test]
fn a_high_counts_for_the_window_and_at_most_a_64th_longer() {
    let mut harness = LimitsHarness::new(HOUR);
    assert_eq!(later(&mut harness, 0, "10000"), money("0"));
    assert_eq!(later(&mut harness, 1, "9900"), money("100"));
    assert_eq!(later(&mut harness, 60, "9800"), money("200"));
    // 61 minutes later only 9,900 is left, which was the equity from the first minute on.
    assert_eq!(later(&mut harness, 62, "9800"), money("100"));
    assert_eq!(later(&mut harness, 125, "9800"), money("0"));
}

#[test]
fn what_was_held_all_the_time_counts_though_nothing_happened() {
    let mut harness = LimitsHarness::new(HOUR);
    later(&mut harness, 0, "10000");
    // Three hours of silence, then a fall: an hour ago there were 10,000.
    assert_eq!(later(&mut harness, 180, "9000"), money("1000"));
}

#[test]
fn a_window_needs_no_more_space_than_its_pieces() {
    let mut harness = LimitsHarness::new(HOUR);
    for minute in 0..1000 {
        // Ever lower: every piece has a high of its own.
        later(&mut harness, minute, &(20_000 - minute).to_string());
    }
    let high = harness.value("dd").unwrap();
    // 60 minutes ago it was 60 more, a piece earlier 61.
    assert!((money("60")..=money("61")).contains(&high), "{high}");
    let mut bytes = Vec::new();
    tapeline_schemas::codec::encode(harness.watch.state(), &mut bytes).unwrap();
    assert!(bytes.len() < 2000, "{}", bytes.len());
}

fn activity<'a>(account: &'a AccountId, symbol: &'a Symbol) -> Activity<'a> {
    Activity {
        account,
        symbol,
        strategy: None,
    }
}

#[test]
fn orders_and_cancels_are_counted_in_their_windows() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="cancels", rule="cancel_rate", window="1m", breach="2", release=0, action="alert"}
        {name="of-b", rule="order_rate", window="1m", account="b", breach="1", action="alert"}
        {name="orders", rule="order_rate", window="1m", warn="2", breach="3", release=0, action="alert"}
        "#,
    );
    let (a, aapl) = (AccountId::new("a"), Symbol::new("AAPL"));
    for second in 0..3 {
        let now = seconds_on(noon(), second);
        harness
            .watch
            .order(&harness.plan, &activity(&a, &aapl), now);
        harness
            .watch
            .cancel(&harness.plan, &activity(&a, &aapl), now);
    }
    harness.now = seconds_on(noon(), 3);
    let told = harness.evaluate();
    let messages: Vec<&str> = told.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "growth sent 3 cancels in 1m, beyond its limit of 2",
            "growth sent 3 orders in 1m, beyond its warning level of 2; its limit is 3",
        ]
    );
    assert_eq!(harness.value("of-b"), Ok(money("0")), "another account's");
    // A piece is 0.9375 s: the first order is gone with its piece at the latest after 61 s.
    let wake = harness.watch.wake_at().unwrap();
    assert!(
        seconds_on(noon(), 60) <= wake && wake <= seconds_on(noon(), 61),
        "{wake}"
    );
    harness.now = wake;
    assert_eq!(
        LimitsHarness::grades(&harness.evaluate()),
        [Grade::Pass, Grade::Pass]
    );
    harness.now = seconds_on(noon(), 70);
    assert_eq!(harness.evaluate(), []);
    assert_eq!(harness.value("orders"), Ok(money("0")));
    assert_eq!(harness.watch.wake_at(), None);
}

#[test]
fn losses_in_a_row_end_with_a_win_and_what_is_unknown_is_a_loss() {
    let mut harness =
        LimitsHarness::new(r#"{name="row", rule="loss_streak", breach="2", action="reducing"}"#);
    let (a, aapl) = (AccountId::new("a"), Symbol::new("AAPL"));
    let closed = |harness: &mut LimitsHarness, result: Known| {
        harness
            .watch
            .closed_trade(&harness.plan, &activity(&a, &aapl), result);
        harness.evaluate()
    };
    assert_eq!(closed(&mut harness, Ok(money("-5"))), []);
    assert_eq!(closed(&mut harness, Ok(money("0"))), []);
    assert_eq!(closed(&mut harness, Err(Missing::Cost)), []);
    let third = closed(&mut harness, Ok(money("-0.01")));
    assert_eq!(
        third[0].message,
        "growth closed 3 trades in a row at a loss, beyond its limit of 2"
    );
    assert_eq!(third[0].reason, Reason::LossStreakBreached);
    assert_eq!(
        LimitsHarness::grades(&closed(&mut harness, Ok(money("1")))),
        [Grade::Pass]
    );
    assert_eq!(closed(&mut harness, Ok(money("-1"))), []);
}
