use std::io::{BufRead, IsTerminal};

use tapeline_kafka::{Admin, TopicChange};

use super::quiet_logs;
use crate::cli::PlanApply;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &PlanApply) -> Result<(), Failure> {
    quiet_logs(config);
    let admin = Admin::new(&config.kafka_settings()?)?;
    let changes = admin.plan()?;
    match action {
        PlanApply::Plan { json } => plan(&changes, *json),
        PlanApply::Apply { yes } => apply(&admin, &changes, *yes),
    }
}

fn plan(changes: &[TopicChange], json: bool) -> Result<(), Failure> {
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    if json {
        console::json(&serde_json::json!({ "changes": shown }))?;
    } else {
        shown.iter().for_each(console::line);
    }
    if changes.is_empty() {
        if !json {
            console::line("every topic is as it should be");
        }
        return Ok(());
    }
    Err(Failure::CheckFailed(format!(
        "{} changes are needed; `tapeline topics apply` makes them",
        changes.len()
    )))
}

fn apply(admin: &Admin, changes: &[TopicChange], yes: bool) -> Result<(), Failure> {
    for change in changes {
        console::line(change);
    }
    if changes.is_empty() {
        console::line("every topic is as it should be");
        return Ok(());
    }
    if !yes && !confirmed()? {
        return Err(Failure::CheckFailed("nothing was changed".to_owned()));
    }
    admin.apply(changes)?;
    console::line(format!("{} made", console::count(changes.len(), "change")));
    Ok(())
}

fn confirmed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "add --yes: there is no terminal to ask at".to_owned(),
        ));
    }
    console::say("make these changes? [y/N]");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::external)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
