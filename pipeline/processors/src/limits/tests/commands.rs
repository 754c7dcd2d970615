use super::*;

fn set(definition: &str) -> Command {
    Command {
        limit: Some("day".to_owned()),
        definition: Some(definition.to_owned()),
        ..command(CommandKind::SetLimit, &[])
    }
}

const DAY: &str = r#"{"name": "day", "rule": "daily_loss", "basis": "marked", "breach": "2000", "action": "reducing"}"#;

#[test]
fn a_command_sets_a_limit_anew_and_counts_its_versions() {
    let mut limits = Limits::default();
    for (version, breach) in [(1, "2000"), (2, "3000")] {
        let command = set(&DAY.replace("2000", breach));
        let change = LimitChange::from_command(&command, &limits, &calendars()).unwrap();
        change.apply(&mut limits, &calendars()).unwrap();
        let limit = limits.get("day").unwrap();
        assert_eq!((limit.version, limit.author.as_str()), (version, "maria"));
        assert_eq!(limit.levels.unwrap().breach.at, money(breach));
    }
    let remove = Command {
        definition: None,
        kind: CommandKind::RemoveLimit,
        ..set("")
    };
    let change = LimitChange::from_command(&remove, &limits, &calendars()).unwrap();
    change.apply(&mut limits, &calendars()).unwrap();
    assert_eq!(limits.get("day"), None);
    let again = LimitChange::from_command(&remove, &limits, &calendars()).unwrap_err();
    assert_eq!(again.reason, Reason::UnknownLimit);
}

#[test]
fn a_command_with_a_fault_changes_nothing_and_says_what_to_write() {
    let kept =
        limits(r#"{name="kept", rule="daily_loss", basis="marked", breach="1", action="alert"}"#);
    let refused = |command: Command| {
        let refusal = LimitChange::from_command(&command, &kept, &calendars()).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadLimit);
        refusal.message
    };
    assert_eq!(
        refused(set(DAY)),
        "command c1: limits.day.rule: `daily_loss` contradicts the limit kept, which has the same rule, mode and \
         scope (everything); keep one of them"
    );
    assert_eq!(
        refused(set(&DAY.replace("\"day\"", "\"night\""))),
        "command c1: definition.name: `night` must be the name that the command gives, `day`"
    );
    assert!(refused(set("{")).starts_with("command c1: definition: is no limit (EOF"));
    let nameless = Command {
        author: String::new(),
        ..set(DAY)
    };
    assert_eq!(
        refused(nameless),
        "command c1: say in `author` who changes the limit"
    );
    let empty = Command {
        definition: None,
        ..set(DAY)
    };
    assert_eq!(
        refused(empty),
        "command c1: write the limit in `definition`, as JSON"
    );
}
