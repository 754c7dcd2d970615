//! How many rows each table holds.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;
use tapeline_schemas::topics::Topic;

use crate::client::Store;
use crate::error::StoreError;

#[derive(Row, Deserialize)]
struct TableRows {
    name: String,
    rows: u64,
}

/// Rows by table; the store answers from its metadata, so this is cheap.
pub async fn counts(store: &Store) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let parts: Vec<String> = Topic::ALL
        .iter()
        .map(|topic| {
            format!(
                "SELECT '{0}' AS name, count() AS rows FROM {0}",
                topic.table()
            )
        })
        .collect();
    let found: Vec<TableRows> = store.rows(&parts.join(" UNION ALL ")).await?;
    let rows_of = |name: &str| {
        found
            .iter()
            .find(|count| count.name == name)
            .map_or(0, |count| count.rows)
    };
    Ok(Topic::ALL
        .iter()
        .map(|topic| (topic.table(), rows_of(topic.table())))
        .collect())
}
