//! What the engine's process is started with, and how it is handed over.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::access::FrontUser;

/// Written to a file for the child, since it holds passwords.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClickHouseOptions {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub library: PathBuf,
    pub users: Vec<FrontUser>,
    /// Queries running at once; more wait, then get error 202.
    pub max_queries: usize,
    pub max_wait_ms: u64,
    /// The default of `max_execution_time` for what reads.
    pub max_query_seconds: u64,
    /// What all queries together may use.
    pub max_memory_mb: u64,
    pub max_body_mb: usize,
    /// How long a client may neither send nor read.
    pub client_silence_ms: u64,
    /// Pages that may ask from a browser, like `http://localhost:3000`.
    pub origins: Vec<String>,
}

/// Writes the options for the child, readable by this user only.
pub(crate) fn write_options(path: &Path, options: &ClickHouseOptions) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&serde_json::to_vec(options)?)
}
