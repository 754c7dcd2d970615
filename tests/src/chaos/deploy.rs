//! The program under test at its deploy steps, and the store it talks to.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tapeline_local::{Parts, Ports, Stack, StackOptions};
use tokio::runtime::Runtime;

use super::failure::{Failure, Outcome};
use crate::http;

/// A copy in the run's folder: one build for the whole run, whatever is built meanwhile.
pub(crate) fn copy(program: &Path, data: &Path, name: &str) -> Outcome<PathBuf> {
    let copy = data.join(name);
    let what = format!("copying {}", program.display());
    let copied = std::fs::copy(program, &copy);
    copied.map_err(Failure::while_doing(what))?;
    Ok(copy)
}

/// Runs a command of the program to its end.
pub(crate) fn run(binary: &Path, config: &Path, arguments: &[&str]) -> Outcome<Output> {
    Command::new(binary)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .map_err(Failure::while_doing(arguments.join(" ")))
}

/// Topics and tables as a program wants them.
pub(crate) fn deploy(binary: &Path, config: &Path) -> Outcome<()> {
    for arguments in [&["topics", "apply", "--yes"][..], &["store", "apply"]] {
        let output = run(binary, config, arguments)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::Outside(format!("{}: {said}", arguments.join(" "))));
        }
    }
    Ok(())
}

pub(crate) fn start_store(
    runtime: &Runtime,
    data: &Path,
    binary: &Path,
    ports: Ports,
) -> Outcome<Stack> {
    start(runtime, data, binary, ports, Parts::ClickHouse)
}

pub(crate) fn start_broker(runtime: &Runtime, data: &Path, binary: &Path) -> Outcome<Stack> {
    start(runtime, data, binary, Ports::ANY, Parts::Kafka)
}

fn start(
    runtime: &Runtime,
    data: &Path,
    binary: &Path,
    ports: Ports,
    parts: Parts,
) -> Outcome<Stack> {
    let what = match parts {
        Parts::Kafka => "starting a broker",
        _ => "starting the store",
    };
    let mut options = StackOptions::new(data).map_err(Failure::while_doing(what))?;
    binary.clone_into(&mut options.binary);
    options.parts = parts;
    options.ports = Ports {
        clickhouse: ports.clickhouse,
        ..Ports::ANY
    };
    runtime
        .block_on(Stack::start(options))
        .map_err(Failure::while_doing(what))
}

/// What a store of this data folder answers on loopback: its text or why there is none.
pub(crate) fn ask(data: &Path, port: u16, database: &str, sql: &str) -> Result<String, String> {
    let base = format!("http://127.0.0.1:{port}");
    let password = tapeline_local::store_password(data).map_err(|error| error.to_string())?;
    let password = password.unwrap_or_default();
    match http::ask_as_default(&base, &password, database, sql) {
        Ok((200, body)) => Ok(body.trim_end().to_owned()),
        Ok((_, body)) => Err(body),
        Err(error) => Err(error.to_string()),
    }
}
