use super::*;

fn report(
    matter: AccountMatter,
    amount: &str,
    quantity: Option<&str>,
    time: i64,
) -> Event<'static> {
    Event::Account(AccountEvent {
        kind: AccountEventKind::Balance,
        matter,
        symbol: quantity.map(|_| Symbol::new("S")),
        quantity: quantity.map(|text| text.parse().unwrap()),
        event_time: Micros(time),
        ..deposit("a1", "one", amount, &format!("report-{time}"))
    })
}

fn held(quantity: &str, time: i64) -> Event<'static> {
    report(AccountMatter::Position, "0", Some(quantity), time)
}

fn balance(amount: &str, time: i64) -> Event<'static> {
    report(AccountMatter::Cash, amount, None, time)
}

/// With 1,000 and 5 of S, bought at 10; the broker may be a cent off.
fn harness() -> RiskHarness {
    let unreconciled = r#"{name="r", rule="unreconciled", breach="30", action="reducing"}"#;
    let mut harness = RiskHarness::with(RiskSettings {
        limits: limits(unreconciled),
        balance_tolerance: "0.01".parse().unwrap(),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "5", "10");
    harness
}

#[test]
fn a_difference_that_stands_is_told_with_both_sides_and_then_stops_trading() {
    let mut harness = harness();
    let said = harness.take(held("7", 100)).unwrap();
    assert!(said.alerts.is_empty(), "a fill may be on its way");
    let told = harness.wait(0);
    assert_eq!(
        told.alerts[0].message,
        "account a1: the broker reports 7 units of S as of 1970-01-01T00:00:00.000100Z, computed are \
         5 units of S; look at both before anything is traded there"
    );
    let verdict = &told.verdicts[0];
    assert_eq!(
        (verdict.reason.as_str(), verdict.value.to_string()),
        ("POSITION_DIFFERS", "2".into())
    );
    let asked = request("a1", "one", Side::Buy, "1");
    let refused = harness.take(Event::Request(asked)).unwrap();
    assert_eq!(refused.verdicts[0].reason, "UNRECONCILED");
    // 30 s since the report, of which 10 are over.
    let told = harness.wait(0);
    let verdict = told.verdicts.last().unwrap();
    assert_eq!(
        (verdict.rule.as_str(), verdict.guard),
        ("unreconciled", GuardState::Reducing)
    );

    let agreed = harness.take(held("5", 200)).unwrap();
    assert_eq!(agreed.verdicts[0].reason, "RECONCILED");
    assert!(agreed.alerts[0].message.contains("agrees again"));
    assert!(harness.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_fill_that_was_on_its_way_explains_a_report() {
    let mut harness = harness();
    harness.take(held("7", 100)).unwrap();
    let mut late = fill("a1", "one", "S", "2", "10");
    late.exec_id = ExecId::new("late");
    late.event_time = Micros(99);
    harness.take(Event::Fill(late)).unwrap();
    assert!(harness.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_report_from_before_what_is_counted_says_nothing() {
    let mut harness = harness();
    // The fill is of 6.
    harness.take(held("0", 5)).unwrap();
    assert!(harness.risk.reports.store.sorted().is_empty());
    // And one that is overtaken says nothing any more.
    harness.take(held("7", 100)).unwrap();
    let mut newer = fill("a1", "one", "S", "1", "10");
    newer.exec_id = ExecId::new("newer");
    newer.event_time = Micros(101);
    harness.take(Event::Fill(newer)).unwrap();
    assert!(harness.risk.reports.store.sorted().is_empty());
}

#[test]
fn balances_may_be_off_by_the_tolerance() {
    let mut harness = harness();
    // 1,000 less 50
    harness.take(balance("949.99", 100)).unwrap();
    assert!(harness.risk.reports.store.sorted().is_empty());
    harness.take(balance("949.98", 101)).unwrap();
    let told = harness.wait(0);
    assert_eq!(told.verdicts[0].reason, "BALANCE_DIFFERS");
    assert_eq!(told.verdicts[0].value.to_string(), "-0.02");
    assert!(
        told.alerts[0].message.contains("reports 949.98 USD"),
        "{}",
        told.alerts[0].message
    );
    // A deposit that is older than the report, and was missing.
    let mut missing = deposit("a1", "one", "-0.02", "missing");
    missing.event_time = Micros(90);
    let said = harness.take(Event::Account(missing)).unwrap();
    assert_eq!(said.verdicts[0].reason, "RECONCILED");
}

#[test]
fn an_unknown_fee_leaves_a_balance_uncompared() {
    let mut harness = harness();
    let mut bought = fill("a1", "one", "S", "1", "10");
    bought.exec_id = ExecId::new("unknown");
    bought.fee = None;
    harness.take(Event::Fill(bought)).unwrap();
    harness.take(balance("1", 100)).unwrap();
    assert!(harness.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_difference_outlives_a_restart_with_its_time() {
    let mut harness = harness();
    harness.take(held("7", 100)).unwrap();
    let (_, difference) = harness.risk.reports.store.sorted()[0];
    crate::golden::assert_golden(difference);
    let due = harness
        .risk
        .reports
        .wakes_at(&harness.risk.holdings.settings);
    let mut restored = RiskHarness::with(harness.risk.holdings.settings.clone());
    restored.put_back(&harness.changelog()).unwrap();
    assert_eq!(
        restored
            .risk
            .reports
            .wakes_at(&harness.risk.holdings.settings),
        due
    );
}
