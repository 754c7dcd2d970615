use super::*;

/// Portfolio `one` may lose 100 from its high and is halted then, warned at 60.
const STOPS: &str = r#"
    {name="dd", rule="max_drawdown", mode="trailing", basis="marked", portfolio="one", warn="60", breach="100", action="halted"}
    {name="session", rule="lost_session", breach="60", action="reducing"}
    {name="row", rule="loss_streak", breach="1", action="reducing"}
"#;

fn harness() -> RiskHarness {
    let mut harness = RiskHarness::with(RiskSettings {
        limits: limits(STOPS),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness
}

fn guard(harness: &mut RiskHarness) -> (GuardState, Vec<String>) {
    let equity = harness.commit().equity.pop().unwrap();
    (equity.guard, equity.held_by)
}

#[test]
fn a_warning_comes_first_and_a_breach_halts_until_a_person_resets_it() {
    let mut harness = harness();
    harness.buy("a1", "one", "S", "50", "10");
    // 50 × 1.30 lost
    let warned = harness.mark("S", "8.7");
    let verdict = &warned.verdicts[0];
    assert_eq!(
        (verdict.grade, verdict.outcome),
        (Grade::Warn, Outcome::Pass)
    );
    assert_eq!(verdict.guard, GuardState::Active);
    assert_eq!(
        warned.alerts[0].message,
        "one is 65 USD below its high, beyond its warning level of 60 USD; its limit is 100 USD"
    );
    assert_eq!(warned.alerts[0].severity, Severity::Warning);

    // 50 × 2.20 lost
    let halted = harness.mark("S", "7.8");
    let verdict = &halted.verdicts[0];
    assert_eq!(verdict.guard, GuardState::Halted);
    assert_eq!(verdict.limit_name, "dd");
    assert_eq!(verdict.marks.len(), 1);
    assert_eq!(verdict.marks[0].price, Some("7.8".parse().unwrap()));
    assert_eq!(
        halted.alerts[0].message,
        "one is 110 USD below its high, beyond its limit of 100 USD; \
         trading is halted until a person resets it"
    );
    assert_eq!(halted.alerts[0].key, "one/dd");

    // Back within, and still halted.
    assert_eq!(
        harness.mark("S", "10").verdicts[0].guard,
        GuardState::Halted
    );
    let held_by = verdict.verdict_id.to_string();
    assert_eq!(
        guard(&mut harness),
        (GuardState::Halted, vec![held_by.clone()])
    );
    let refused = harness
        .take(Event::Request(request("a1", "one", Side::Sell, "1")))
        .unwrap();
    assert_eq!(refused.verdicts[0].grade, Grade::Refuse);
    assert_eq!(refused.verdicts[0].reason, "GUARD_HALTED");

    let unnamed = harness
        .command(command(CommandKind::Reset, "one"))
        .err()
        .unwrap();
    assert_eq!(unnamed.reason, Reason::ResetNotNamed);
    assert!(unnamed.message.contains(&held_by), "{}", unnamed.message);
    let mut named = command(CommandKind::Reset, "one");
    named.overrides = vec![held_by.clone()];
    let reset = harness.command(named).unwrap();
    let verdict = &reset.verdicts[0];
    assert_eq!(
        (verdict.grade, verdict.guard),
        (Grade::Reset, GuardState::Active)
    );
    assert_eq!(
        (verdict.author.as_str(), &verdict.overrides),
        ("maria", &vec![held_by])
    );
    assert_eq!(
        reset.alerts[0].message,
        "maria reset the guard from HALTED: prices were wrong"
    );
    assert_eq!(guard(&mut harness), (GuardState::Active, Vec::new()));
}

#[test]
fn a_session_that_stays_away_for_a_minute_lets_only_reducing_pass() {
    let mut harness = harness();
    harness.buy("a1", "one", "S", "10", "10");
    harness
        .take(auth(AuthEventKind::SessionLost, "a1", "one"))
        .unwrap();
    // At once nothing is raised there any more ...
    let refused = harness
        .take(Event::Request(request("a1", "one", Side::Buy, "1")))
        .unwrap();
    assert_eq!(refused.verdicts[0].reason, "SESSION_LOST");
    // ... and after a minute in the whole portfolio.
    let told = harness.wait(0);
    let verdict = told.verdicts.last().unwrap();
    assert_eq!(
        (verdict.rule.as_str(), verdict.guard),
        ("lost_session", GuardState::Reducing)
    );
    assert_eq!(
        (verdict.cause_topic.as_str(), verdict.group.as_str()),
        ("time", "a1")
    );
    harness.mark("S", "10");
    let mut other = |side, quantity| {
        let asked = request("a1", "one", side, quantity);
        let said = harness.take(Event::Request(asked)).unwrap();
        said.verdicts[0].reason.clone()
    };
    assert_eq!(other(Side::Sell, "4"), "WITHIN_LIMITS");
    assert_eq!(
        other(Side::Sell, "11"),
        "GUARD_REDUCING",
        "it would flip the position"
    );
    harness
        .take(auth(AuthEventKind::LoginSucceeded, "a1", "one"))
        .unwrap();
    assert_eq!(guard(&mut harness).0, GuardState::Reducing, "it is latched");
}

#[test]
fn logins_that_are_of_no_account_are_not_our_matter() {
    let mut harness = harness();
    let said = harness
        .take(auth(AuthEventKind::SessionLost, "feed", "nobody"))
        .unwrap();
    assert!(said.verdicts.is_empty() && said.alerts.is_empty());
}

#[test]
fn parts_of_one_exit_are_one_losing_trade_and_a_flip_begins_another() {
    let mut harness = harness();
    let mut n = 0;
    let mut trade = |harness: &mut RiskHarness, side: Side, quantity: &str, price: &str| {
        n += 1;
        let mut fill = fill("a1", "one", "S", quantity, price);
        fill.side = side;
        fill.exec_id = ExecId::new(format!("t{n}"));
        fill.event_time = Micros(100 + n);
        let said = harness.take(Event::Fill(fill)).unwrap();
        let mut rules = said.verdicts.iter().map(|verdict| verdict.rule.clone());
        rules.any(|rule| rule == "loss_streak")
    };
    // Lost 2 in two parts: one trade.
    trade(&mut harness, Side::Buy, "2", "10");
    assert!(!trade(&mut harness, Side::Sell, "1", "9"));
    assert!(!trade(&mut harness, Side::Sell, "1", "9"));
    // Lost 1 by a sale that goes short: the second one in a row.
    trade(&mut harness, Side::Buy, "1", "10");
    assert!(trade(&mut harness, Side::Sell, "3", "9"));
    // Bought back lower: won, and back within.
    assert!(trade(&mut harness, Side::Buy, "2", "8"));
}

#[test]
fn the_nearest_limit_stands_first_in_the_figures() {
    let mut harness = RiskHarness::with(RiskSettings {
        limits: limits(
            r#"
            {name="a", rule="gross_exposure", breach="10000", action="alert"}
            {name="b", rule="max_drawdown", mode="static", basis="marked", breach="100", action="alert"}
            {name="c", rule="symbol_exposure", breach="1000", action="alert"}
            "#,
        ),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "50", "10");
    harness.mark("S", "9");
    let equity = harness.commit().equity.pop().unwrap();
    let limits: Vec<String> = equity
        .limits
        .iter()
        .map(|l| {
            format!(
                "{} {} {} of {}",
                l.limit,
                l.group,
                l.value.unwrap(),
                l.level
            )
        })
        .collect();
    // 50 lost of 100; 450 held of 1,000; 450 of 10,000
    assert_eq!(
        limits,
        ["b  50 of 100", "c S 450 of 1000", "a  450 of 10000"]
    );
}

#[test]
fn state_of_trades_keeps_its_bytes() {
    let mut harness = harness();
    let mut bought = fill("a1", "one", "S", "2", "10");
    bought.strategy = Some("trend".into());
    harness.take(Event::Fill(bought)).unwrap();
    let (_, trade) = harness.risk.trades.store.sorted()[0];
    crate::golden::assert_golden(trade);
}

fn stop(kind: CommandKind, author: &str, id: &str) -> Command {
    Command {
        command_id: id.into(),
        author: author.into(),
        ..command(kind, "one")
    }
}

fn reset(harness: &mut RiskHarness, named: &[&String]) -> Result<GuardState, Reason> {
    let mut reset = command(CommandKind::Reset, "one");
    reset.overrides = named.iter().map(|id| (*id).clone()).collect();
    let said = harness.command(reset).map_err(|refusal| refusal.reason)?;
    Ok(said.verdicts[0].guard)
}

#[test]
fn what_several_people_stopped_goes_on_once_all_is_named_also_after_a_restart() {
    let script = |harness: &mut RiskHarness| -> Vec<String> {
        harness.deposit("a1", "one", "1000");
        [
            stop(CommandKind::Halt, "maria", "c1"),
            stop(CommandKind::Halt, "jonas", "c2"),
            stop(CommandKind::Reduce, "ann", "c3"),
        ]
        .into_iter()
        .map(|command| {
            let said = harness.command(command).unwrap();
            assert_eq!(said.verdicts.len(), 1);
            said.verdicts[0].verdict_id.to_string()
        })
        .collect()
    };
    let mut original = harness();
    let named = script(&mut original);
    assert_eq!(guard(&mut original), (GuardState::Halted, named.clone()));
    let log = original.changelog();
    let mut again = harness();
    script(&mut again);
    again.commit();
    assert_eq!(again.changelog(), log, "the same records, the same bytes");

    let mut restored = harness();
    restored.put_back(&log).unwrap();
    restored.offset = original.offset;
    for harness in [&mut original, &mut restored] {
        let unnamed = Err(Reason::ResetNotNamed);
        assert_eq!(reset(harness, &[&named[0]]), unnamed);
        assert_eq!(reset(harness, &[&named[0], &named[2]]), unnamed);
        harness
            .command(stop(CommandKind::Halt, "jonas", "c2"))
            .unwrap();
        harness.deposit("a1", "one", "1");
        assert_eq!(guard(harness), (GuardState::Halted, named.clone()));
        let all: Vec<&String> = named.iter().collect();
        assert_eq!(reset(harness, &all), Ok(GuardState::Active));
        assert_eq!(guard(harness), (GuardState::Active, Vec::new()));
    }
}

#[test]
fn beyond_256_causes_the_newest_verdict_says_that_it_stands_for_others() {
    let mut harness = harness();
    harness.buy("a1", "one", "S", "50", "10");
    for n in 0..256 {
        let id = format!("c{n}");
        harness
            .command(stop(CommandKind::Reduce, "ann", &id))
            .unwrap();
    }
    let note = "256 causes hold already, so this verdict stands for all later ones, ";
    let halted = harness.mark("S", "7");
    let message = &halted.verdicts[0].message;
    assert!(message.ends_with(&format!("{note}1 by now")), "{message}");
    assert_eq!(halted.alerts[0].message, *message);
    let halt = stop(CommandKind::Halt, "jonas", "later");
    let said = harness.command(halt).unwrap();
    let message = &said.verdicts[0].message;
    assert!(message.ends_with(&format!("{note}2 by now")), "{message}");
    let (state, held_by) = guard(&mut harness);
    assert_eq!((state, held_by.len()), (GuardState::Halted, 257));
    assert_eq!(held_by[256], said.verdicts[0].verdict_id.to_string());

    let mut restored = self::harness();
    restored.put_back(&harness.changelog()).unwrap();
    restored.offset = harness.offset;
    restored.mark("S", "7");
    assert_eq!(guard(&mut restored), (state, held_by.clone()));
    let all: Vec<&String> = held_by.iter().collect();
    assert_eq!(
        reset(&mut restored, &all[..256]),
        Err(Reason::ResetNotNamed)
    );
    assert_eq!(reset(&mut restored, &all), Ok(GuardState::Active));
}
