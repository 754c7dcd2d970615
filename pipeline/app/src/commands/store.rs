use tapeline_clickhouse::{Plan, Store};

use super::{block_on, quiet_logs};
use crate::cli;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &cli::Store) -> Result<(), Failure> {
    quiet_logs(config);
    let settings = config.store_settings()?;
    block_on(async {
        let store = Store::connect(&settings)?;
        match action {
            cli::Store::Plan { json } => {
                show_plan(&tapeline_clickhouse::plan(&store).await?, *json)
            }
            cli::Store::Status { json } => {
                show_status(&tapeline_clickhouse::plan(&store).await?, *json)
            }
            cli::Store::Apply => {
                let applied = tapeline_clickhouse::apply(&store).await?;
                for step in &applied {
                    console::line(format!("applied {} {}", step.version, step.name));
                }
                if applied.is_empty() {
                    console::line("every table is as it should be");
                }
                Ok(())
            }
        }
    })
}

fn show_plan(plan: &Plan, json: bool) -> Result<(), Failure> {
    if json {
        console::json(plan)?;
    } else {
        for step in &plan.pending {
            console::line(format!("apply {} {}", step.version, step.name));
        }
        for drift in &plan.drifted {
            console::line(format!(
                "{} {}: {}",
                drift.version, drift.name, drift.problem
            ));
        }
    }
    if plan.is_current() {
        if !json {
            console::line("every table is as it should be");
        }
        return Ok(());
    }
    Err(Failure::NotSo(
        "the tables differ; `tapeline store apply` brings them up to date".to_owned(),
    ))
}

fn show_status(plan: &Plan, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(plan);
    }
    let row = |state: &str, version: u32, name: &str| {
        vec![version.to_string(), name.to_owned(), state.to_owned()]
    };
    let mut rows: Vec<Vec<String>> = plan
        .applied
        .iter()
        .map(|step| row("applied", step.version, &step.name))
        .collect();
    rows.extend(
        plan.drifted
            .iter()
            .map(|d| row(&d.problem, d.version, &d.name)),
    );
    rows.extend(
        plan.pending
            .iter()
            .map(|step| row("pending", step.version, &step.name)),
    );
    console::table(&["VERSION", "NAME", "STATE"], &rows);
    Ok(())
}
