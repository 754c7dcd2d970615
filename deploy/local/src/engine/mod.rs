//! The ClickHouse engine inside this process, as safe Rust.
//!
//! A query runs on a connection of its own: settings live with their connection, and after an
//! error the engine may hand left-over output to the next query of the same connection.

mod ffi;
mod names;
mod rights;
mod space;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;

pub use names::{Name, NameKind, Reach, engine_names};

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot load the ClickHouse engine from {}: {reason}; remove the file so that it is fetched again, or set TAPELINE_LIBCHDB to a good one", path.display())]
    Load { path: PathBuf, reason: String },
    #[error("cannot open the ClickHouse data folder {}: {reason}", path.display())]
    Open { path: PathBuf, reason: String },
    #[error(
        "the ClickHouse engine does not keep to its rights: it {did}; set TAPELINE_LIBCHDB to the release that is pinned, or unset it"
    )]
    Unbound { did: String },
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
    rights: PathBuf,
    // Keeps the storage open between queries; never queried.
    _keep_alive: Mutex<ffi::RawConnection>,
}

impl Engine {
    pub fn open(library: &Path, data: &Path) -> Result<Self, EngineError> {
        let api = ffi::Api::load(library)?;
        space::guard();
        let rights = rights::write(data).map_err(|error| EngineError::Open {
            path: data.to_owned(),
            reason: format!("rights.xml cannot be written: {error}"),
        })?;
        let keep_alive = Mutex::new(api.open(data, &rights)?);
        let engine = Self {
            api,
            data: data.to_owned(),
            rights,
            _keep_alive: keep_alive,
        };
        engine.must_refuse_files()?;
        Ok(engine)
    }

    /// Files are out of its reach, see [`Connection::may_read_files`].
    pub fn connect(&self) -> Result<Connection, EngineError> {
        let mut connection = Connection(self.api.open(&self.data, &self.rights)?);
        connection
            .query(b"SET ROLE NONE", "Null")
            .map_err(|error| EngineError::Unbound {
                did: format!("gave no role up ({error})"),
            })?;
        Ok(connection)
    }

    /// An engine that does not know such a configuration would take no notice of it.
    fn must_refuse_files(&self) -> Result<(), EngineError> {
        let sql = b"SELECT * FROM file('/dev/null', 'LineAsString')";
        match self.connect()?.query(sql, "Null") {
            Err(error) if error.contains("Code: 497") => Ok(()),
            _ => Err(EngineError::Unbound {
                did: "read a file".to_owned(),
            }),
        }
    }
}

/// A session: its settings, its current database, one query at a time.
pub struct Connection(ffi::RawConnection);

impl Connection {
    /// For a statement of the front's own, which names the file.
    pub fn may_read_files(&mut self) -> Result<(), String> {
        let sql = format!("SET ROLE {}", rights::FILES);
        self.query(sql.as_bytes(), "Null").map(drop)
    }

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
