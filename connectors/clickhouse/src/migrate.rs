//! Brings the database to the tables of this release, forward only.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tapeline_schemas::migrations::{MIGRATIONS, Migration};

use crate::client::Store;
use crate::difference::difference;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::schema_drift::schema_drift;

/// How long another deploy step is waited for.
const LOCK_WITHIN: Duration = Duration::from_secs(60);

const TABLE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS _migrations \
    (version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) \
    ENGINE = MergeTree ORDER BY version \
    COMMENT 'Which migrations were applied, and the checksum each had.'",
    "ALTER TABLE _migrations ADD COLUMN IF NOT EXISTS sql String",
];

/// A migration by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub version: u32,
    pub name: String,
}

/// A migration of the database that is not the one of this release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub version: u32,
    pub name: String,
    pub problem: String,
    /// Its lines that differ, where the database knows what was applied.
    pub difference: Vec<String>,
}

/// Where the database stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub applied: Vec<Step>,
    pub pending: Vec<Step>,
    pub drifted: Vec<Drift>,
    /// Columns that somebody changed by hand; looked for once nothing is pending.
    pub altered: Vec<String>,
}

impl Plan {
    /// Nothing to apply and nothing in the way.
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.drifted.is_empty() && self.altered.is_empty()
    }
}

#[derive(Debug, Clone, Row, Deserialize)]
struct AppliedRow {
    version: u32,
    name: String,
    checksum: String,
}

#[derive(Debug, Row, Deserialize)]
struct AppliedSql {
    sql: String,
}

/// Compares the database with this release; changes nothing. A database that
/// does not exist has everything pending.
pub async fn plan(store: &Store) -> Result<Plan, StoreError> {
    plan_these(store, MIGRATIONS).await
}

/// Applies what is pending and says what that was. Refuses on drift.
pub async fn apply(store: &Store) -> Result<Vec<Step>, StoreError> {
    apply_these(store, MIGRATIONS).await
}

/// As a release did whose newest migration had this version.
pub async fn apply_up_to(store: &Store, version: u32) -> Result<Vec<Step>, StoreError> {
    let known = MIGRATIONS.iter().filter(|known| known.version <= version);
    apply_these(store, &MIGRATIONS[..known.count()]).await
}

async fn plan_these(store: &Store, release: &[Migration]) -> Result<Plan, StoreError> {
    let mut plan = compare(release, &applied(store).await?);
    for drift in &mut plan.drifted {
        drift.difference = applied_difference(store, release, drift.version).await?;
    }
    if plan.pending.is_empty() && plan.drifted.is_empty() && release.len() == MIGRATIONS.len() {
        plan.altered = schema_drift(store).await?;
    }
    Ok(plan)
}

async fn apply_these(store: &Store, release: &[Migration]) -> Result<Vec<Step>, StoreError> {
    store.create_database().await?;
    let lock = Lock::acquire(store, "store apply", LOCK_WITHIN).await?;
    let applied = apply_locked(store, release).await;
    let released = lock.release().await;
    let applied = applied?;
    released?;
    Ok(applied)
}

async fn apply_locked(store: &Store, release: &[Migration]) -> Result<Vec<Step>, StoreError> {
    for statement in TABLE {
        store.execute(statement).await?;
    }
    let plan = plan_these(store, release).await?;
    refuse_drift(&plan.drifted)?;
    refuse_altered(&plan.altered)?;
    let pending = release.iter().filter(|migration| {
        plan.pending
            .iter()
            .any(|step| step.version == migration.version)
    });
    for migration in pending {
        apply_one(store, migration).await?;
    }
    Ok(plan.pending)
}

/// How the migration that was applied differs from the release's.
async fn applied_difference(
    store: &Store,
    release: &[Migration],
    version: u32,
) -> Result<Vec<String>, StoreError> {
    let sql = format!("SELECT sql FROM _migrations WHERE version = {version} LIMIT 1");
    let found = match store.rows::<AppliedSql>(&sql).await {
        // Applied by a release that did not keep it.
        Err(StoreError::Drift { .. }) => Vec::new(),
        other => other?,
    };
    let before = found.first().map_or("", |row| row.sql.as_str());
    let now = release.iter().find(|known| known.version == version);
    Ok(match now {
        Some(now) if !before.is_empty() => difference(before, now.sql),
        _ => Vec::new(),
    })
}

/// A crash in here is harmless: statements are written to be run again.
async fn apply_one(store: &Store, migration: &Migration) -> Result<(), StoreError> {
    for (index, statement) in migration.statements().enumerate() {
        store
            .execute_long(&statement)
            .await
            .map_err(|error| StoreError::Migration {
                version: migration.version,
                name: migration.name.to_owned(),
                statement: index + 1,
                source: Box::new(error),
            })?;
    }
    // Names and checksums are ours: letters, digits and `_` only.
    let record = format!(
        "INSERT INTO _migrations (version, name, checksum, sql) SETTINGS async_insert = 0 \
         SELECT {}, '{}', '{}', {{sql:String}}",
        migration.version,
        migration.name,
        migration.checksum()
    );
    store
        .execute_with(&record, &[("sql", migration.sql)])
        .await?;
    tracing::info!(
        version = migration.version,
        name = migration.name,
        "migration applied"
    );
    Ok(())
}

async fn applied(store: &Store) -> Result<Vec<AppliedRow>, StoreError> {
    let sql =
        "SELECT version, name, checksum FROM _migrations ORDER BY version, applied_at LIMIT 10000";
    match store.rows(sql).await {
        Err(StoreError::NoDatabase { .. } | StoreError::NoTable { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn compare(release: &[Migration], applied: &[AppliedRow]) -> Plan {
    // Two that applied at the same time leave two equal rows: the first counts.
    let mut found: BTreeMap<u32, &AppliedRow> = BTreeMap::new();
    for row in applied {
        found.entry(row.version).or_insert(row);
    }
    let mut plan = Plan::default();
    for migration in release {
        let step = Step {
            version: migration.version,
            name: migration.name.to_owned(),
        };
        match found.remove(&migration.version) {
            None => plan.pending.push(step),
            Some(row) if row.checksum == migration.checksum() => plan.applied.push(step),
            Some(row) => plan.drifted.push(Drift {
                version: row.version,
                name: row.name.clone(),
                problem: format!(
                    "was applied with checksum {} and has {} in this release",
                    brief(&row.checksum),
                    brief(&migration.checksum())
                ),
                difference: Vec::new(),
            }),
        }
    }
    plan.drifted.extend(found.into_values().map(|row| Drift {
        version: row.version,
        name: row.name.clone(),
        problem: "was applied and is unknown to this release".to_owned(),
        difference: Vec::new(),
    }));
    plan
}

fn brief(checksum: &str) -> String {
    checksum.chars().take(12).collect()
}

fn refuse_drift(drifted: &[Drift]) -> Result<(), StoreError> {
    let Some(first) = drifted.first() else {
        return Ok(());
    };
    let listed: Vec<String> = drifted
        .iter()
        .map(|drift| {
            let lines: Vec<String> = drift
                .difference
                .iter()
                .map(|l| format!("\n  {l}"))
                .collect();
            format!(
                "migration {} ({}) {}{}",
                drift.version,
                drift.name,
                drift.problem,
                lines.concat()
            )
        })
        .collect();
    let remedy = if first.problem.contains("unknown") {
        "run the release that applied it or a newer one, or name another [clickhouse] database"
    } else {
        "restore the migration as it was released and add a new one for the change, \
         or name another [clickhouse] database"
    };
    Err(StoreError::Migrations {
        problem: listed.join("; "),
        remedy: remedy.to_owned(),
    })
}

fn refuse_altered(altered: &[String]) -> Result<(), StoreError> {
    if altered.is_empty() {
        return Ok(());
    }
    Err(StoreError::Migrations {
        problem: altered.join("; "),
        remedy: "give the columns back what they were with ALTER TABLE, \
                 or name another [clickhouse] database"
            .to_owned(),
    })
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
