//! Rows of a table as files, and back: for what is older than the topics, and for other tools.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tapeline_model::Fault;
use tapeline_schemas::topics::Topic;
use thiserror::Error;

use crate::client::Store;
use crate::error::StoreError;
use crate::lock::Lock;

/// Where a file's rows are until those that are missing are known.
const ASIDE: &str = "__backfill";
/// A file is sent in pieces of this size.
const PIECE: usize = 1 << 20;
const LOCK_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
}

impl ArchiveError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::File { .. } => Fault::User,
        }
    }
}

/// What came of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Backfilled {
    /// Rows of the files.
    pub rows: u64,
    /// Of those, the ones that the table did not hold.
    pub added: u64,
}

/// Writes the rows of events from `from` to before `to` (texts that the server reads as times)
/// into a new Parquet file; says how many bytes that are.
pub async fn export(
    store: &Store,
    topic: Topic,
    (from, to): (&str, &str),
    path: &Path,
) -> Result<u64, ArchiveError> {
    let sql = format!(
        "SELECT * FROM {} WHERE event_time >= parseDateTime64BestEffort({{from:String}}, 6, 'UTC') \
         AND event_time < parseDateTime64BestEffort({{to:String}}, 6, 'UTC') ORDER BY _partition, _offset",
        topic.table()
    );
    let values = [("from", from.to_owned()), ("to", to.to_owned())];
    // Never over a file that is there, and complete under its name or not there.
    if path.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(failed("write", path, exists));
    }
    let partial = path.with_extension("partial");
    let written = write_answer(store, &sql, &values, &partial).await;
    match written {
        Ok(bytes) => {
            std::fs::rename(&partial, path).map_err(|error| failed("write", path, error))?;
            Ok(bytes)
        }
        Err(error) => {
            let _gone = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

async fn write_answer(
    store: &Store,
    sql: &str,
    values: &[(&str, String)],
    path: &Path,
) -> Result<u64, ArchiveError> {
    let mut file = File::create(path).map_err(|error| failed("write", path, error))?;
    let mut written = Ok(());
    let mut bytes = 0;
    let answered = store.stream(sql, values, &[], "Parquet", |piece| {
        if written.is_ok() {
            written = file.write_all(piece);
            bytes += piece.len() as u64;
        }
    });
    answered.await?;
    written
        .and_then(|()| file.sync_all())
        .map_err(|error| failed("write", path, error))?;
    Ok(bytes)
}

/// Brings rows of Parquet files back that are older than what the topic holds: `lows` are the
/// first offsets of its partitions. What the table has already is left out, and what the topic
/// still holds comes from there.
pub async fn backfill(
    store: &Store,
    topic: Topic,
    lows: &BTreeMap<u32, u64>,
    files: &[PathBuf],
) -> Result<Backfilled, ArchiveError> {
    let lock = Lock::acquire(
        store,
        &format!("backfill of {}", topic.table()),
        LOCK_WITHIN,
    )
    .await?;
    let backfilled = backfill_locked(store, topic, lows, files).await;
    lock.release().await?;
    backfilled
}

async fn backfill_locked(
    store: &Store,
    topic: Topic,
    lows: &BTreeMap<u32, u64>,
    files: &[PathBuf],
) -> Result<Backfilled, ArchiveError> {
    let table = topic.table();
    let aside = format!("{table}{ASIDE}");
    store.drop_own_table(&aside).await?;
    store
        .execute(&format!("CREATE TABLE {aside} AS {table}"))
        .await?;
    for path in files {
        let mut file = File::open(path).map_err(|error| failed("read", path, error))?;
        let sql = format!("INSERT INTO {aside} FORMAT Parquet");
        store
            .insert_pieces(&sql, || {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece);
                read.map(|length| {
                    piece.truncate(length);
                    Bytes::from(piece)
                })
            })
            .await?
            .map_err(|error| failed("read", path, error))?;
    }
    let rows = store.count(&aside).await?;
    let mut added = 0;
    for (partition, low) in lows {
        let older = format!("_partition = {partition} AND _offset < {low}");
        let held = format!("{table} WHERE {older}");
        let before = store.count(&held).await?;
        store
            .execute_long(&format!(
                "INSERT INTO {table} SELECT * FROM {aside} WHERE {older} \
                 AND _offset NOT IN (SELECT _offset FROM {held}) LIMIT 1 BY _offset"
            ))
            .await?;
        added += store.count(&held).await? - before;
    }
    store.drop_own_table(&aside).await?;
    Ok(Backfilled { rows, added })
}

fn failed(what: &'static str, path: &Path, error: std::io::Error) -> ArchiveError {
    let path = path.to_owned();
    ArchiveError::File { what, path, error }
}
