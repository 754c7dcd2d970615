//! What a figure depends on: the machine and the versions of everything.
//! Neither names nor paths of this machine are among it.

use std::fs;
use std::process::Command;

use tapeline_local::{KAFKA_VERSION, find_java};

use super::{peer, results};

const LOCK: &str = include_str!("../../../Cargo.lock");

/// A line of a list each: what it is and what it says.
pub(crate) fn described() -> Vec<(&'static str, String)> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = known(value_of(&read("/proc/cpuinfo"), "model name"));
    let memory = value_of(&read("/proc/meminfo"), "MemTotal").and_then(|text| gibibytes(&text));
    let kernel = read("/proc/sys/kernel/osrelease");
    let java = find_java().ok().map(|java| java.version);
    vec![
        ("processor", format!("{processor}, {cores} cores")),
        ("memory", known(memory)),
        ("kernel", format!("Linux {}", kernel.trim())),
        ("tapeline", known(commit())),
        ("rustc", known(first_line("rustc", &["--version"]))),
        ("librdkafka", known(library_version(LOCK, "rdkafka-sys"))),
        ("Kafka", KAFKA_VERSION.to_owned()),
        ("Kafka Streams", known(peer::version())),
        ("Java", known(java)),
    ]
}

/// Of the tree that is measured, with a mark if anything but the results was changed since.
pub(crate) fn commit() -> Option<String> {
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"])?;
    let but_results = format!(":!{}", results::FILE);
    let changed = ["status", "--porcelain", "--", ":/", &but_results];
    let mark = first_line("git", &changed).map_or("", |_| "-dirty");
    Some(format!("{commit}{mark}"))
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next().filter(|_| output.status.success())?;
    Some(line.to_owned())
}

/// Of the files of /proc: `name : value`.
fn value_of(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

fn gibibytes(text: &str) -> Option<String> {
    let kibibytes: f64 = text.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{:.0} GiB", kibibytes / 1024.0 / 1024.0))
}

/// A crate that builds a library carries its version behind a plus.
fn library_version(lock: &str, name: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    let (_, library) = version.split_once('+')?;
    Some(library.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_the_kernels_files() {
        let text = "processor\t: 0\nmodel name\t: A: b\nMemTotal:       24684000 kB\n";
        assert_eq!(value_of(text, "model name").unwrap(), "A: b");
        let memory = value_of(text, "MemTotal").unwrap();
        assert_eq!(gibibytes(&memory).unwrap(), "24 GiB");
        assert_eq!(value_of(text, "model"), None);
    }

    #[test]
    fn versions_are_found_where_they_are_pinned() {
        let lock = "[[package]]\nname = \"rdkafka-sys\"\nversion = \"4.10.0+2.12.1\"\n";
        assert_eq!(library_version(lock, "rdkafka-sys").unwrap(), "2.12.1");
        assert!(library_version(LOCK, "rdkafka-sys").is_some());
        assert!(peer::version().is_some());
    }
}
