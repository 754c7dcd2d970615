//! One real Kafka and one real ClickHouse engine for all scenarios of a process.

use std::path::PathBuf;
use std::sync::OnceLock;

use tapeline_local::{Ports, Stack, StackOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::program;

pub struct Shared {
    pub bootstrap: String,
    pub clickhouse: String,
    pub registry: String,
    /// Of the store's user `default`.
    pub password: String,
    pub password_file: PathBuf,
    _stack: Stack,
    _runtime: Runtime,
    _data: TempDir,
}

/// Started at first use. Its children end with this process, however that ends.
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let data = program::scratch();
        let runtime = Runtime::new().unwrap();
        let mut options = StackOptions::new(data.path()).unwrap();
        options.binary = program::path();
        options.ports = Ports::ANY;
        let stack = runtime.block_on(Stack::start(options)).unwrap();
        Shared {
            bootstrap: stack.bootstrap(),
            clickhouse: stack.clickhouse_url(),
            registry: stack.registry_url(),
            password: tapeline_local::store_password(data.path())
                .unwrap()
                .unwrap(),
            password_file: tapeline_local::password_file(data.path()),
            _stack: stack,
            _runtime: runtime,
            _data: data,
        }
    })
}
