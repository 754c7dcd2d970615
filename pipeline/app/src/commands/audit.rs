use tapeline_clickhouse::{AuditError, AuditOptions, AuditReport, Store};
use tapeline_kafka::Fault;
use tapeline_schemas::topics::Topic;

use super::store::topic_of;
use super::{quiet_logs, show_progress};
use crate::cli::Audit;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, arguments: &Audit) -> Result<(), Failure> {
    quiet_logs(config);
    let named = arguments.table.as_deref().or(arguments.topic.as_deref());
    let only = named.map(topic_of).transpose()?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::outside)?;
    let handle = runtime.handle().clone();
    let report = runtime.block_on(once_caught_up(config, &handle, only))?;
    if arguments.json {
        console::json(&report)?;
    } else {
        show(&report);
    }
    if report.is_clean() {
        return Ok(());
    }
    Err(Failure::NotSo(format!(
        "the store does not hold every record once: {} lost, {} duplicated, {} extra",
        report.lost, report.duplicated, report.extra
    )))
}

/// Waits for the sink to reach the present end of the topics, then compares.
pub(super) async fn once_caught_up(
    config: &Config,
    runtime: &tokio::runtime::Handle,
    only: Option<Topic>,
) -> Result<AuditReport, Failure> {
    let kafka = config.kafka_settings()?;
    let store = Store::connect(&config.store_settings()?)?;
    let options = AuditOptions {
        only,
        ..AuditOptions::default()
    };
    let handle = runtime.clone();
    tokio::task::spawn_blocking(move || {
        tapeline_clickhouse::audit(&kafka, &store, &options, &handle, |done, total| {
            show_progress("compared", done, total);
        })
    })
    .await
    .map_err(Failure::outside)?
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
            ];
            row.extend(numbers.iter().map(u64::to_string));
            row
        })
        .collect();
    let heading = [
        "TOPIC", "TABLE", "RECORDS", "ROWS", "REFUSED", "LOST", "DOUBLE", "EXTRA",
    ];
    console::table(&heading, &rows);
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error.fault() {
            Fault::User => Self::Usage(error.to_string()),
            Fault::External | Fault::Internal => Self::Outside(error.to_string()),
        }
    }
}
