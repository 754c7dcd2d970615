use super::*;

fn set(definition: &str) -> Command {
    Command {
        limit: Some("day".into()),
        definition: Some(definition.into()),
        ..command(CommandKind::SetLimit, "*")
    }
}

const GROSS: &str =
    r#"{"name": "day", "rule": "gross_exposure", "breach": "100", "action": "reducing"}"#;

#[test]
fn a_stop_for_everybody_holds_in_every_portfolio() {
    let mut harness = RiskHarness::new();
    let said = harness.command(command(CommandKind::Halt, "*")).unwrap();
    let told: Vec<_> = said
        .verdicts
        .iter()
        .map(|v| (v.portfolio.as_str(), v.guard, v.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("one", GuardState::Halted, "HALTED_BY_PERSON"),
            ("two", GuardState::Halted, "HALTED_BY_PERSON")
        ]
    );
    assert_eq!(
        said.alerts[0].message,
        "maria halted trading: prices were wrong"
    );
    let everybody = harness
        .command(command(CommandKind::Reset, "*"))
        .err()
        .unwrap();
    assert_eq!(everybody.reason, Reason::ResetNotNamed);
    let nobody = harness
        .command(command(CommandKind::Halt, "three"))
        .err()
        .unwrap();
    assert_eq!(nobody.reason, Reason::WrongPortfolio);
    let unknown = harness
        .command(command(CommandKind::Unknown, "*"))
        .err()
        .unwrap();
    assert_eq!(unknown.reason, Reason::UnknownCommand);
}

#[test]
fn a_limit_that_is_set_is_in_force_at_once_and_after_a_restart() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "50", "10");
    let said = harness.command(set(GROSS)).unwrap();
    let told: Vec<_> = said
        .verdicts
        .iter()
        .map(|v| {
            (
                v.portfolio.as_str(),
                v.reason.as_str(),
                v.limit_author.as_str(),
                v.limit_version,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("*", "LIMIT_CHANGED", "maria", 1),
            ("one", "GROSS_EXPOSURE_BREACHED", "maria", 1)
        ]
    );
    assert_eq!(said.verdicts[1].guard, GuardState::Reducing);
    assert!(
        said.verdicts[0]
            .message
            .starts_with("maria changed a limit (prices were wrong): now day:")
    );

    let mut restored = RiskHarness::new();
    restored.put_back(&harness.changelog()).unwrap();
    restored.offset = harness.offset;
    assert!(
        restored.wait(0).verdicts.is_empty(),
        "nothing is told twice"
    );
    restored.mark("S", "10");
    let equity = restored.commit().equity.pop().unwrap();
    assert_eq!(
        (equity.guard, equity.limits[0].limit.as_str()),
        (GuardState::Reducing, "day")
    );

    let again = harness.command(set(GROSS)).unwrap();
    assert_eq!(again.verdicts[0].limit_version, 2);
    let mut remove = command(CommandKind::RemoveLimit, "*");
    remove.limit = Some("day".into());
    let said = harness.command(remove.clone()).unwrap();
    assert!(said.verdicts[0].message.contains("now it is removed"));
    let gone = harness.command(remove).err().unwrap();
    assert_eq!(gone.reason, Reason::UnknownLimit);
}

#[test]
fn a_limit_with_a_fault_is_refused_and_changes_nothing() {
    let mut harness = RiskHarness::new();
    let faulty = GROSS.replace("\"100\"", "\"100\", \"warn\": \"200\"");
    let refusal = harness.command(set(&faulty)).err().unwrap();
    assert_eq!(refusal.reason, Reason::BadLimit);
    assert!(
        refusal.message.contains("limits.day.warn"),
        "{}",
        refusal.message
    );
    let mut of_one = set(GROSS);
    of_one.portfolio = PortfolioId::new("one");
    let refusal = harness.command(of_one).err().unwrap();
    assert!(refusal.message.contains("write `*`"), "{}", refusal.message);
    let keeps =
        |harness: &mut RiskHarness| harness.changelog().iter().any(|(_, key, _)| key == b"day");
    assert!(!keeps(&mut harness));
    harness.command(set(GROSS)).unwrap();
    assert!(
        keeps(&mut harness),
        "a limit without a fault is kept by its name"
    );
}

#[test]
fn a_limit_that_does_not_fit_the_configuration_any_more_keeps_the_task_from_starting() {
    let mut harness = RiskHarness::new();
    harness.command(set(GROSS)).unwrap();
    let gross = r#"{name="other", rule="gross_exposure", breach="5", action="alert"}"#;
    let mut restored = RiskHarness::with(RiskSettings {
        limits: limits(gross),
        ..settings()
    });
    let error = restored.put_back(&harness.changelog());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("limit day that maria set") && error.contains("other"),
        "{error}"
    );
}
