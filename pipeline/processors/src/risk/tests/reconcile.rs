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
fn desk() -> Desk {
    let unreconciled = r#"{name="r", rule="unreconciled", breach="30", action="reducing"}"#;
    let mut desk = Desk::with(RiskSettings {
        limits: limits(unreconciled),
        balance_tolerance: "0.01".parse().unwrap(),
        ..settings()
    });
    desk.deposit("a1", "one", "1000");
    desk.mark("S", "10");
    desk.buy("a1", "one", "S", "5", "10");
    desk
}

#[test]
fn a_difference_that_stands_is_told_with_both_sides_and_then_stops_trading() {
    let mut desk = desk();
    let said = desk.take(held("7", 100)).unwrap();
    assert!(said.alerts.is_empty(), "a fill may be on its way");
    let told = desk.wait(0);
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
    let refused = desk.take(Event::Request(asked)).unwrap();
    assert_eq!(refused.verdicts[0].reason, "UNRECONCILED");
    // 30 s since the report, of which 10 are over.
    let told = desk.wait(0);
    let verdict = told.verdicts.last().unwrap();
    assert_eq!(
        (verdict.rule.as_str(), verdict.guard),
        ("unreconciled", GuardState::Reducing)
    );

    let agreed = desk.take(held("5", 200)).unwrap();
    assert_eq!(agreed.verdicts[0].reason, "RECONCILED");
    assert!(agreed.alerts[0].message.contains("agrees again"));
    assert!(desk.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_fill_that_was_on_its_way_explains_a_report() {
    let mut desk = desk();
    desk.take(held("7", 100)).unwrap();
    let mut late = fill("a1", "one", "S", "2", "10");
    late.exec_id = ExecId::new("late");
    late.event_time = Micros(99);
    desk.take(Event::Fill(late)).unwrap();
    assert!(desk.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_report_from_before_what_is_counted_says_nothing() {
    let mut desk = desk();
    // The fill is of 6.
    desk.take(held("0", 5)).unwrap();
    assert!(desk.risk.reports.store.sorted().is_empty());
    // And one that is overtaken says nothing any more.
    desk.take(held("7", 100)).unwrap();
    let mut newer = fill("a1", "one", "S", "1", "10");
    newer.exec_id = ExecId::new("newer");
    newer.event_time = Micros(101);
    desk.take(Event::Fill(newer)).unwrap();
    assert!(desk.risk.reports.store.sorted().is_empty());
}

#[test]
fn balances_may_be_off_by_the_tolerance() {
    let mut desk = desk();
    // 1,000 less 50
    desk.take(balance("949.99", 100)).unwrap();
    assert!(desk.risk.reports.store.sorted().is_empty());
    desk.take(balance("949.98", 101)).unwrap();
    let told = desk.wait(0);
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
    let said = desk.take(Event::Account(missing)).unwrap();
    assert_eq!(said.verdicts[0].reason, "RECONCILED");
}

#[test]
fn an_unknown_fee_leaves_a_balance_uncompared() {
    let mut desk = desk();
    let mut bought = fill("a1", "one", "S", "1", "10");
    bought.exec_id = ExecId::new("unknown");
    bought.fee = None;
    desk.take(Event::Fill(bought)).unwrap();
    desk.take(balance("1", 100)).unwrap();
    assert!(desk.risk.reports.store.sorted().is_empty());
}

#[test]
fn a_difference_outlives_a_restart_with_its_time() {
    let mut desk = desk();
    desk.take(held("7", 100)).unwrap();
    let (_, difference) = desk.risk.reports.store.sorted()[0];
    crate::golden::assert_golden(difference);
    let due = desk.risk.reports.wakes_at(&desk.risk.holdings.settings);
    let mut restored = Desk::with(desk.risk.holdings.settings.clone());
    restored.put_back(&desk.changelog()).unwrap();
    assert_eq!(
        restored.risk.reports.wakes_at(&desk.risk.holdings.settings),
        due
    );
}
