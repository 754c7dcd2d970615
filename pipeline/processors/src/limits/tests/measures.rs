//! Exposure, size, age: what is measured of positions and of accounts.

use super::*;

fn messages(decisions: &[Decision]) -> Vec<&str> {
    decisions
        .iter()
        .map(|decision| decision.message.as_str())
        .collect()
}

#[test]
fn exposure_is_measured_whole_and_of_each_symbol_sector_and_currency() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="currency", rule="currency_exposure", breach="5000", action="alert"}
        {name="gross", rule="gross_exposure", breach="9000", action="alert"}
        {name="net", rule="net_exposure", breach="2000", action="alert"}
        {name="sector", rule="sector_exposure", breach="4000", action="alert"}
        {name="symbol", rule="symbol_exposure", breach="3500", action="alert"}
        "#,
    );
    harness.rows = vec![
        PositionRow {
            sector: Some("tech"),
            ..row("a", "AAPL", "10", "2000")
        },
        PositionRow {
            sector: Some("tech"),
            ..row("b", "AAPL", "-10", "-2000")
        },
        PositionRow {
            sector: Some("tech"),
            ..row("a", "MSFT", "5", "2500")
        },
        PositionRow {
            currency: "EUR",
            ..row("a", "SAP", "-20", "-3000")
        },
    ];
    harness.whole = Sums {
        gross: Ok(money("9500")),
        net: Ok(money("-500")),
        ..equity("10000")
    };
    assert_eq!(
        messages(&harness.evaluate()),
        [
            // 2,000 + 2,000 + 2,500 in dollars, 3,000 in euros
            "growth holds 6500 USD in positions kept in USD, beyond its limit of 5000 USD",
            "growth holds 9500 USD gross, beyond its limit of 9000 USD",
            "growth holds 6500 USD in the sector tech, beyond its limit of 4000 USD",
            // long and short in two accounts do not cancel out
            "growth holds 4000 USD of AAPL, beyond its limit of 3500 USD",
        ]
    );
    assert_eq!(
        harness.value("net"),
        Ok(money("500")),
        "its size, whichever side"
    );
    let of = |limit: &str, group: &str| harness.watch.status(limit, group).unwrap().value;
    assert_eq!(of("sector", NO_SECTOR), Ok(money("3000")));
    assert_eq!(of("currency", "EUR"), Ok(money("3000")));
    assert_eq!(of("symbol", "MSFT"), Ok(money("2500")));
}

#[test]
fn what_is_sold_is_back_within_its_limit() {
    let mut harness =
        LimitsHarness::new(r#"{name="size", rule="position_size", breach="100", action="alert"}"#);
    harness.rows = vec![
        row("a", "AAPL", "-101", "-2000"),
        row("a", "MSFT", "100", "2000"),
    ];
    let told = harness.evaluate();
    assert_eq!(
        messages(&told),
        ["growth holds 101 units of AAPL, beyond its limit of 100 units"]
    );
    assert_eq!(
        (told[0].group.as_str(), told[0].unit.as_str()),
        ("AAPL", "units")
    );
    harness.rows.clear();
    assert_eq!(
        messages(&harness.evaluate()),
        ["growth holds 0 units of AAPL, back within its limit of 100 units"]
    );
    assert_eq!(harness.evaluate(), []);
}

#[test]
fn a_symbol_with_a_limit_of_its_own_is_measured_by_that_alone() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="size", rule="position_size", breach="100", action="alert"}
        {name="tsla", rule="position_size", symbol="TSLA", breach="10", action="alert"}
        {name="tsla-b", rule="position_size", symbol="TSLA", account="b", breach="500", action="alert"}
        "#,
    );
    harness.rows = vec![
        row("a", "TSLA", "50", "100"),
        row("b", "TSLA", "200", "400"),
        row("a", "AAPL", "50", "100"),
    ];
    // Both accounts' 250 against the portfolio's 10; the account's 200 against its own 500.
    assert_eq!(
        messages(&harness.evaluate()),
        ["growth (TSLA) holds 250 units of TSLA, beyond its limit of 10 units"]
    );
    assert_eq!(harness.watch.status("size", "TSLA"), None);
    let of_b = harness.watch.status("tsla-b", "TSLA").unwrap();
    assert_eq!(of_b.value, Ok(money("200")));
}

#[test]
fn a_symbol_with_a_limit_in_one_account_is_still_measured_in_the_portfolio() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="size", rule="position_size", breach="100", action="alert"}
        {name="tsla-b", rule="position_size", symbol="TSLA", account="b", breach="500", action="alert"}
        "#,
    );
    harness.rows = vec![row("a", "TSLA", "50", "100"), row("b", "TSLA", "60", "120")];
    assert_eq!(
        messages(&harness.evaluate()),
        ["growth holds 110 units of TSLA, beyond its limit of 100 units"]
    );
}

#[test]
fn a_strategy_is_measured_by_its_own_positions() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="count", rule="position_count", strategy="trend", breach="1", action="alert"}
        {name="gross", rule="gross_exposure", strategy="trend", breach="1000", action="alert"}
        "#,
    );
    harness.rows = vec![
        PositionRow {
            strategy: Some("trend"),
            ..row("a", "AAPL", "1", "-600")
        },
        PositionRow {
            strategy: Some("trend"),
            ..row("a", "MSFT", "1", "600")
        },
        row("a", "SAP", "1", "5000"),
        PositionRow {
            strategy: Some("trend"),
            ..row("b", "AAPL", "0", "0")
        },
    ];
    assert_eq!(
        messages(&harness.evaluate()),
        [
            "growth (strategy trend) has 2 open positions, beyond its limit of 1",
            "growth (strategy trend) holds 1200 USD gross, beyond its limit of 1000 USD",
        ]
    );
}

#[test]
fn leverage_without_equity_is_beyond_every_level() {
    let mut harness =
        LimitsHarness::new(r#"{name="lev", rule="leverage", breach="2", action="halted"}"#);
    let with = |gross: &str, amount: &str| Sums {
        gross: Ok(money(gross)),
        ..equity(amount)
    };
    harness.whole = with("20000", "10000");
    assert_eq!(harness.evaluate(), []);
    harness.whole = with("25000", "10000");
    assert_eq!(
        messages(&harness.evaluate()),
        ["growth holds 2.5 times its equity, beyond its limit of 2 times its equity"]
    );
    harness.whole = with("0", "-5");
    assert_eq!(
        LimitsHarness::grades(&harness.evaluate()),
        [Grade::Pass],
        "nothing to carry"
    );
    harness.whole = with("1", "0");
    assert_eq!(
        messages(&harness.evaluate()),
        [
            "growth has no equity that could carry what it holds, beyond its limit of 2 times its equity"
        ]
    );
}

#[test]
fn a_missing_price_leaves_its_symbol_unknown_and_the_others_known() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="sector", rule="sector_exposure", breach="100", action="alert"}
        {name="symbol", rule="symbol_exposure", breach="100", action="alert"}
        "#,
    );
    harness.rows = vec![
        PositionRow {
            value: Err(Missing::Price),
            ..row("a", "AAPL", "1", "0")
        },
        row("a", "MSFT", "1", "200"),
    ];
    let told = harness.evaluate();
    assert_eq!(
        messages(&told),
        ["growth holds 200 USD of MSFT, beyond its limit of 100 USD"]
    );
    let unknown = |limit: &str, group: &str| harness.watch.status(limit, group).unwrap().unknown();
    assert_eq!(
        unknown("symbol", "AAPL"),
        Some(Unknown::Missing(Missing::Price))
    );
    assert_eq!(
        unknown("sector", NO_SECTOR),
        Some(Unknown::Missing(Missing::Price))
    );
    assert_eq!(unknown("symbol", "MSFT"), None);
}

#[test]
fn a_price_grows_old_by_itself() {
    let mut harness = LimitsHarness::new(
        r#"{name="stale", rule="stale_price", warn="30", breach="60", action="reducing"}"#,
    );
    harness.rows = vec![
        row("a", "AAPL", "1", "100"),
        PositionRow {
            price_time: Some(seconds_on(noon(), 10)),
            ..row("b", "MSFT", "1", "100")
        },
    ];
    assert_eq!(harness.evaluate(), []);
    // Thirty seconds are allowed, a microsecond more is not.
    let warned = Micros(seconds_on(noon(), 30).0 + 1);
    assert_eq!(harness.watch.wake_at(), Some(warned));
    harness.now = warned;
    assert_eq!(
        messages(&harness.evaluate()),
        [
            "growth holds AAPL, whose price is 30.000001 s old, beyond its warning level of 30 s; its limit is 60 s"
        ]
    );
    harness.now = Micros(warned.0 + 1);
    harness.evaluate();
    assert!(
        !harness
            .watch
            .quiet_range()
            .contains(&harness.whole, harness.now),
        "a newer price would end it"
    );
    // Next is the other one's warning.
    assert_eq!(
        harness.watch.wake_at(),
        Some(Micros(seconds_on(noon(), 40).0 + 1))
    );
    harness.now = seconds_on(noon(), 65);
    let told = harness.evaluate();
    assert_eq!(LimitsHarness::grades(&told), [Grade::Breach, Grade::Warn]);
    assert_eq!(told[0].reason, Reason::PriceStale);
    harness.rows = vec![PositionRow {
        price_time: None,
        ..row("a", "AAPL", "1", "100")
    }];
    harness.evaluate();
    let status = harness.watch.status("stale", "AAPL").unwrap();
    assert_eq!(status.unknown(), Some(Unknown::Missing(Missing::Price)));
}

#[test]
fn lost_sessions_and_differences_are_measured_by_account() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="differs", rule="unreconciled", breach="300", action="reducing"}
        {name="session", rule="lost_session", breach="120", action="reducing"}
        {name="session-b", rule="lost_session", account="b", breach="10", action="reducing"}
        "#,
    );
    let (a, b) = (AccountId::new("a"), AccountId::new("b"));
    for account in [&a, &b] {
        harness.watch.session(account, false, noon());
        // Told again, it does not begin anew.
        harness
            .watch
            .session(account, false, seconds_on(noon(), 15));
    }
    harness
        .watch
        .unreconciled(&a, Some(&Symbol::new("AAPL")), Some(noon()));
    harness
        .watch
        .unreconciled(&a, None, Some(seconds_on(noon(), 200)));
    harness.now = seconds_on(noon(), 20);
    assert_eq!(
        messages(&harness.evaluate()),
        ["account b of growth has had no session at account b for 20 s, beyond its limit of 10 s"]
    );
    assert_eq!(
        harness.watch.wake_at(),
        Some(Micros(seconds_on(noon(), 120).0 + 1))
    );
    harness.now = seconds_on(noon(), 301);
    assert_eq!(
        messages(&harness.evaluate()),
        [
            "growth has differed from the broker's report of account a for 301 s, beyond its limit of 300 s",
            "growth has had no session at account a for 301 s, beyond its limit of 120 s",
        ]
    );
    harness.watch.session(&a, true, harness.now);
    harness
        .watch
        .unreconciled(&a, Some(&Symbol::new("AAPL")), None);
    // The balance still differs, since 101 s.
    assert_eq!(
        LimitsHarness::grades(&harness.evaluate()),
        [Grade::Pass, Grade::Pass]
    );
    assert!(harness.watch.is_unreconciled(&a, &Symbol::new("anything")));
    assert!(!harness.watch.has_lost_session(&a));
    assert!(harness.watch.has_lost_session(&b));
}

#[test]
fn positions_are_asked_for_only_where_a_limit_looks_at_them() {
    let needs = |line: &str| LimitsHarness::new(line).plan.needs_positions();
    assert!(!needs(
        r#"{name="a", rule="gross_exposure", breach="1", action="alert"}"#
    ));
    assert!(needs(
        r#"{name="a", rule="gross_exposure", symbol="X", breach="1", action="alert"}"#
    ));
    assert!(needs(
        r#"{name="a", rule="stale_price", breach="1", action="alert"}"#
    ));
    assert!(!needs(
        r#"{name="a", rule="order_rate", window="1s", symbol="X", breach="1", action="alert"}"#
    ));
}
