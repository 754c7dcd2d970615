use super::*;

#[test]
fn a_drawdown_beyond_the_limit_is_told_once_with_its_cause() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "50", "10");
    assert!(harness.mark("S", "11").alerts.is_empty(), "a profit");
    // High is 1000 + 50; at 8.9 equity is 945, at 8.99 it is 949.5
    assert!(
        harness.mark("S", "9").alerts.is_empty(),
        "exactly at the limit"
    );
    let said = harness.mark("S", "8.99");
    assert_eq!(said.alerts.len(), 1);
    assert_eq!(
        said.alerts[0].message,
        "one is 100.5 USD below its high, beyond its limit of 100 USD"
    );
    let verdict = &said.verdicts[0];
    assert_eq!(verdict.outcome, Outcome::Breach);
    assert_eq!(verdict.reason, "DRAWDOWN_BREACHED");
    assert_eq!(verdict.distance.to_string(), "-0.5");
    assert_eq!(verdict.config_hash, "hash");
    assert_eq!(
        (verdict.cause_topic.as_str(), verdict.cause_offset),
        ("market.marks", 5)
    );
    assert!(harness.mark("S", "5").alerts.is_empty(), "told already");
    let said = harness.mark("S", "10");
    assert_eq!(said.verdicts[0].reason, "DRAWDOWN_RECOVERED");
    assert_eq!(
        harness.mark("S", "5").alerts.len(),
        1,
        "a new breach is told anew"
    );
}

#[test]
fn the_limit_is_the_portfolios_own_and_spans_its_accounts() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.deposit("b", "two", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "6", "10");
    harness.buy("a2", "one", "S", "6", "10");
    harness.buy("b", "two", "S", "50", "10");
    let said = harness.mark("S", "1");
    // 12 × 9 = 108 lost over both accounts of `one`; `two` may lose a million
    let subjects: Vec<&str> = said.alerts.iter().map(|a| a.subject.as_str()).collect();
    assert_eq!(subjects, ["one"]);
}

#[test]
fn a_price_reaches_all_accounts_of_a_portfolio_before_it_is_judged() {
    let mut harness = RiskHarness::new();
    harness.mark("S", "100");
    harness.buy("a1", "one", "S", "10", "100");
    let mut short = fill("a2", "one", "S", "10", "100");
    short.side = Side::Sell;
    short.exec_id = ExecId::new("short");
    harness.take(Event::Fill(short)).unwrap();
    let before = harness.equity_of("one");
    // Ten long and ten short: worth the same at any price, and 1000 more only in
    // between.
    for price in ["200", "50"] {
        let said = harness.mark("S", price);
        assert!(said.verdicts.is_empty() && said.alerts.is_empty());
        assert_eq!(harness.equity_of("one"), before);
    }
}

#[test]
fn a_missing_price_makes_equity_missing_not_zero() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    let said = harness.buy("a1", "one", "S", "50", "10");
    assert_eq!(said.positions[0].unrealised, None);
    assert_eq!(harness.equity_of("one"), None);
    let equity = harness.commit().equity.pop().unwrap();
    assert_eq!(
        (equity.equity, equity.drawdown, equity.missing_prices),
        (None, None, 1)
    );
    harness.mark("S", "9");
    assert_eq!(harness.equity_of("one").as_deref(), Some("950"));
}

#[test]
fn deposits_and_withdrawals_are_no_profit_and_no_drawdown() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    assert!(harness.deposit("a1", "one", "-900").alerts.is_empty());
    harness.deposit("a1", "one", "5000");
    let equity = harness.commit().equity.pop().unwrap();
    assert_eq!(equity.equity.unwrap().to_string(), "5100");
    assert_eq!(equity.drawdown.unwrap().to_string(), "0");
}

#[test]
fn a_repeated_report_changes_nothing() {
    let mut harness = RiskHarness::new();
    let event = deposit("a1", "one", "1000", "d");
    harness.take(Event::Account(event.clone())).unwrap();
    harness.take(Event::Account(event)).unwrap();
    let buy = fill("a1", "one", "S", "1", "10");
    assert_eq!(
        harness
            .take(Event::Fill(buy.clone()))
            .unwrap()
            .positions
            .len(),
        1
    );
    assert!(harness.take(Event::Fill(buy)).unwrap().positions.is_empty());
    harness.mark("S", "11");
    assert_eq!(harness.equity_of("one").as_deref(), Some("1001"));
}

#[test]
fn equity_is_conflated_to_one_record_a_portfolio_and_commit() {
    let mut harness = RiskHarness::new();
    harness.deposit("b", "two", "10");
    harness.deposit("a1", "one", "10");
    harness.deposit("a1", "one", "10");
    let names: Vec<String> = harness
        .commit()
        .equity
        .iter()
        .filter(|e| e.account.is_none())
        .map(|e| e.portfolio.to_string())
        .collect();
    assert_eq!(names, ["one", "two"]);
    assert!(harness.commit().equity.is_empty());
}

#[test]
fn strangers_are_refused_by_name() {
    let mut harness = RiskHarness::new();
    let mut reason = |event| harness.take(event).err().map(|r| (r.reason, r.message));
    let (code, message) = reason(Event::Fill(fill("nobody", "one", "S", "1", "1"))).unwrap();
    assert_eq!(code, Reason::UnknownAccount);
    assert_eq!(
        message,
        "account nobody is unknown: add it under [[accounts]]"
    );
    let (code, _) = reason(Event::Fill(fill("a1", "two", "S", "1", "1"))).unwrap();
    assert_eq!(code, Reason::WrongPortfolio);
    let mut nonsense = deposit("a1", "one", "1", "d");
    nonsense.currency = "US dollars".into();
    assert_eq!(
        reason(Event::Account(nonsense)).unwrap().0,
        Reason::NotACurrency
    );
    let mut ancient = fill("a1", "one", "S", "1", "1");
    ancient.event_time = Micros(-5);
    assert_eq!(reason(Event::Fill(ancient)).unwrap().0, Reason::BadTime);
}

#[test]
fn a_late_mark_does_not_move_the_price_back() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "10", "10");
    harness.mark("S", "12");
    harness.take(mark("S", "1", Micros(3))).unwrap();
    assert_eq!(harness.equity_of("one").as_deref(), Some("1020"));
}
