//! For how long tables keep their rows.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_schemas::topics::Topic;

use crate::client::Store;
use crate::error::StoreError;

/// By table; what is not named is kept for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention(BTreeMap<Topic, Duration>);

const DAY: Duration = Duration::from_secs(24 * 3600);
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Retention {
    /// From names of tables; every fault as (table, what is wrong and what to write).
    pub fn of(named: &BTreeMap<String, Duration>) -> Result<Self, Vec<(String, String)>> {
        let mut retention = Self::default();
        let mut faults = Vec::new();
        for (name, kept) in named {
            let topic = Topic::ALL.iter().find(|topic| topic.table() == name);
            match topic {
                None => {
                    let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.table()).collect();
                    let problem = format!("is no table; there are {}", known.join(", "));
                    faults.push((name.clone(), problem));
                }
                Some(_) if !(DAY..=LONGEST).contains(kept) => {
                    faults.push((name.clone(), "must be from 1 day to 100 years".to_owned()));
                }
                Some(topic) => {
                    retention.0.insert(*topic, *kept);
                }
            }
        }
        if faults.is_empty() {
            Ok(retention)
        } else {
            Err(faults)
        }
    }

    /// Rows of older events may be gone.
    pub(crate) fn keeps_from(&self, topic: Topic, now: Micros) -> Option<Micros> {
        let kept = self.0.get(&topic)?;
        Some(Micros(now.0.saturating_sub(kept.as_micros() as i64)))
    }
}

/// A table that keeps its rows for another time than it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionChange {
    pub table: &'static str,
    /// In seconds; none for ever.
    pub kept: Option<u64>,
    pub wanted: Option<u64>,
}

impl RetentionChange {
    fn statements(&self) -> Vec<String> {
        let table = self.table;
        let Some(seconds) = self.wanted else {
            return vec![format!("ALTER TABLE {table} REMOVE TTL")];
        };
        vec![
            // Whole parts are dropped: no row is rewritten because others are too old.
            format!("ALTER TABLE {table} MODIFY SETTING ttl_only_drop_parts = 1"),
            format!(
                "ALTER TABLE {table} MODIFY TTL event_time + {INTERVAL}({seconds}) \
                 SETTINGS materialize_ttl_after_modify = 0"
            ),
        ]
    }
}

/// By which a TTL of ours is known.
const INTERVAL: &str = "toIntervalSecond";

#[derive(Debug, Row, Deserialize)]
struct StoredTable {
    name: String,
    engine: String,
}

/// What must change. A TTL that somebody wrote by hand stays where nothing else is wanted.
pub async fn retention_changes(
    store: &Store,
    retention: &Retention,
) -> Result<Vec<RetentionChange>, StoreError> {
    let sql =
        "SELECT name, engine_full AS engine FROM system.tables WHERE database = currentDatabase()";
    match store.rows::<StoredTable>(sql).await {
        // What is still to be made is told by the migrations.
        Err(StoreError::NoDatabase { .. }) => Ok(Vec::new()),
        found => Ok(compare(retention, &found?)),
    }
}

fn compare(retention: &Retention, found: &[StoredTable]) -> Vec<RetentionChange> {
    let change = |topic: &Topic| {
        let table = topic.table();
        let found = found.iter().find(|found| found.name == table)?;
        let (_, ttl) = found.engine.split_once(" TTL ").unwrap_or_default();
        let ours = ttl.split_once(&format!("event_time + {INTERVAL}("));
        let kept = ours.and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
        let wanted = retention.0.get(topic).map(Duration::as_secs);
        (kept != wanted).then_some(RetentionChange {
            table,
            kept,
            wanted,
        })
    };
    Topic::ALL.iter().filter_map(change).collect()
}

/// Parts that are past their time then go with the next merges.
pub async fn keep(store: &Store, changes: &[RetentionChange]) -> Result<(), StoreError> {
    for statement in changes.iter().flat_map(RetentionChange::statements) {
        store.execute(&statement).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(named: &[(&str, u64)]) -> Result<Retention, Vec<(String, String)>> {
        let days = |days: &u64| DAY * u32::try_from(*days).unwrap();
        let named = named
            .iter()
            .map(|(name, kept)| ((*name).to_owned(), days(kept)));
        Retention::of(&named.collect())
    }

    fn found(name: &str, ttl: &str) -> StoredTable {
        StoredTable {
            name: name.to_owned(),
            engine: format!("MergeTree PARTITION BY x ORDER BY y{ttl} SETTINGS a = 1"),
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let wanted = retention(&[("quotes", 30), ("trades", 30), ("fills", 400)]).unwrap();
        let tables = [
            found("quotes", " TTL event_time + toIntervalSecond(2592000)"),
            found("trades", " TTL event_time + toIntervalSecond(1)"),
            found("fills", ""),
            found("marks", " TTL event_time + toIntervalSecond(7)"),
            found("alerts", " TTL toDate(event_time) + toIntervalMonth(3)"),
        ];
        let changes = compare(&wanted, &tables);
        let shown: Vec<(&str, Option<u64>, Option<u64>)> = changes
            .iter()
            .map(|change| (change.table, change.kept, change.wanted))
            .collect();
        let expected = [
            ("trades", Some(1), Some(2_592_000)),
            ("marks", Some(7), None),
            ("fills", None, Some(34_560_000)),
        ];
        assert_eq!(shown, expected);
        assert_eq!(changes[1].statements(), ["ALTER TABLE marks REMOVE TTL"]);
        assert!(changes[2].statements()[1].contains("toIntervalSecond(34560000)"));
    }

    #[test]
    fn every_wrong_name_and_time_is_told() {
        let faults = retention(&[("quote", 30), ("quotes", 0), ("fills", 9)]).unwrap_err();
        let names: Vec<&str> = faults.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["quote", "quotes"]);
        assert!(faults[0].1.contains("quotes, trades"), "{}", faults[0].1);
    }

    #[test]
    fn what_may_be_gone_counts_from_now() {
        let kept = retention(&[("quotes", 1)]).unwrap();
        let now = Micros(100_000_000_000);
        let from = kept.keeps_from(Topic::MarketQuotes, now);
        assert_eq!(from, Some(Micros(13_600_000_000)));
        assert_eq!(kept.keeps_from(Topic::Alerts, now), None);
    }
}
