mod archive;

use std::time::Duration;

use serde::Serialize;
use tapeline_clickhouse::{Plan, Rebuilt, RetentionChange, Step, Store, keep, retention_changes};
use tapeline_schemas::topics::Topic;

use super::progress::Progress;
use super::{block_on, quiet_logs};
use crate::cli;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &cli::Store) -> Result<(), Failure> {
    quiet_logs(config);
    let store = Store::connect(&config.store_settings()?)?;
    match action {
        cli::Store::Plan { json } => {
            let retention = config.retention().unwrap_or_default();
            let plan = block_on(async {
                Ok(Changes {
                    plan: tapeline_clickhouse::plan(&store).await?,
                    retention: retention_changes(&store, &retention).await?,
                })
            })?;
            show_plan(&plan, *json)
        }
        cli::Store::Status { json } => {
            let plan = block_on(async { Ok(tapeline_clickhouse::plan(&store).await?) })?;
            show_status(&plan, *json)
        }
        cli::Store::Apply => apply(config, &store),
        cli::Store::Rebuild { table, json } => rebuild(config, &store, table, *json),
        cli::Store::Export {
            table,
            file,
            from,
            to,
            json,
        } => archive::export(&store, table, file, (from, to), *json),
        cli::Store::Backfill { table, files, json } => {
            archive::backfill(config, &store, table, files, *json)
        }
    }
}

/// What `store apply` would do.
#[derive(Serialize)]
struct Changes {
    #[serde(flatten)]
    plan: Plan,
    retention: Vec<RetentionChange>,
}

/// The migrations, then for how long rows are kept.
pub(crate) async fn bring_up(
    config: &Config,
    store: &Store,
) -> Result<(Vec<Step>, Vec<RetentionChange>), Failure> {
    let applied = tapeline_clickhouse::apply(store).await?;
    let retention = config.retention().unwrap_or_default();
    let changes = retention_changes(store, &retention).await?;
    keep(store, &changes).await?;
    Ok((applied, changes))
}

fn apply(config: &Config, store: &Store) -> Result<(), Failure> {
    let (applied, kept) = block_on(bring_up(config, store))?;
    for step in &applied {
        console::line(format!("applied {} {}", step.version, step.name));
    }
    for change in &kept {
        console::line(sentence(change));
    }
    if applied.is_empty() && kept.is_empty() {
        console::line("every table is as it should be");
    }
    Ok(())
}

/// `quotes keeps its rows for 90days, before for ever`
fn sentence(change: &RetentionChange) -> String {
    let span = |kept: Option<u64>| {
        let span = kept.map(|seconds| humantime::format_duration(Duration::from_secs(seconds)));
        span.map_or_else(|| "ever".to_owned(), |span| span.to_string())
    };
    format!(
        "{} keeps its rows for {}, before for {}",
        change.table,
        span(change.wanted),
        span(change.kept)
    )
}

fn rebuild(config: &Config, store: &Store, table: &str, json: bool) -> Result<(), Failure> {
    let topic = topic_of(table)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::external)?;
    let progress = Progress::new("filled");
    let rebuilt = tapeline_clickhouse::rebuild(
        &config.kafka_settings()?,
        store,
        topic,
        runtime.handle(),
        |done, total| progress.show(done, total),
    )?;
    if json {
        return console::json(&rebuilt);
    }
    let Rebuilt {
        topic,
        table,
        rows_before,
        rows,
        rows_taken_over,
        rows_refused,
        held_ms,
    } = rebuilt;
    console::line(format!(
        "{table} was filled anew from {topic}: {rows} rows in place of {rows_before}, \
         {rows_taken_over} of them older than the topic; the sink waited {held_ms} ms"
    ));
    if rows_refused > 0 {
        console::say(format!(
            "the store refused {rows_refused} rows; `tapeline audit --table {table}` says whether each has its dead letter"
        ));
    }
    Ok(())
}

/// By the name of the table or of the topic.
pub(super) fn topic_of(table: &str) -> Result<Topic, Failure> {
    let named = |topic: &&Topic| topic.name() == table || topic.table() == table;
    Topic::ALL.iter().find(named).copied().ok_or_else(|| {
        let known: Vec<&str> = Topic::ALL.iter().map(|t| t.table()).collect();
        Failure::Usage(format!(
            "there is no table `{table}`; there are {}",
            known.join(", ")
        ))
    })
}

fn show_plan(changes: &Changes, json: bool) -> Result<(), Failure> {
    let Changes { plan, retention } = changes;
    if json {
        console::json(changes)?;
    } else {
        show_differences(plan);
        for change in retention {
            console::line(sentence(change));
        }
    }
    if plan.is_current() && retention.is_empty() {
        if !json {
            console::line("every table is as it should be");
        }
        return Ok(());
    }
    Err(Failure::CheckFailed(
        if plan.drifted.is_empty() && plan.altered.is_empty() {
            "the tables differ; `tapeline store apply` brings them up to date"
        } else {
            "the tables are not those of this release, and `tapeline store apply` will not touch them"
        }
        .to_owned(),
    ))
}

fn show_differences(plan: &Plan) {
    for step in &plan.pending {
        console::line(format!("apply {} {}", step.version, step.name));
    }
    for drift in &plan.drifted {
        console::line(format!(
            "{} {}: {}",
            drift.version, drift.name, drift.problem
        ));
        for line in &drift.difference {
            console::line(format!("  {line}"));
        }
    }
    for altered in &plan.altered {
        console::line(altered);
    }
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
