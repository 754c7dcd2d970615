//! One deploy step at a time, wherever they are started. ClickHouse has no locks, but of those
//! who create the same table only one succeeds. Its comment says who that is, and until when the
//! lock counts: a holder that died does not keep it.

use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;
use tokio::task::AbortHandle;

use crate::client::Store;
use crate::error::StoreError;

const PREFIX: &str = "_lock_";
const HELD_FOR: Duration = Duration::from_secs(60);
const RENEW_EVERY: Duration = Duration::from_secs(15);
const RETRY_EVERY: Duration = Duration::from_millis(300);
const TABLE_ALREADY_EXISTS: u32 = 57;

pub(crate) struct Lock {
    store: Store,
    table: String,
    renewal: AbortHandle,
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct LockTable {
    name: String,
    comment: String,
    now: u64,
}

impl LockTable {
    fn generation(&self) -> u64 {
        let number = self.name.strip_prefix(PREFIX);
        number.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A comment that is not one of ours counts for ever: somebody wrote it for a reason.
    fn is_live(&self) -> bool {
        let until = self.comment.rsplit_once(" until ").map(|(_, until)| until);
        until
            .and_then(|until| until.parse::<u64>().ok())
            .is_none_or(|until| until > self.now)
    }

    fn holder(&self) -> &str {
        let named = self.comment.rsplit_once(" until ");
        named.map_or(self.comment.as_str(), |(holder, _)| holder)
    }
}

impl Lock {
    /// Waits for whoever has it. `what` is told to whoever waits for us.
    pub(crate) async fn acquire(
        store: &Store,
        what: &str,
        within: Duration,
    ) -> Result<Self, StoreError> {
        let started = Instant::now();
        let holder = format!("{what} (process {})", std::process::id());
        loop {
            let found = Self::locks(store).await?;
            let live = found.iter().find(|lock| lock.is_live());
            if live.is_none()
                && let Some(lock) = Self::try_acquire(store, &holder, &found).await?
            {
                return Ok(lock);
            }
            if started.elapsed() >= within {
                let by = live.map_or("somebody else", LockTable::holder).to_owned();
                return Err(StoreError::Locked { by });
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    async fn try_acquire(
        store: &Store,
        holder: &str,
        stale: &[LockTable],
    ) -> Result<Option<Self>, StoreError> {
        // Above every other, so that two who find the same stale lock create the same table.
        let generation = stale.iter().map(LockTable::generation).max().unwrap_or(0) + 1;
        let table = format!("{PREFIX}{generation}");
        let comment = comment(store, holder).await?;
        let sql = format!(
            "CREATE TABLE {table} (x UInt8) ENGINE = MergeTree ORDER BY x COMMENT '{comment}'"
        );
        match store.execute(&sql).await {
            Err(StoreError::Rejected { code, .. }) if code == TABLE_ALREADY_EXISTS => {
                return Ok(None);
            }
            created => created?,
        }
        let found = Self::locks(store).await?;
        // Somebody looked before us and created after us: both step back.
        if found
            .iter()
            .any(|lock| lock.name != table && lock.is_live())
        {
            drop_table(store, &table).await?;
            return Ok(None);
        }
        for lock in found.iter().filter(|lock| lock.name != table) {
            drop_table(store, &lock.name).await?;
        }
        let renewal = tokio::spawn(renew(store.clone(), table.clone(), holder.to_owned()));
        Ok(Some(Self {
            store: store.clone(),
            table,
            renewal: renewal.abort_handle(),
        }))
    }

    async fn locks(store: &Store) -> Result<Vec<LockTable>, StoreError> {
        let sql = format!(
            "SELECT name, comment, toUInt64(toUnixTimestamp64Milli(now64(3))) AS now FROM system.tables \
             WHERE database = currentDatabase() AND startsWith(name, '{PREFIX}')"
        );
        store.rows(&sql).await
    }

    /// Without it, the lock ends by itself after a minute.
    pub(crate) async fn release(self) -> Result<(), StoreError> {
        self.renewal.abort();
        drop_table(&self.store, &self.table).await
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn drop_table(store: &Store, table: &str) -> Result<(), StoreError> {
    store
        .execute(&format!("DROP TABLE IF EXISTS {table}"))
        .await
}

#[derive(Row, Deserialize)]
struct Now {
    now: u64,
}

/// By the server's clock, which is the same for everybody.
async fn comment(store: &Store, holder: &str) -> Result<String, StoreError> {
    let sql = "SELECT toUInt64(toUnixTimestamp64Milli(now64(3))) AS now";
    let now = store.rows::<Now>(sql).await?;
    let now = now.first().map_or(0, |row| row.now);
    let until = now + u64::try_from(HELD_FOR.as_millis()).unwrap_or(u64::MAX);
    Ok(format!("{holder} until {until}"))
}

async fn renew(store: Store, table: String, holder: String) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let renewed = async {
            let comment = comment(&store, &holder).await?;
            let sql = format!("ALTER TABLE {table} MODIFY COMMENT '{comment}'");
            store.execute(&sql).await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%error, "the lock of this deploy step could not be prolonged");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::put_bytes;
    use crate::testing::{FakeStore, Reply};

    const LIST: &str = "startsWith(name";
    const NOW: u64 = 1_000_000;
    const MINE: &str = "apply until 1060000";

    fn locks(locks: &[(&str, &str)]) -> Reply {
        let columns = [("name", "String"), ("comment", "String"), ("now", "UInt64")];
        let rows: Vec<Vec<u8>> = locks
            .iter()
            .map(|(name, comment)| {
                let mut row = Vec::new();
                put_bytes(&mut row, name.as_bytes());
                put_bytes(&mut row, comment.as_bytes());
                row.extend(NOW.to_le_bytes());
                row
            })
            .collect();
        Reply::table(
            &columns,
            &rows.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        )
    }

    /// A server with these locks, at first and once ours was created.
    async fn server(first: &[(&str, &str)], then: &[(&str, &str)]) -> FakeStore {
        let fake = FakeStore::start().await;
        fake.reply(LIST, [locks(first), locks(then)]);
        let clock = Reply::table(&[("now", "UInt64")], &[&NOW.to_le_bytes()]);
        fake.reply("SELECT toUInt64", [clock]);
        fake
    }

    async fn acquire(fake: &FakeStore) -> Result<Lock, StoreError> {
        Lock::acquire(&fake.store(), "apply", Duration::ZERO).await
    }

    #[tokio::test]
    async fn a_free_lock_is_taken_named_and_given_back() {
        let fake = server(&[], &[("_lock_1", MINE)]).await;
        let lock = acquire(&fake).await.unwrap();
        let created = fake.requests("CREATE TABLE _lock_1");
        assert!(
            created[0].sql.contains("until 1060000"),
            "{}",
            created[0].sql
        );
        lock.release().await.unwrap();
        assert_eq!(fake.requests("DROP TABLE IF EXISTS _lock_1").len(), 1);
    }

    #[tokio::test]
    async fn a_held_lock_is_waited_for_and_then_its_holder_named() {
        let fake = server(&[("_lock_3", "rebuild quotes until 1000001")], &[]).await;
        let shown = acquire(&fake).await.err().unwrap().to_string();
        assert!(shown.contains("rebuild quotes"), "{shown}");
        assert!(fake.requests("CREATE").is_empty());
    }

    #[tokio::test]
    async fn the_lock_of_a_dead_holder_is_taken_over() {
        let dead = ("_lock_3", "rebuild quotes until 999999");
        let fake = server(&[dead], &[dead, ("_lock_4", MINE)]).await;
        acquire(&fake).await.unwrap();
        assert_eq!(fake.requests("CREATE TABLE _lock_4").len(), 1);
        assert_eq!(fake.requests("DROP TABLE IF EXISTS _lock_3").len(), 1);
        assert!(fake.requests("DROP TABLE IF EXISTS _lock_4").is_empty());
    }

    #[tokio::test]
    async fn who_is_not_the_only_one_steps_back() {
        let fake = server(&[], &[("_lock_1", MINE), ("_lock_2", MINE)]).await;
        let refused = acquire(&fake).await.err();
        assert!(matches!(refused, Some(StoreError::Locked { .. })));
        assert_eq!(fake.requests("DROP TABLE IF EXISTS _lock_1").len(), 1);
        assert!(fake.requests("DROP TABLE IF EXISTS _lock_2").is_empty());
    }
}
