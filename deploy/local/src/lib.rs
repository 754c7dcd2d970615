//! The embedded stack: a real Kafka broker, the real ClickHouse engine behind its HTTP
//! interface, and a read-only schema registry, without containers.
//!
//! Kafka and ClickHouse are child processes that end with their parent, however that ends.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod artifacts;
mod child;
mod clickhouse;
mod cluster;
mod doctor;
mod engine;
mod error;
mod front;
mod java;
mod kafka;
mod paths;
mod ports;
mod private_files;
mod registry;
mod restarter;
mod stack;
mod supervise;

pub use artifacts::{ENGINE_VERSION, KAFKA_VERSION};
pub use child::{ChildProcess, ChildSpec};
pub use clickhouse::StoreLimits;
pub use cluster::{KafkaNode, kafka_cluster};
pub use doctor::{Finding, doctor};
pub use engine::{EngineError, Name, NameKind, Reach, engine_names};
pub use error::{PasswordError, StackError};
pub use front::{ClickHouseOptions, FrontUser, Role, clickhouse_main};
pub use java::{Java, find_java};
pub use paths::{cache_dir, free_mb};
pub use ports::{PortLease, free_port};
pub use private_files::{password_file, store_password};
pub use registry::{PublishedSchema, serve_registry};
pub use stack::{Parts, Ports, Stack, StackOptions, Timings, fetch};
pub use supervise::{exec_child_main, supervise_main};

/// The hidden subcommands of `tapeline local …`, by their first word; `None` when unknown.
pub fn local_main(args: &[std::ffi::OsString]) -> Option<std::process::ExitCode> {
    let (command, rest) = args.split_first()?;
    match command.to_str()? {
        "supervise" => Some(supervise_main(rest)),
        "exec-child" => Some(exec_child_main(rest)),
        "clickhouse" => Some(clickhouse_main(rest)),
        _ => None,
    }
}
