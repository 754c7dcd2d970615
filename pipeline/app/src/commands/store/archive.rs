use std::path::{Path, PathBuf};

use serde_json::json;
use tapeline_clickhouse::{Backfilled, Store};

use super::topic_of;
use crate::commands::block_on;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn export(
    store: &Store,
    table: &str,
    file: &Path,
    times: (&str, &str),
    json: bool,
) -> Result<(), Failure> {
    let topic = topic_of(table)?;
    let exported = tapeline_clickhouse::export(store, topic, times, file);
    let bytes = block_on(async { Ok(exported.await?) })?;
    if json {
        return console::json(&json!({"file": file, "bytes": bytes}));
    }
    console::line(format!("{bytes} bytes written to {}", file.display()));
    Ok(())
}

pub(super) fn backfill(
    config: &Config,
    store: &Store,
    table: &str,
    files: &[PathBuf],
    json: bool,
) -> Result<(), Failure> {
    let topic = topic_of(table)?;
    let lows = tapeline_clickhouse::first_offsets(&config.kafka_settings()?, topic)?;
    let backfilled = tapeline_clickhouse::backfill(store, topic, &lows, files);
    let Backfilled { rows, added } = block_on(async { Ok(backfilled.await?) })?;
    if json {
        return console::json(&json!({"rows": rows, "added": added}));
    }
    console::line(format!(
        "{added} of {rows} rows were older than the topic and not in {}, and are now",
        topic.table()
    ));
    Ok(())
}
