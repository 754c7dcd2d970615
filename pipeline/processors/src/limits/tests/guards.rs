use tapeline_model::records::GuardState;

use super::*;

const BOTH: &str = r#"
    {name="halt", rule="max_drawdown", mode="static", basis="marked", breach="3000", action="halted"}
    {name="loss", rule="max_drawdown", mode="trailing", basis="marked", breach="2000", action="reducing"}
    {name="tell", rule="max_drawdown", mode="session", basis="marked", breach="100", action="alert"}
"#;

fn reset(harness: &mut LimitsHarness, overrides: &[&str]) -> Result<GuardChange, Reason> {
    let reset = command(CommandKind::Reset, overrides);
    let done = harness.watch.command(&reset, "v9", harness.now);
    done.map_err(|refusal| refusal.reason)
}

#[test]
fn a_breach_raises_the_guard_and_recovery_does_not_lower_it() {
    let mut harness = LimitsHarness::new(BOTH);
    harness.latch("10000", 1);
    harness.latch("9800", 1);
    assert_eq!(
        harness.watch.guard().state(),
        GuardState::Active,
        "an alert only tells"
    );
    let breached = harness.set_equity("7900");
    let change = harness
        .watch
        .latch(&breached[0], "v2", harness.now)
        .unwrap();
    assert_eq!(
        (change.from, change.to),
        (GuardState::Active, GuardState::Reducing)
    );
    assert_eq!(
        change.message,
        "growth is 2100 USD below its high, beyond its limit of 2000 USD"
    );
    harness.latch("6000", 3);
    assert_eq!(harness.watch.guard().state(), GuardState::Halted);
    harness.latch("12000", 4);
    assert_eq!(harness.watch.guard().state(), GuardState::Halted);
    let holds: Vec<&str> = harness
        .watch
        .guard()
        .causes()
        .iter()
        .map(|h| h.verdict_id.as_str())
        .collect();
    assert_eq!(holds, ["v2", "v3"]);
}

#[test]
fn a_reset_needs_who_why_and_every_verdict() {
    let mut harness = LimitsHarness::new(BOTH);
    assert_eq!(
        reset(&mut harness, &[]).unwrap_err(),
        Reason::NothingToReset
    );
    harness.latch("10000", 1);
    // Breached in the order of names: halt, loss, tell.
    harness.latch("6000", 1);
    let mut refused = |change: &dyn Fn(&mut Command)| {
        let mut reset = command(CommandKind::Reset, &["v1", "v2"]);
        change(&mut reset);
        let refusal = harness
            .watch
            .command(&reset, "v9", harness.now)
            .unwrap_err();
        assert_eq!(harness.watch.guard().state(), GuardState::Halted);
        (refusal.reason, refusal.message)
    };
    assert_eq!(
        refused(&|c| c.author = " ".to_owned()).0,
        Reason::ResetWithoutAuthor
    );
    assert_eq!(
        refused(&|c| c.reason = String::new()).0,
        Reason::ResetUnexplained
    );
    let (reason, message) = refused(&|c| c.overrides = vec!["v1".to_owned()]);
    assert_eq!(reason, Reason::ResetNotNamed);
    assert_eq!(
        message,
        "reset c1: the guard is HALTED because of verdicts that it does not name; look at them, then add to \
         `overrides`: v2"
    );
    assert_eq!(
        refused(&|c| c.kind = CommandKind::Unknown).0,
        Reason::UnknownCommand
    );
    let change = reset(&mut harness, &["v2", "an older one", "v1"]).unwrap();
    assert_eq!(
        (change.from, change.to),
        (GuardState::Halted, GuardState::Active)
    );
    assert_eq!(
        change.message,
        "maria reset the guard from HALTED: prices were wrong"
    );
    assert_eq!(harness.watch.guard().causes(), []);
}

#[test]
fn what_was_set_aside_speaks_up_again_once_it_is_worse_by_its_release() {
    let mut harness = LimitsHarness::new(
        r#"{name="loss", rule="max_drawdown", mode="static", basis="marked", breach="2000", action="reducing"}"#,
    );
    harness.latch("10000", 1);
    harness.latch("7900", 1);
    reset(&mut harness, &["v1"]).unwrap();
    assert_eq!(harness.latch("7900", 2), []);
    let quiet = |harness: &LimitsHarness, amount: &str| {
        harness
            .watch
            .quiet_range()
            .contains(&equity(amount), harness.now)
    };
    assert!(quiet(&harness, "7501"));
    assert!(!quiet(&harness, "7499"));
    // Set aside at 2,100; 20 % of 2,000 is 400, so 2,500 is still quiet.
    assert_eq!(harness.latch("7500", 2), []);
    assert_eq!(harness.watch.guard().state(), GuardState::Active);
    let worse = harness.latch("7499.99", 2);
    assert_eq!(LimitsHarness::grades(&worse), [Grade::Breach]);
    assert_eq!(
        worse[0].message,
        "growth is 2500.01 USD below its start, further beyond its limit of 2000 USD than when it was reset"
    );
    assert_eq!(harness.watch.guard().state(), GuardState::Reducing);
    assert_eq!(harness.latch("7000", 3), [], "told once");
}

#[test]
fn what_was_set_aside_speaks_up_again_once_it_was_back_and_is_breached_anew() {
    let mut harness = LimitsHarness::new(
        r#"{name="loss", rule="max_drawdown", mode="static", basis="marked", breach="2000", action="reducing"}"#,
    );
    harness.latch("10000", 1);
    harness.latch("7000", 1);
    reset(&mut harness, &["v1"]).unwrap();
    assert_eq!(
        LimitsHarness::grades(&harness.latch("9000", 2)),
        [Grade::Pass]
    );
    assert_eq!(
        LimitsHarness::grades(&harness.latch("7999", 3)),
        [Grade::Breach]
    );
    assert_eq!(harness.watch.guard().state(), GuardState::Reducing);
    assert_eq!(harness.watch.guard().causes()[0].verdict_id, "v3");
}

#[test]
fn a_breach_whose_value_is_unknown_at_the_reset_is_set_aside_as_it_was_told() {
    let mut harness = LimitsHarness::new(
        r#"{name="loss", rule="max_drawdown", mode="static", basis="marked", breach="2000", action="reducing"}"#,
    );
    harness.latch("10000", 1);
    harness.latch("7900", 1);
    harness.set_equity("7000");
    harness.whole.equity = Err(Missing::Price);
    harness.evaluate();
    reset(&mut harness, &["v1"]).unwrap();
    // Told at 2,100, so beyond 2,500.
    assert_eq!(
        LimitsHarness::grades(&harness.latch("7400", 2)),
        [Grade::Breach]
    );
}

#[test]
fn people_can_stop_trading_without_giving_a_reason() {
    let mut harness = LimitsHarness::new("");
    let reduce = Command {
        author: String::new(),
        ..command(CommandKind::Reduce, &[])
    };
    let change = harness.watch.command(&reduce, "v1", harness.now).unwrap();
    assert_eq!(
        (change.to, change.reason),
        (GuardState::Reducing, Reason::ReducedByPerson)
    );
    assert_eq!(
        change.message,
        "somebody allowed nothing but reducing: prices were wrong"
    );
    let halt = command(CommandKind::Halt, &[]);
    for verdict in ["v2", "v3"] {
        let change = harness.watch.command(&halt, verdict, harness.now).unwrap();
        assert_eq!(
            (change.to, change.reason),
            (GuardState::Halted, Reason::HaltedByPerson)
        );
    }
    assert_eq!(
        harness.watch.guard().causes().len(),
        2,
        "halted twice is halted once"
    );
    assert_eq!(
        reset(&mut harness, &["v1", "v3"]).unwrap_err(),
        Reason::ResetNotNamed
    );
    assert!(reset(&mut harness, &["v1", "v2"]).is_ok());
}

#[test]
fn a_limit_that_became_stricter_raises_the_guard_further_under_its_first_verdict() {
    let line = r#"{name="loss", rule="max_drawdown", mode="static", basis="marked", breach="2000", action="reducing"}"#;
    let mut harness = LimitsHarness::new(line);
    harness.latch("10000", 1);
    harness.latch("7900", 1);
    harness.limits = limits(&line.replace("reducing", "halted"));
    harness.plan = Plan::new(
        &harness.limits,
        &calendars(),
        &harness.portfolio,
        harness.accounts.keys(),
    );
    harness.watch.adopt(&harness.plan);
    harness.latch("10000", 2);
    harness.latch("7900", 3);
    assert_eq!(harness.watch.guard().state(), GuardState::Halted);
    let holds = harness.watch.guard().causes();
    assert_eq!((holds.len(), holds[0].verdict_id.as_str()), (1, "v1"));
}

#[test]
fn a_removed_limit_still_holds_the_guard_up() {
    let mut harness = LimitsHarness::new(BOTH);
    harness.latch("10000", 1);
    harness.latch("7900", 1);
    harness.limits.remove("loss");
    harness.plan = Plan::new(
        &harness.limits,
        &calendars(),
        &harness.portfolio,
        harness.accounts.keys(),
    );
    harness.watch.adopt(&harness.plan);
    harness.latch("7900", 5);
    assert_eq!(harness.watch.guard().state(), GuardState::Reducing);
    assert_eq!(harness.watch.status("loss", ""), None);
}
