//! What can go wrong before the stack stands, each with what to do about it.

use std::path::PathBuf;

use crate::engine::EngineError;

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("port {port} for {what} is already in use on 127.0.0.1; {remedy}")]
    PortInUse {
        port: u16,
        what: &'static str,
        remedy: String,
    },
    #[error(
        "no Java runtime found (looked at TAPELINE_JAVA, JAVA_HOME and PATH); install one, for example: apt-get install openjdk-17-jre-headless"
    )]
    JavaMissing,
    #[error("the Java runtime {} is version {found}, Kafka needs 17 or newer; install openjdk-17-jre-headless, or point TAPELINE_JAVA at a newer java", path.display())]
    JavaTooOld { path: PathBuf, found: String },
    #[error(
        "{tool} is needed once to fetch {what} and was not found on PATH; install it, for example: apt-get install {package}"
    )]
    ToolMissing {
        tool: &'static str,
        package: &'static str,
        what: &'static str,
    },
    #[error("fetching {what} with {tool} failed: {reason}")]
    Fetch {
        tool: &'static str,
        what: &'static str,
        reason: String,
    },
    #[error(
        "no ClickHouse engine is packaged for {arch}; set TAPELINE_LIBCHDB to a libchdb.so built for it"
    )]
    EngineUnavailable { arch: &'static str },
    #[error("disk nearly full under {}: {free_mb} MB free, needs {needed_mb} MB; free some space or choose another data folder", path.display())]
    DiskFull {
        path: PathBuf,
        free_mb: u64,
        needed_mb: u64,
    },
    #[error("the data folder {} is in use by another run; stop that one, or choose another data folder", path.display())]
    DataInUse { path: PathBuf },
    #[error("{name} stopped by itself ({status}); last lines of {}:\n{log_tail}", log.display())]
    ChildDied {
        name: &'static str,
        status: String,
        log: PathBuf,
        log_tail: String,
    },
    #[error(
        "the store ended {times} times within {minutes} minutes and is not started again; the log of the run before is clickhouse.log.1. {last}"
    )]
    KeepsEnding {
        times: usize,
        minutes: u64,
        last: Box<StackError>,
    },
    #[error("{name} was not ready after {seconds} s; last lines of {}:\n{log_tail}", log.display())]
    NotReady {
        name: &'static str,
        seconds: u64,
        log: PathBuf,
        log_tail: String,
    },
    #[error("formatting the Kafka data folder failed: {reason}")]
    Format { reason: String },
    #[error("{action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "no cache folder: none of TAPELINE_CACHE, XDG_CACHE_HOME and HOME is set; set TAPELINE_CACHE to a folder that may hold 700 MB"
    )]
    NoCacheFolder,
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Password(#[from] PasswordError),
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("cannot read the store's password in {}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} holds no password; remove the file, and the next start writes a new one", path.display())]
    Odd { path: PathBuf },
}

impl StackError {
    /// For `map_err`: names the action and the path an I/O error belongs to.
    pub(crate) fn io<'a>(
        action: &'static str,
        path: impl Into<PathBuf> + 'a,
    ) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
