//! Columns of the tables that are not what this release writes into them.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;
use tapeline_schemas::topics::Topic;

use crate::client::Store;
use crate::error::StoreError;
use crate::rows::columns;

#[derive(Debug, Row, Deserialize)]
struct StoredColumn {
    table: String,
    name: String,
    kind: String,
}

/// One sentence for each. A column more than this release knows is nobody's fault.
pub(crate) async fn schema_drift(store: &Store) -> Result<Vec<String>, StoreError> {
    let sql =
        "SELECT table, name, type AS kind FROM system.columns WHERE database = currentDatabase()";
    Ok(compare(&store.rows::<StoredColumn>(sql).await?))
}

fn compare(found: &[StoredColumn]) -> Vec<String> {
    let found: BTreeMap<(&str, &str), &str> = found
        .iter()
        .map(|column| {
            let key = (column.table.as_str(), column.name.as_str());
            (key, column.kind.as_str())
        })
        .collect();
    let mut drift = Vec::new();
    for topic in Topic::ALL {
        let table = topic.table();
        if !found.keys().any(|(known, _)| *known == table) {
            drift.push(format!("the table {table} is gone"));
            continue;
        }
        for column in columns(*topic) {
            match found.get(&(table, column.name)) {
                None => drift.push(format!("{table} has no column {}", column.name)),
                Some(kind) if plain(kind) != plain(&column.kind) => drift.push(format!(
                    "{table}.{} is {kind} and should be {}",
                    column.name, column.kind
                )),
                Some(_) => {}
            }
        }
    }
    drift
}

/// Servers break long types into lines.
fn plain(kind: &str) -> String {
    kind.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Vec<StoredColumn> {
        let all = Topic::ALL.iter().flat_map(|topic| {
            columns(*topic).iter().map(|column| StoredColumn {
                table: topic.table().to_owned(),
                name: column.name.to_owned(),
                kind: column.kind.clone(),
            })
        });
        all.collect()
    }

    #[test]
    fn what_somebody_changed_is_named() {
        let mut found = everything();
        assert!(compare(&found).is_empty());
        found.push(StoredColumn {
            table: "quotes".to_owned(),
            name: "note".to_owned(),
            kind: "String".to_owned(),
        });
        assert!(compare(&found).is_empty());
        for column in &mut found {
            if column.table == "quotes" && column.name == "bid_price" {
                column.kind = "Float64".to_owned();
            }
        }
        found.retain(|column| column.table != "alerts");
        found.retain(|column| column.table != "fills" || column.name != "fee");
        assert_eq!(
            compare(&found),
            [
                "quotes.bid_price is Float64 and should be Decimal(18, 8)",
                "fills has no column fee",
                "the table alerts is gone"
            ]
        );
    }
}
