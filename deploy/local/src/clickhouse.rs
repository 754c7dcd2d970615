//! The engine's process, from the parent's side.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::child::{ChildProcess, ChildSpec};
use crate::error::StackError;
use crate::front::{ClickHouseOptions, FrontUser, write_options};
use crate::kafka::wait_ready;
use crate::private_files::private_folder;
use crate::restarter::Restarter;

const READY_LIMIT: Duration = Duration::from_mins(1);

/// What the front bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Queries running at once; more wait for their turn.
    pub max_queries: usize,
    /// How long they wait before error 202.
    pub max_wait: Duration,
    /// How long a query that reads may take, if its client says nothing else
    /// (`max_execution_time`, for which 0 is for ever).
    pub max_query_time: Duration,
    /// What all queries together may use.
    pub max_memory_mb: u64,
    /// The largest request body, unpacked.
    pub max_body_mb: usize,
    /// How long a client may neither send nor read before its connection is closed.
    pub client_silence: Duration,
    /// How often the engine may end by itself within five minutes and is started again.
    pub restarts: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            max_queries: 16,
            max_wait: Duration::from_secs(30),
            max_query_time: Duration::from_mins(10),
            max_memory_mb: 4096,
            max_body_mb: 256,
            client_silence: Duration::from_mins(1),
            restarts: 5,
        }
    }
}

#[derive(Clone)]
pub(crate) struct StoreOptions {
    pub(crate) library: PathBuf,
    pub(crate) binary: PathBuf,
    /// `<data>/clickhouse`, `<data>/logs` and `<data>/run` are used.
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    pub(crate) users: Vec<FrontUser>,
    pub(crate) origins: Vec<String>,
    pub(crate) limits: StoreLimits,
    pub(crate) grace: Duration,
}

/// Starts the engine behind its HTTP front, waits until it answers, and keeps it running.
pub(crate) fn start(options: StoreOptions) -> Result<Restarter, StackError> {
    let mut child = launch(&options)?;
    wait_ready(&mut child, READY_LIMIT, || answers(options.port))?;
    let restarts = options.limits.restarts;
    Ok(Restarter::start(child, restarts, move || launch(&options)))
}

/// Starts the engine's process. The log of a run before is kept.
fn launch(options: &StoreOptions) -> Result<ChildProcess, StackError> {
    let run_dir = options.data.join("run");
    let data = options.data.join("clickhouse");
    private_folder(&data)?;
    let file = run_dir.join("clickhouse.json");
    let child_options = ClickHouseOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
        data,
        library: options.library.clone(),
        users: options.users.clone(),
        max_queries: options.limits.max_queries,
        max_wait_ms: options.limits.max_wait.as_millis() as u64,
        max_query_seconds: options.limits.max_query_time.as_secs(),
        max_memory_mb: options.limits.max_memory_mb,
        max_body_mb: options.limits.max_body_mb,
        client_silence_ms: options.limits.client_silence.as_millis() as u64,
        origins: options.origins.clone(),
    };
    write_options(&file, &child_options).map_err(StackError::io("cannot write", &file))?;
    let log = options.data.join("logs/clickhouse.log");
    // Not there at the first start.
    let _ = std::fs::rename(&log, log.with_extension("log.1"));
    ChildProcess::start(&ChildSpec {
        name: "clickhouse",
        binary: &options.binary,
        command: vec![
            options.binary.clone().into(),
            "local".into(),
            "clickhouse".into(),
            "--options".into(),
            file.into(),
        ],
        output: log.clone(),
        log,
        run_dir: &run_dir,
        grace: options.grace,
    })
}

/// Whether `/ping` answers `Ok.`
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.take(4096).read_to_string(&mut response)?;
        Ok(response.starts_with("HTTP/1.1 200") && response.ends_with("Ok.\n"))
    };
    ask().unwrap_or(false)
}
