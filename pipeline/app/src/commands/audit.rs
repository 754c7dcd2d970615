use tapeline_clickhouse::{AuditOptions, AuditReport, Store};

use super::progress::Progress;
use super::quiet_logs;
use super::store::topic_of;
use crate::cli::Audit;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::store_audit::{ago_ms, problem};

pub(super) fn run(config: &Config, arguments: &Audit) -> Result<(), Failure> {
    quiet_logs(config);
    let named = arguments.table.as_deref().or(arguments.topic.as_deref());
    let options = AuditOptions {
        only: named.map(topic_of).transpose()?,
        since_ms: arguments.since.map(|since| ago_ms(since.0)),
        ..config.audit_options()
    };
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::external)?;
    let handle = runtime.handle().clone();
    let report = runtime.block_on(once_caught_up(config, &handle, options))?;
    if arguments.json {
        console::json(&report)?;
    } else {
        show(&report);
    }
    if report.is_clean() {
        return Ok(());
    }
    Err(Failure::CheckFailed(problem(&report)))
}

/// Waits for the sink to reach the present end of the topics, then compares.
pub(crate) async fn once_caught_up(
    config: &Config,
    runtime: &tokio::runtime::Handle,
    options: AuditOptions,
) -> Result<AuditReport, Failure> {
    let kafka = config.kafka_settings()?;
    let store = Store::connect(&config.store_settings()?)?;
    let handle = runtime.clone();
    tokio::task::spawn_blocking(move || {
        let progress = Progress::new("compared");
        tapeline_clickhouse::audit(&kafka, &store, &options, &handle, |done, total| {
            progress.show(done, total);
        })
    })
    .await
    .map_err(Failure::external)?
    .map_err(Failure::from)
}

fn show(report: &AuditReport) {
    let rows: Vec<Vec<String>> = report
        .topics
        .iter()
        .map(|t| {
            let mut row = vec![t.topic.to_owned(), t.table.to_owned()];
            let numbers = [
                t.kafka_records,
                t.store_rows,
                t.dead_lettered,
                t.lost,
                t.duplicated,
                t.extra,
                t.expired,
                t.sampled,
                t.differing,
            ];
            row.extend(numbers.iter().map(u64::to_string));
            row
        })
        .collect();
    let heading = [
        "TOPIC", "TABLE", "RECORDS", "ROWS", "REFUSED", "LOST", "DOUBLE", "EXTRA", "EXPIRED",
        "SAMPLED", "DIFFER",
    ];
    console::table(&heading, &rows);
}
