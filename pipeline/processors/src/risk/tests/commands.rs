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
    let mut desk = Desk::new();
    let said = desk.command(command(CommandKind::Halt, "*")).unwrap();
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
    let everybody = desk
        .command(command(CommandKind::Reset, "*"))
        .err()
        .unwrap();
    assert_eq!(everybody.reason, Reason::ResetNotNamed);
    let nobody = desk
        .command(command(CommandKind::Halt, "three"))
        .err()
        .unwrap();
    assert_eq!(nobody.reason, Reason::WrongPortfolio);
    let unknown = desk
        .command(command(CommandKind::Unknown, "*"))
        .err()
        .unwrap();
    assert_eq!(unknown.reason, Reason::UnknownCommand);
}

#[test]
fn a_limit_that_is_set_is_in_force_at_once_and_after_a_restart() {
    let mut desk = Desk::new();
    desk.deposit("a1", "one", "1000");
    desk.mark("S", "10");
    desk.buy("a1", "one", "S", "50", "10");
    let said = desk.command(set(GROSS)).unwrap();
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

    let mut restored = Desk::new();
    restored.put_back(&desk.changelog()).unwrap();
    restored.offset = desk.offset;
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

    let again = desk.command(set(GROSS)).unwrap();
    assert_eq!(again.verdicts[0].limit_version, 2);
    let mut remove = command(CommandKind::RemoveLimit, "*");
    remove.limit = Some("day".into());
    let said = desk.command(remove.clone()).unwrap();
    assert!(said.verdicts[0].message.contains("now it is removed"));
    let gone = desk.command(remove).err().unwrap();
    assert_eq!(gone.reason, Reason::UnknownLimit);
}

#[test]
fn a_limit_with_a_fault_is_refused_and_changes_nothing() {
    let mut desk = Desk::new();
    let faulty = GROSS.replace("\"100\"", "\"100\", \"warn\": \"200\"");
    let refusal = desk.command(set(&faulty)).err().unwrap();
    assert_eq!(refusal.reason, Reason::BadLimit);
    assert!(
        refusal.message.contains("limits.day.warn"),
        "{}",
        refusal.message
    );
    let mut of_one = set(GROSS);
    of_one.portfolio = PortfolioId::new("one");
    let refusal = desk.command(of_one).err().unwrap();
    assert!(refusal.message.contains("write `*`"), "{}", refusal.message);
    let keeps = |desk: &mut Desk| desk.changelog().iter().any(|(_, key, _)| key == b"day");
    assert!(!keeps(&mut desk));
    desk.command(set(GROSS)).unwrap();
    assert!(
        keeps(&mut desk),
        "a limit without a fault is kept by its name"
    );
}

#[test]
fn a_limit_that_does_not_fit_the_configuration_any_more_keeps_the_task_from_starting() {
    let mut desk = Desk::new();
    desk.command(set(GROSS)).unwrap();
    let gross = r#"{name="other", rule="gross_exposure", breach="5", action="alert"}"#;
    let mut restored = Desk::with(RiskSettings {
        limits: limits(gross),
        ..settings()
    });
    let error = restored.put_back(&desk.changelog());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("limit day that maria set") && error.contains("other"),
        "{error}"
    );
}
