//! Losses, from each point they can be counted from.

use super::*;

#[test]
fn the_worked_example_of_the_documentation_holds() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="static", rule="max_drawdown", mode="static", basis="marked", breach="5000", action="alert"}
        {name="trailing", rule="max_drawdown", mode="trailing", basis="marked", breach="5000", action="alert"}
        {name="session", rule="max_drawdown", mode="session", basis="marked", breach="5000", action="alert"}
        {name="rolling", rule="max_drawdown", mode="rolling", window="30d", basis="marked", breach="5000", action="alert"}
        {name="realised", rule="max_drawdown", mode="trailing", basis="realised", breach="5000", action="alert"}
        {name="loss", rule="daily_loss", basis="marked", breach="5000", action="alert"}
        {name="profit", rule="max_profit", basis="marked", breach="5000", action="alert"}
        "#,
    );
    for (time, amount) in [
        ("2025-12-29T15:00:00Z", "10000"),
        ("2025-12-31T16:00:00Z", "12000"),
        // New York opens at 14:30 UTC.
        ("2026-01-05T14:30:00Z", "11000"),
        ("2026-01-05T17:00:00Z", "11300"),
        ("2026-01-05T18:00:00Z", "10900"),
    ] {
        harness.now = at(time);
        assert_eq!(harness.set_equity(amount), []);
    }
    let told = |harness: &LimitsHarness| {
        ["static", "trailing", "session", "rolling", "loss", "profit"]
            .map(|limit| harness.value(limit).unwrap().to_string())
    };
    let expected = ["-900", "1100", "400", "1100", "100", "-100"];
    assert_eq!(told(&harness), expected);
    harness.deposit("5000");
    assert_eq!(harness.set_equity("15900"), []);
    assert_eq!(told(&harness), expected, "a deposit is no profit");
    // An open loss of 300 of 10,900: 11,200 realised, 800 below the high of 12,000.
    harness.deposit("-5000");
    harness.whole = Sums {
        realised_equity: Ok(money("11200")),
        ..equity("10900")
    };
    harness.evaluate();
    assert_eq!(told(&harness), expected);
    assert_eq!(harness.value("realised"), Ok(money("800")));
}

#[test]
fn a_limit_warns_breaches_and_recovers_and_tells_each_change_once() {
    let mut harness = LimitsHarness::new(
        r#"{name="dd", rule="max_drawdown", mode="trailing", basis="marked", warn="1500", breach="2000", action="reducing"}"#,
    );
    let mut told = Vec::new();
    for amount in [
        "10000",         // the high
        "8500",          // down 1,500: the level itself is allowed
        "8499.99999999", // warned
        "8200",          // still
        "8000",          // down 2,000: allowed
        "7999",          // breached
        "5000",          // still
        "8399",          // down 1,601, beyond 80 % of 2,000
        "8400",          // down 1,600: within the limit, beyond the warning
        "8799",          // down 1,201, beyond 80 % of 1,500
        "8800",          // down 1,200: over
        "9500",
    ] {
        told.extend(harness.set_equity(amount).into_iter().map(|d| (amount, d)));
    }
    let seen: Vec<_> = told
        .iter()
        .map(|(amount, d)| (*amount, d.grade, d.reason))
        .collect();
    assert_eq!(
        seen,
        [
            ("8499.99999999", Grade::Warn, Reason::LimitNeared),
            ("7999", Grade::Breach, Reason::DrawdownBreached),
            ("8400", Grade::Warn, Reason::LimitNeared),
            ("8800", Grade::Pass, Reason::DrawdownRecovered),
        ]
    );
    let messages: Vec<&str> = told.iter().map(|(_, d)| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "growth is 1500.00000001 USD below its high, beyond its warning level of 1500 USD; its limit is 2000 USD",
            "growth is 2001 USD below its high, beyond its limit of 2000 USD",
            "growth is 1600 USD below its high, back within its limit of 2000 USD, but beyond its warning level of 1500 USD",
            "growth is 1200 USD below its high, back within its warning level of 1500 USD",
        ]
    );
    let breach = &told[1].1;
    assert_eq!(
        (breach.value, breach.level, breach.distance),
        (money("2001"), money("2000"), money("-1"))
    );
    assert_eq!(
        (breach.unit.as_str(), breach.scope.as_str()),
        ("USD", "everything")
    );
    assert_eq!(
        told[0].1.distance,
        money("499.99999999"),
        "left to the breach, while it warns"
    );
}

#[test]
fn a_value_can_jump_over_the_warning_both_ways() {
    let mut harness = LimitsHarness::new(
        r#"{name="dd", rule="max_drawdown", mode="static", basis="marked", warn="1500", breach="2000", action="alert"}"#,
    );
    harness.set_equity("10000");
    assert_eq!(
        LimitsHarness::grades(&harness.set_equity("7000")),
        [Grade::Breach]
    );
    // Back to 1,300: below the warning level, but not by 20 % of it.
    assert_eq!(
        LimitsHarness::grades(&harness.set_equity("8700")),
        [Grade::Warn]
    );
    assert_eq!(
        LimitsHarness::grades(&harness.set_equity("7000")),
        [Grade::Breach]
    );
    let over = harness.set_equity("11000");
    assert_eq!(LimitsHarness::grades(&over), [Grade::Pass]);
    assert_eq!(
        over[0].message,
        "growth is 1000 USD above its start, back within its limit of 2000 USD"
    );
}

const SESSION: &str = r#"
    {name="dd", rule="max_drawdown", mode="session", basis="marked", breach="500", action="alert"}
    {name="loss", rule="daily_loss", basis="marked", breach="500", action="alert"}
"#;

/// Evaluates as the processor does: first what was, if the day rolled, then what is.
fn moves(harness: &mut LimitsHarness, time: &str, amount: &str) -> Vec<Decision> {
    harness.now = at(time);
    let mut decisions = Vec::new();
    if harness.watch.rolls_at() <= harness.now {
        decisions.extend(harness.evaluate());
    }
    decisions.extend(harness.set_equity(amount));
    decisions
}

#[test]
fn the_day_begins_at_the_open_also_over_a_change_of_clocks() {
    // The opens: Friday 14:30 UTC and, in summer time, Monday 13:30.
    for (friday, before, monday) in [
        (
            "2026-03-06T15:00:00Z",
            "2026-03-09T13:29:59Z",
            "2026-03-09T13:30:00Z",
        ),
        (
            "2026-10-30T14:00:00Z",
            "2026-11-02T14:29:59Z",
            "2026-11-02T14:30:00Z",
        ),
    ] {
        let mut harness = LimitsHarness::new(SESSION);
        moves(&mut harness, friday, "10000");
        assert_eq!(moves(&mut harness, before, "9600"), []);
        assert_eq!(harness.value("loss"), Ok(money("400")), "still Friday's");
        // At the open 300 more are lost: Monday's, counted from Friday's last equity.
        assert_eq!(moves(&mut harness, monday, "9300"), []);
        assert_eq!(harness.value("loss"), Ok(money("300")));
        assert_eq!(harness.value("dd"), Ok(money("300")));
        let breached = moves(&mut harness, monday, "9099");
        assert_eq!(
            LimitsHarness::grades(&breached),
            [Grade::Breach, Grade::Breach]
        );
        assert_eq!(
            breached[1].message,
            "growth has lost 501 USD since the day's open, beyond its limit of 500 USD"
        );
    }
}

#[test]
fn a_new_day_ends_a_breach_of_the_old_one() {
    let mut harness = LimitsHarness::new(SESSION);
    moves(&mut harness, "2026-03-06T15:00:00Z", "10000");
    assert_eq!(moves(&mut harness, "2026-03-06T16:00:00Z", "9000").len(), 2);
    let opened = moves(&mut harness, "2026-03-09T13:30:00Z", "9000");
    assert_eq!(LimitsHarness::grades(&opened), [Grade::Pass, Grade::Pass]);
    assert_eq!(
        harness.watch.wake_at(),
        Some(at("2026-03-10T13:30:00Z")),
        "the next open"
    );
}

#[test]
fn a_watch_that_knew_nothing_wants_to_be_evaluated_at_once() {
    let mut harness = LimitsHarness::new(SESSION);
    assert!(harness.watch.rolls_at() <= harness.now);
    assert_eq!(harness.watch.wake_at(), Some(Micros(0)));
    assert!(!harness.watch.is_ready());
    harness.evaluate();
    assert!(harness.watch.is_ready());
    assert!(harness.watch.rolls_at() > harness.now);
}

#[test]
fn what_is_missing_neither_keeps_nor_breaches_a_limit() {
    let mut harness = LimitsHarness::new(
        r#"{name="dd", rule="max_drawdown", mode="trailing", basis="marked", breach="500", action="alert"}"#,
    );
    harness.set_equity("10000");
    harness.set_equity("9000");
    let missing = Sums {
        equity: Err(Missing::Price),
        ..equity("0")
    };
    harness.whole = missing;
    assert_eq!(harness.evaluate(), []);
    let status = *harness.watch.status("dd", "").unwrap();
    assert_eq!(status.grade, Grade::Breach, "as it was last known");
    assert_eq!(status.unknown(), Some(Unknown::Missing(Missing::Price)));
    assert_eq!(status.distance, Err(Unknown::Missing(Missing::Price)));
    assert_eq!(harness.set_equity("9400"), [], "down 600: still breached");
    assert_eq!(
        LimitsHarness::grades(&harness.set_equity("9600")),
        [Grade::Pass]
    );
}

#[test]
fn a_day_that_opens_without_a_known_equity_has_no_loss_until_there_is_one() {
    let mut harness = LimitsHarness::new(SESSION);
    moves(&mut harness, "2026-03-06T15:00:00Z", "10000");
    harness.now = at("2026-03-09T13:30:00Z");
    harness.whole = Sums {
        equity: Err(Missing::Rate),
        ..equity("0")
    };
    assert_eq!(harness.evaluate(), []);
    assert_eq!(harness.value("loss"), Err(Unknown::Missing(Missing::Rate)));
    harness.set_equity("9000");
    assert_eq!(harness.value("loss"), Ok(money("0")));
}

#[test]
fn prices_that_cross_nothing_need_no_evaluation() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="dd", rule="max_drawdown", mode="trailing", basis="marked", warn="500", breach="1000", action="alert"}
        {name="lev", rule="leverage", breach="2", action="alert"}
        "#,
    );
    let with = |amount: &str, gross: &str| Sums {
        gross: Ok(money(gross)),
        realised_equity: Ok(money("10000")),
        ..equity(amount)
    };
    assert!(
        !harness
            .watch
            .quiet_range()
            .contains(&with("10000", "0"), noon()),
        "nothing is known yet"
    );
    harness.whole = with("10000", "5000");
    harness.evaluate();
    let quiet = |harness: &LimitsHarness, amount: &str, gross: &str| {
        harness
            .watch
            .quiet_range()
            .contains(&with(amount, gross), seconds_on(noon(), 3600))
    };
    assert!(quiet(&harness, "10000", "19999"));
    assert!(quiet(&harness, "9500.00000001", "5000"));
    for (amount, gross) in [
        ("9499", "5000"),
        ("10000.00000001", "5000"),
        ("9900", "19900"),
    ] {
        assert!(!quiet(&harness, amount, gross), "{amount} {gross}");
    }
    harness.deposit("1");
    assert!(!quiet(&harness, "9900", "5000"), "everything moved");
    let missing = Sums {
        equity: Err(Missing::Price),
        ..with("0", "0")
    };
    harness.evaluate();
    assert!(!harness.watch.quiet_range().contains(&missing, noon()));
}

#[test]
fn an_account_has_limits_of_its_own() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="whole", rule="max_drawdown", mode="trailing", basis="marked", breach="500", action="alert"}
        {name="of-a", rule="max_drawdown", mode="trailing", basis="marked", account="a", breach="100", action="alert"}
        "#,
    );
    let both = |harness: &mut LimitsHarness, a: &str, b: &str, whole: &str| {
        harness.accounts.insert(AccountId::new("a"), equity(a));
        harness.accounts.insert(AccountId::new("b"), equity(b));
        harness.set_equity(whole)
    };
    both(&mut harness, "10000", "5000", "15000");
    // The account loses 200, the portfolio 150.
    let told = both(&mut harness, "9800", "5050", "14850");
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].message,
        "account a of growth is 200 USD below its high, beyond its limit of 100 USD"
    );
    assert_eq!(
        (told[0].scope.as_str(), told[0].subject.as_str()),
        ("account a", "account a of growth")
    );
    // 1,000 leave a for b: nothing is lost.
    for (account, amount) in [("a", "-1000"), ("b", "1000")] {
        let moved = CapitalFlow::cash(money(amount));
        harness
            .watch
            .moved(&AccountId::new(account), moved)
            .unwrap();
    }
    assert_eq!(both(&mut harness, "8800", "6050", "14850"), []);
    assert_eq!(harness.value("of-a"), Ok(money("200")));
    assert_eq!(harness.value("whole"), Ok(money("150")));
}

#[test]
fn an_opening_position_is_taken_over_at_its_value_and_its_cost() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="marked", rule="max_drawdown", mode="static", basis="marked", breach="500", action="alert"}
        {name="realised", rule="max_drawdown", mode="static", basis="realised", breach="500", action="alert"}
        "#,
    );
    harness.set_equity("1000");
    // 10 shares bought at 30 that are worth 42 now.
    let taken = CapitalFlow {
        marked: money("420"),
        realised: money("300"),
    };
    harness.watch.moved(&AccountId::new("a"), taken).unwrap();
    harness.whole = Sums {
        realised_equity: Ok(money("1300")),
        ..equity("1420")
    };
    harness.evaluate();
    assert_eq!(harness.value("marked"), Ok(money("0")));
    assert_eq!(harness.value("realised"), Ok(money("0")));
}
