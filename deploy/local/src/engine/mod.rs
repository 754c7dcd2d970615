//! The ClickHouse engine inside this process, as safe Rust.
//!
//! A query runs on a connection of its own: settings live with their connection, and after an
//! error the engine may hand left-over output to the next query of the same connection.

mod ffi;
mod space;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot load the ClickHouse engine from {}: {reason}; remove the file so that it is fetched again, or set TAPELINE_LIBCHDB to a good one", path.display())]
    Load { path: PathBuf, reason: String },
    #[error("cannot open the ClickHouse data folder {}: {reason}", path.display())]
    Open { path: PathBuf, reason: String },
}

/// What a finished query read and wrote.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    pub result_rows: u64,
    pub rows_read: u64,
    pub bytes_read: u64,
    pub rows_written: u64,
    pub bytes_written: u64,
    pub elapsed_seconds: f64,
}

#[derive(Debug)]
pub struct Answer {
    pub data: Bytes,
    pub counters: Counters,
}

/// The open engine. Dropping it closes the data folder.
pub struct Engine {
    api: ffi::Api,
    data: PathBuf,
    // Keeps the storage open between queries; never queried.
    _keeper: Mutex<ffi::RawConnection>,
}

impl Engine {
    pub fn open(library: &Path, data: &Path) -> Result<Self, EngineError> {
        let api = ffi::Api::load(library)?;
        space::guard();
        let keeper = Mutex::new(api.open(data)?);
        Ok(Self {
            api,
            data: data.to_owned(),
            _keeper: keeper,
        })
    }

    pub fn connect(&self) -> Result<Connection, EngineError> {
        Ok(Connection(self.api.open(&self.data)?))
    }
}

/// A session: its settings, its current database, one query at a time.
pub struct Connection(ffi::RawConnection);

impl Connection {
    /// Runs one statement; the error is the engine's own text (`Code: N. DB::Exception: …`).
    pub fn query(&mut self, sql: &[u8], format: &str) -> Result<Answer, String> {
        let Some(result) = self.0.query(sql, format) else {
            return Err(
                "Code: 49. DB::Exception: the engine gave no result. (LOGICAL_ERROR)".into(),
            );
        };
        if let Some(error) = result.error() {
            return Err(error);
        }
        let counters = result.counters();
        let data = if result.bytes().is_empty() {
            Bytes::new()
        } else {
            Bytes::from_owner(result)
        };
        Ok(Answer { data, counters })
    }
}
