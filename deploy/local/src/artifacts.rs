//! The downloads: Kafka's jars (Maven) and the ClickHouse engine (npm), both pinned.
//!
//! Each is fetched once into a cache folder named after its version and the hash of its pin,
//! in a temporary folder that is renamed when complete. A marker lists every file with its
//! size, so that the second time costs a few `stat` calls and needs no tool and no network.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::error::StackError;
use crate::paths::{on_path, tail};

pub const KAFKA_VERSION: &str = "4.3.0";
pub const ENGINE_VERSION: &str = "26.5.3";

const POM: &str = include_str!("../kafka/pom.xml");
const PACKAGE: &str = include_str!("../engine/package.json");
const PACKAGE_LOCK: &str = include_str!("../engine/package-lock.json");
const ENGINE_PACKAGE: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
const MARKER: &str = "complete";
const FETCH_LIMIT: Duration = Duration::from_mins(15);

/// The folder with Kafka's jars, fetched if need be.
pub fn kafka_jars(cache: &Path) -> Result<PathBuf, StackError> {
    let target = cache.join(format!("kafka-{KAFKA_VERSION}-{}", short_hash(&[POM])));
    install(&target, fetch_kafka)
}

/// The ClickHouse engine library, fetched if need be; `TAPELINE_LIBCHDB` overrides.
pub fn engine_library(cache: &Path) -> Result<PathBuf, StackError> {
    if let Some(path) = std::env::var_os("TAPELINE_LIBCHDB").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    if std::env::consts::ARCH != "x86_64" {
        return Err(StackError::EngineUnavailable {
            arch: std::env::consts::ARCH,
        });
    }
    let target = engine_dir(cache);
    Ok(install(&target, fetch_engine)?.join("libchdb.so"))
}

/// Whether both are in the cache already (for `doctor`).
pub fn cached(cache: &Path) -> (bool, bool) {
    let kafka = cache.join(format!("kafka-{KAFKA_VERSION}-{}", short_hash(&[POM])));
    let engine =
        std::env::var_os("TAPELINE_LIBCHDB").is_some_and(|path| Path::new(&path).is_file());
    (
        is_complete(&kafka),
        engine || is_complete(&engine_dir(cache)),
    )
}

fn engine_dir(cache: &Path) -> PathBuf {
    let hash = short_hash(&[PACKAGE, PACKAGE_LOCK]);
    cache.join(format!("clickhouse-engine-{ENGINE_VERSION}-{hash}"))
}

fn short_hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..6])
}

/// Runs `fetch` into a temporary neighbour of `target` and renames it, once, whoever else tries.
fn install(
    target: &Path,
    fetch: impl FnOnce(&Path) -> Result<(), StackError>,
) -> Result<PathBuf, StackError> {
    if is_complete(target) {
        return Ok(target.to_owned());
    }
    let parent = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(StackError::io("cannot create the cache folder", parent))?;
    let mut lock = target.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let _lock = lock_within(&lock, FETCH_LIMIT)?;
    if is_complete(target) {
        return Ok(target.to_owned());
    }
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(parent)
        .map_err(StackError::io("cannot create a folder in", parent))?;
    fetch(work.path())?;
    write_marker(work.path()).map_err(StackError::io("cannot write in", work.path()))?;
    if target.exists() {
        fs::remove_dir_all(target).map_err(StackError::io("cannot replace", target))?;
    }
    let work = work.keep();
    fs::rename(&work, target).map_err(StackError::io("cannot move the download to", target))?;
    Ok(target.to_owned())
}

fn lock_within(path: &Path, limit: Duration) -> Result<File, StackError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(StackError::io("cannot open the lock", path))?;
    let deadline = Instant::now() + limit;
    while file.try_lock().is_err() {
        if Instant::now() >= deadline {
            return Err(StackError::io(
                "another process has been fetching for too long; see",
                path,
            )(std::io::ErrorKind::TimedOut.into()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

fn write_marker(dir: &Path) -> std::io::Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let size = entry.metadata()?.len();
        lines.push(format!("{size} {}", entry.file_name().to_string_lossy()));
    }
    lines.sort();
    fs::write(dir.join(MARKER), lines.join("\n"))
}

/// Every file the marker lists is there with its size.
fn is_complete(dir: &Path) -> bool {
    let Ok(marker) = fs::read_to_string(dir.join(MARKER)) else {
        return false;
    };
    marker.lines().all(|line| {
        line.split_once(' ').is_some_and(|(size, name)| {
            fs::metadata(dir.join(name)).is_ok_and(|found| found.len().to_string() == size)
        })
    })
}

fn fetch_kafka(dir: &Path) -> Result<(), StackError> {
    const WHAT: &str = "Kafka";
    let maven = on_path("mvn").ok_or(StackError::ToolMissing {
        tool: "mvn",
        package: "maven",
        what: WHAT,
    })?;
    let work = tempfile::tempdir().map_err(StackError::io(
        "cannot create a folder in",
        std::env::temp_dir(),
    ))?;
    let pom = work.path().join("pom.xml");
    fs::write(&pom, POM).map_err(StackError::io("cannot write", &pom))?;
    let mut output = std::ffi::OsString::from("-DoutputDirectory=");
    output.push(dir);
    let mut command = Command::new(maven);
    // -C: a jar whose checksum is wrong fails the fetch.
    command
        .args(["-q", "-B", "-C", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(output);
    run_fetch(command, "mvn", WHAT, &work.path().join("log"))
}

fn fetch_engine(dir: &Path) -> Result<(), StackError> {
    const WHAT: &str = "the ClickHouse engine";
    let npm = on_path("npm").ok_or(StackError::ToolMissing {
        tool: "npm",
        package: "npm",
        what: WHAT,
    })?;
    // Next to the target, so that half a gigabyte is moved by a rename.
    let work = tempfile::Builder::new()
        .prefix(".npm-")
        .tempdir_in(dir.parent().unwrap_or(dir))
        .map_err(StackError::io("cannot create a folder near", dir))?;
    let write = |name: &str, text: &str| {
        let path = work.path().join(name);
        fs::write(&path, text).map_err(StackError::io("cannot write", path))
    };
    write("package.json", PACKAGE)?;
    write("package-lock.json", PACKAGE_LOCK)?;
    let mut command = Command::new(npm);
    command
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ])
        .arg(work.path());
    run_fetch(command, "npm", WHAT, &work.path().join("log"))?;
    let library = work.path().join(ENGINE_PACKAGE);
    fs::rename(&library, dir.join("libchdb.so"))
        .map_err(StackError::io("the package does not hold", library))
}

fn run_fetch(
    mut command: Command,
    tool: &'static str,
    what: &'static str,
    log: &Path,
) -> Result<(), StackError> {
    let failed = |reason: String| StackError::Fetch { tool, what, reason };
    tracing::info!(what, tool, "fetching, once");
    let output = File::create(log).map_err(StackError::io("cannot write", log))?;
    let errors = output
        .try_clone()
        .map_err(StackError::io("cannot write", log))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let deadline = Instant::now() + FETCH_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(failed(format!("{status}\n{}", tail(log, 15)))),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("gave up after {} s", FETCH_LIMIT.as_secs())));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_download_is_made_once_and_noticed_when_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("thing-1");
        let fetches = AtomicUsize::new(0);
        let fetch = |to: &Path| {
            fetches.fetch_add(1, Ordering::SeqCst);
            fs::write(to.join("file"), "content").map_err(StackError::io("write", to))
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| install(&target, fetch).unwrap());
            }
        });
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        fs::write(target.join("file"), "cont").unwrap();
        install(&target, fetch).unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failed_download_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("thing-1");
        install(&target, |_| Err(StackError::NoCacheFolder)).unwrap_err();
        assert!(!target.exists());
    }

    #[test]
    fn the_pins_name_the_versions_and_no_host() {
        assert!(POM.contains(&format!("<version>{KAFKA_VERSION}</version>")));
        assert!(PACKAGE.contains(ENGINE_VERSION) && PACKAGE_LOCK.contains(ENGINE_VERSION));
        assert!(!PACKAGE_LOCK.contains("\"resolved\""));
    }
}
