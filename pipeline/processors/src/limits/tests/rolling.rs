//! Windows that move along.

use super::*;

/// An hour is remembered in pieces of 56.25 seconds.
const HOUR: &str = r#"{name="dd", rule="max_drawdown", mode="rolling", window="1h", basis="marked", breach="500", action="alert"}"#;

fn later(scene: &mut Scene, minutes: i64, amount: &str) -> Money {
    scene.now = seconds_on(noon(), minutes * 60);
    if scene.watch.rolls_at() <= scene.now {
        scene.evaluate();
    }
    scene.worth(amount);
    scene.value("dd").unwrap()
}

#[test]
fn a_high_counts_for_the_window_and_at_most_a_64th_longer() {
    let mut scene = Scene::new(HOUR);
    assert_eq!(later(&mut scene, 0, "10000"), money("0"));
    assert_eq!(later(&mut scene, 1, "9900"), money("100"));
    assert_eq!(later(&mut scene, 60, "9800"), money("200"));
    // 61 minutes later only 9,900 is left, which was the equity from the first minute on.
    assert_eq!(later(&mut scene, 62, "9800"), money("100"));
    assert_eq!(later(&mut scene, 125, "9800"), money("0"));
}

#[test]
fn what_was_held_all_the_time_counts_though_nothing_happened() {
    let mut scene = Scene::new(HOUR);
    later(&mut scene, 0, "10000");
    // Three hours of silence, then a fall: an hour ago there were 10,000.
    assert_eq!(later(&mut scene, 180, "9000"), money("1000"));
}

#[test]
fn a_window_needs_no_more_space_than_its_pieces() {
    let mut scene = Scene::new(HOUR);
    for minute in 0..1000 {
        // Ever lower: every piece has a high of its own.
        later(&mut scene, minute, &(20_000 - minute).to_string());
    }
    let high = scene.value("dd").unwrap();
    // 60 minutes ago it was 60 more, a piece earlier 61.
    assert!((money("60")..=money("61")).contains(&high), "{high}");
    let mut bytes = Vec::new();
    tapeline_schemas::codec::encode(scene.watch.state(), &mut bytes).unwrap();
    assert!(bytes.len() < 2000, "{}", bytes.len());
}

fn doing<'a>(account: &'a AccountId, symbol: &'a Symbol) -> Doing<'a> {
    Doing {
        account,
        symbol,
        strategy: None,
    }
}

#[test]
fn orders_and_cancels_are_counted_in_their_windows() {
    let mut scene = Scene::new(
        r#"
        {name="cancels", rule="cancel_rate", window="1m", breach="2", release=0, action="alert"}
        {name="of-b", rule="order_rate", window="1m", account="b", breach="1", action="alert"}
        {name="orders", rule="order_rate", window="1m", warn="2", breach="3", release=0, action="alert"}
        "#,
    );
    let (a, aapl) = (AccountId::new("a"), Symbol::new("AAPL"));
    for second in 0..3 {
        let now = seconds_on(noon(), second);
        scene.watch.order(&scene.plan, &doing(&a, &aapl), now);
        scene.watch.cancel(&scene.plan, &doing(&a, &aapl), now);
    }
    scene.now = seconds_on(noon(), 3);
    let told = scene.evaluate();
    let messages: Vec<&str> = told.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "growth sent 3 cancels in 1m, beyond its limit of 2",
            "growth sent 3 orders in 1m, beyond its warning level of 2; its limit is 3",
        ]
    );
    assert_eq!(scene.value("of-b"), Ok(money("0")), "another account's");
    // A piece is 0.9375 s: the first order is gone with its piece at the latest after 61 s.
    let wake = scene.watch.wake_at().unwrap();
    assert!(
        seconds_on(noon(), 60) <= wake && wake <= seconds_on(noon(), 61),
        "{wake}"
    );
    scene.now = wake;
    assert_eq!(Scene::grades(&scene.evaluate()), [Grade::Pass, Grade::Pass]);
    scene.now = seconds_on(noon(), 70);
    assert_eq!(scene.evaluate(), []);
    assert_eq!(scene.value("orders"), Ok(money("0")));
    assert_eq!(scene.watch.wake_at(), None);
}

#[test]
fn losses_in_a_row_end_with_a_win_and_what_is_unknown_is_a_loss() {
    let mut scene =
        Scene::new(r#"{name="row", rule="loss_streak", breach="2", action="reducing"}"#);
    let (a, aapl) = (AccountId::new("a"), Symbol::new("AAPL"));
    let closed = |scene: &mut Scene, result: Known| {
        scene
            .watch
            .closed_trade(&scene.plan, &doing(&a, &aapl), result);
        scene.evaluate()
    };
    assert_eq!(closed(&mut scene, Ok(money("-5"))), []);
    assert_eq!(closed(&mut scene, Ok(money("0"))), []);
    assert_eq!(closed(&mut scene, Err(Missing::Cost)), []);
    let third = closed(&mut scene, Ok(money("-0.01")));
    assert_eq!(
        third[0].message,
        "growth closed 3 trades in a row at a loss, beyond its limit of 2"
    );
    assert_eq!(third[0].reason, Reason::LossStreakBreached);
    assert_eq!(
        Scene::grades(&closed(&mut scene, Ok(money("1")))),
        [Grade::Pass]
    );
    assert_eq!(closed(&mut scene, Ok(money("-1"))), []);
}
