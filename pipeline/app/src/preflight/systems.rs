//! Kafka, the store and the disk.

use std::path::Path;

use tapeline_clickhouse::Store;
use tapeline_kafka::Admin;

use super::{Checked, Finding, records, timed};
use crate::config::Config;
use crate::failure::Failure;

pub(super) async fn disk(config: &Config) -> Checked {
    let least = config.preflight.disk_free_mb;
    let folder = config.auth.sessions.clone();
    timed("disk", true, async move {
        // The folder itself may be made later.
        let there = folder.ancestors().find(|folder| folder.exists());
        let there = there.unwrap_or(Path::new("."));
        match free_mb(there) {
            Ok(free) if free >= least => Finding::pass(format!("{free} MB free")),
            Ok(free) => {
                let found = format!("{free} MB free, less than {least}");
                Finding::fail(found, "make room, or lower preflight.disk_free_mb")
            }
            Err(error) => Finding::warn(error.to_string(), "see the folder of auth.sessions"),
        }
    })
    .await
}

/// For a user without special rights.
fn free_mb(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024))
}

pub(super) async fn kafka(config: &Config) -> Checked {
    let config = config.clone();
    timed("kafka", true, blocking(move || topics(&config))).await
}

/// By their ids.
pub(super) async fn schemas(config: &Config) -> Checked {
    let config = config.clone();
    let check = move || records::newest(&config.kafka_settings()?);
    timed("schemas", false, blocking(check)).await
}

fn topics(config: &Config) -> Result<Finding, Failure> {
    let changes = Admin::new(&config.kafka_settings()?)?.plan()?;
    if changes.is_empty() {
        return Ok(Finding::pass("every topic is as it should be"));
    }
    let found = format!("{} topics or settings differ", changes.len());
    let remedy = "`tapeline topics plan` shows them, `tapeline topics apply` makes them";
    Ok(Finding::fail(found, remedy))
}

pub(super) async fn store(config: &Config) -> Checked {
    timed("store", true, async {
        match tables(config).await {
            Ok(found) => found,
            Err(failure) => Finding::fail(failure.to_string(), "see [clickhouse]"),
        }
    })
    .await
}

async fn tables(config: &Config) -> Result<Finding, Failure> {
    let store = Store::connect(&config.store_settings()?)?;
    if tapeline_clickhouse::plan(&store).await?.is_current() {
        return Ok(Finding::pass("every table is as it should be"));
    }
    let remedy = "`tapeline store plan` shows how, `tapeline store apply` mends it";
    Ok(Finding::fail("the tables differ", remedy))
}

async fn blocking(check: impl FnOnce() -> Result<Finding, Failure> + Send + 'static) -> Finding {
    match tokio::task::spawn_blocking(check).await {
        Ok(Ok(found)) => found,
        Ok(Err(failure)) => Finding::fail(failure.to_string(), "see [kafka]"),
        Err(panic) => Finding::fail(panic.to_string(), "report it"),
    }
}
