use proptest::prelude::{prop, prop_assert_eq, proptest};
use tapeline_schemas::partition_of;

use super::*;
use crate::contract::Share;

fn desk_of(portfolio: &str) -> RiskHarness {
    let task = partition_of(portfolio.as_bytes(), 4);
    RiskHarness::with(RiskSettings {
        share: Share::new(task, 4),
        ..settings()
    })
}

#[test]
fn a_task_is_asked_about_its_own_portfolios_alone() {
    assert_ne!(partition_of(b"one", 4), partition_of(b"two", 4));
    let mut harness = desk_of("one");
    harness.deposit("a1", "one", "10");
    let event = deposit("b", "two", "10", "d");
    let refusal = harness.take(Event::Account(event)).err().unwrap();
    assert_eq!(refusal.reason, Reason::WrongPartition);
    let said = harness.command(command(CommandKind::Halt, "*")).unwrap();
    let told: Vec<_> = said.verdicts.iter().map(|v| v.portfolio.as_str()).collect();
    assert_eq!(told, ["one"]);
    let said = harness.command(command(CommandKind::Halt, "two")).unwrap();
    assert!(said.verdicts.is_empty(), "another task does");
}

#[test]
fn of_all_tasks_one_tells_of_a_limit() {
    let set = Command {
        limit: Some("day".into()),
        definition: Some(
            r#"{"name": "day", "rule": "position_count", "breach": "5", "action": "alert"}"#.into(),
        ),
        ..command(CommandKind::SetLimit, "*")
    };
    let faulty = Command {
        definition: Some("{}".into()),
        ..set.clone()
    };
    let (mut told, mut refused) = (0, 0);
    for task in 0..4 {
        let mut harness = RiskHarness::with(RiskSettings {
            share: Share::new(task, 4),
            ..settings()
        });
        told += harness.command(set.clone()).unwrap().verdicts.len();
        refused += usize::from(harness.command(faulty.clone()).is_err());
        assert!(harness.risk.active_limits.limits().get("day").is_some());
    }
    assert_eq!((told, refused), (1, 1));
}

/// What is decided about `one`, and what it is worth in the end.
fn decided(steps: &[(bool, i8, u8)], with_two: bool) -> (Vec<String>, Option<String>) {
    let mut harness = RiskHarness::new();
    let mut told = Vec::new();
    for (n, (is_one, quantity, price)) in steps.iter().enumerate() {
        let (account, portfolio) = if *is_one { ("a1", "one") } else { ("b", "two") };
        if *is_one || with_two {
            let mut trade = fill(
                account,
                portfolio,
                "S",
                &quantity.unsigned_abs().max(1).to_string(),
                "10",
            );
            trade.side = if *quantity < 0 { Side::Sell } else { Side::Buy };
            trade.exec_id = ExecId::new(format!("e{n}"));
            let said = harness.take(Event::Fill(trade)).unwrap();
            told.extend(said.verdicts);
        }
        let time = Micros(1000 + n as i64);
        let said = harness.take(mark("S", &price.to_string(), time)).unwrap();
        told.extend(said.verdicts);
    }
    let own = told
        .into_iter()
        .filter(|verdict| verdict.portfolio.as_str() == "one");
    (
        own.map(|verdict| verdict.message).collect(),
        harness.equity_of("one"),
    )
}

proptest! {
    #[test]
    fn another_portfolio_changes_nothing(
        steps in prop::collection::vec((prop::bool::ANY, -20..20_i8, 1..60_u8), 1..40)
    ) {
        prop_assert_eq!(decided(&steps, true), decided(&steps, false));
    }
}
