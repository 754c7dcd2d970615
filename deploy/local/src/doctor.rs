//! What this machine has and what it lacks.

use std::path::Path;
use std::process::Command;

use crate::artifacts::{ENGINE_VERSION, KAFKA_VERSION, cached};
use crate::error::StackError;
use crate::java::find_java;
use crate::paths::{cache_dir, free_mb, on_path};
use crate::ports::PortLease;
use crate::stack::Ports;

/// The jars, the engine and some room to unpack.
const CACHE_MB: u64 = 1_500;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: String,
    pub ok: bool,
    pub found: String,
    /// What to do; empty when nothing is to be done.
    pub remedy: String,
}

/// Looks at everything the embedded stack needs. Downloads nothing.
pub fn doctor(ports: Ports, data: &Path, min_free_mb: u64) -> Vec<Finding> {
    let cache = cache_dir();
    let (kafka, engine) = cache.as_deref().map_or((false, false), cached);
    let mut findings = vec![
        java(),
        tool("mvn", "maven", "Kafka", kafka),
        tool("npm", "npm", "the ClickHouse engine", engine),
        artifact("Kafka", KAFKA_VERSION, kafka),
        artifact("ClickHouse engine", ENGINE_VERSION, engine),
    ];
    if let Ok(cache) = &cache
        && !(kafka && engine)
    {
        findings.push(room("room in the cache", cache, CACHE_MB));
    }
    findings.push(room("room for data", data, min_free_mb));
    let keys = [
        (ports.kafka, "Kafka", "`local.kafka_port` or --kafka-port"),
        (
            ports.clickhouse,
            "ClickHouse",
            "`local.clickhouse_port` or --clickhouse-port",
        ),
        (
            ports.registry,
            "the schema registry",
            "`local.registry_port` or --registry-port",
        ),
    ];
    findings.extend(keys.map(|(port, what, key)| port_finding(port, what, key)));
    findings
}

fn java() -> Finding {
    match find_java() {
        Ok(java) => fine(
            "java",
            format!("{} at {}", java.version, java.path.display()),
        ),
        Err(error) => lacking("java", "none that fits", &error.to_string()),
    }
}

/// A tool that is only needed for a download.
fn tool(name: &'static str, package: &str, what: &str, done: bool) -> Finding {
    match on_path(name) {
        Some(path) => {
            let version = Command::new(&path).arg("--version").output().ok();
            let version =
                version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            let line = version
                .as_deref()
                .and_then(|text| text.lines().next())
                .unwrap_or("unknown version");
            let line = without_colours(line);
            fine(name, format!("{line} at {}", path.display()))
        }
        None if done => fine(
            name,
            format!("not installed, and not needed: {what} is in the cache"),
        ),
        None => lacking(
            name,
            "not on PATH",
            &format!("apt-get install {package} (to fetch {what}, once)"),
        ),
    }
}

/// Maven writes in colours even into a pipe.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or(part, |(_, rest)| rest)
    })
}

fn artifact(name: &str, version: &str, done: bool) -> Finding {
    let found = if done {
        "in the cache"
    } else {
        "not fetched yet; the first start fetches it"
    };
    fine(&format!("{name} {version}"), found.to_owned())
}

fn room(name: &str, path: &Path, needed_mb: u64) -> Finding {
    // The folder may not exist yet; its nearest ancestor tells as much.
    let existing = path
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("."));
    match free_mb(existing) {
        Ok(free) if free >= needed_mb => fine(name, format!("{free} MB under {}", path.display())),
        Ok(free) => lacking(
            name,
            &format!("{free} MB under {}", path.display()),
            &format!("free {} MB, or choose another folder", needed_mb - free),
        ),
        Err(error) => lacking(name, &error.to_string(), "choose a folder that can be read"),
    }
}

fn port_finding(port: u16, what: &'static str, key: &str) -> Finding {
    let name = format!("port {port} for {what}");
    match PortLease::take(port, what, key) {
        Ok(_) => fine(&name, "free".to_owned()),
        Err(StackError::PortInUse { remedy, .. }) => lacking(&name, "in use", &remedy),
        Err(error) => lacking(&name, "unknown", &error.to_string()),
    }
}

fn fine(name: &str, found: String) -> Finding {
    Finding {
        name: name.to_owned(),
        ok: true,
        found,
        remedy: String::new(),
    }
}

fn lacking(name: &str, found: &str, remedy: &str) -> Finding {
    Finding {
        name: name.to_owned(),
        ok: false,
        found: found.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = Ports {
            kafka: busy.local_addr().unwrap().port(),
            ..Ports::ANY
        };
        let findings = doctor(ports, Path::new("/no/such/folder"), u64::MAX);
        for name in ["for Kafka", "room for data"] {
            let finding = findings
                .iter()
                .find(|finding| finding.name.ends_with(name))
                .unwrap();
            assert!(!finding.ok && !finding.remedy.is_empty(), "{finding:?}");
        }
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[1mApache Maven 3\u{1b}[m"),
            "Apache Maven 3"
        );
    }
}
