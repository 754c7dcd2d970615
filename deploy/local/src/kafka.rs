//! A Kafka broker: one process, broker and controller in one, on loopback.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;

use crate::artifacts::KAFKA_VERSION;
use crate::child::{ChildProcess, ChildSpec};
use crate::error::StackError;
use crate::java::Java;
use crate::paths::tail;

const LOG4J: &str = include_str!("../kafka/log4j2.xml");
const FORMAT_LIMIT: Duration = Duration::from_mins(1);
const READY_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(10);
/// What the JVM answers to a polite SIGTERM.
const STOPPED_BY_TERM: i32 = 143;

pub(crate) struct KafkaOptions<'a> {
    pub(crate) java: Java,
    pub(crate) jars: PathBuf,
    pub(crate) cache: PathBuf,
    pub(crate) binary: &'a Path,
    /// `<data>/kafka`, `<data>/logs` and `<data>/run` are used.
    pub(crate) data: &'a Path,
    pub(crate) port: u16,
    pub(crate) cluster_node: ClusterNode,
    pub(crate) heap_mb: u32,
    pub(crate) grace: Duration,
}

/// A broker's place in its cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterNode {
    pub(crate) node: u32,
    /// The controllers' ports of all nodes, by their numbers from 1.
    pub(crate) controllers: Vec<u16>,
    /// What the other brokers connect to; `None` with only one broker.
    pub(crate) internal_port: Option<u16>,
    /// What clients are told to connect to.
    pub(crate) advertised_port: u16,
    /// `None` takes a random one.
    pub(crate) cluster_id: Option<String>,
}

impl ClusterNode {
    pub(crate) fn alone(port: u16, controller_port: u16) -> Self {
        Self {
            node: 1,
            controllers: vec![controller_port],
            internal_port: None,
            advertised_port: port,
            cluster_id: None,
        }
    }

    fn controller_port(&self) -> u16 {
        self.controllers
            .get(self.node as usize - 1)
            .copied()
            .unwrap_or_default()
    }

    fn voters(&self) -> String {
        let voters = self.controllers.iter().zip(1..);
        let voters: Vec<String> = voters
            .map(|(port, node)| format!("{node}@127.0.0.1:{port}"))
            .collect();
        voters.join(",")
    }

    fn replicas(&self) -> usize {
        self.controllers.len().min(3)
    }

    /// With three replicas one may be down and nothing acknowledged is lost.
    fn in_sync(&self) -> usize {
        if self.replicas() >= 3 { 2 } else { 1 }
    }
}

/// A running broker.
pub(crate) struct Kafka {
    pub(crate) child: ChildProcess,
    /// Written by the JVM as it ends, when this start had no class archive yet.
    new_archive: Option<(PathBuf, PathBuf)>,
}

impl Kafka {
    /// Starts the broker and waits until it answers.
    pub(crate) fn start(options: &KafkaOptions<'_>) -> Result<Self, StackError> {
        let run_dir = options.data.join("run");
        let kafka_dir = options.data.join("kafka");
        fs::create_dir_all(&kafka_dir).map_err(StackError::io("cannot create", &kafka_dir))?;
        let write = |path: PathBuf, text: &str| {
            fs::write(&path, text)
                .map_err(StackError::io("cannot write", &path))
                .map(|()| path)
        };
        let properties = write(
            kafka_dir.join("server.properties"),
            &properties(options, &kafka_dir.join("data")),
        )?;
        let log4j = write(kafka_dir.join("log4j2.xml"), LOG4J)?;
        let log = options.data.join("logs/kafka.log");
        let class_path = class_path(&options.jars)?;
        if !kafka_dir.join("data/meta.properties").is_file() {
            format(options, &class_path, &log4j, &properties)?;
        }

        let archive = archive_path(options);
        let new_archive =
            (!archive.is_file()).then(|| (kafka_dir.join("classes.jsa.new"), archive.clone()));
        let mut command: Vec<OsString> = vec![options.java.path.clone().into()];
        command.extend(jvm_flags(&log4j, &log));
        command.push(format!("-Xmx{}m", options.heap_mb).into());
        command.push("-XX:+UseSerialGC".into());
        match &new_archive {
            Some((fresh, _)) => {
                let _ = fs::remove_file(fresh);
                command.push(flag("-XX:ArchiveClassesAtExit=", fresh));
            }
            None => command.push(flag("-XX:SharedArchiveFile=", &archive)),
        }
        command.push("-cp".into());
        command.push(class_path);
        command.push("kafka.Kafka".into());
        command.push(properties.into());
        let child = ChildProcess::start(&ChildSpec {
            name: "kafka",
            binary: options.binary,
            command,
            output: options.data.join("logs/kafka.out"),
            log,
            run_dir: &run_dir,
            grace: options.grace,
        })?;
        let mut kafka = Self { child, new_archive };
        kafka.wait_until_ready(options.port)?;
        Ok(kafka)
    }

    fn wait_until_ready(&mut self, port: u16) -> Result<(), StackError> {
        wait_ready(&mut self.child, READY_LIMIT, || answers(port))
    }

    /// Stops the broker, and keeps the class archive it wrote as it ended.
    pub(crate) fn stop(&mut self) {
        let status = self.child.stop();
        let clean = |status: ExitStatus| {
            status
                .code()
                .is_some_and(|code| code == 0 || code == STOPPED_BY_TERM)
        };
        if let Some((fresh, archive)) = self.new_archive.take()
            && status.is_some_and(clean)
            && let Err(error) = adopt_archive(&fresh, &archive)
        {
            tracing::debug!(%error, "the next start of Kafka will be slower");
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Polls until `ready`, the child is gone, or the limit is reached.
pub(crate) fn wait_ready(
    child: &mut ChildProcess,
    limit: Duration,
    ready: impl Fn() -> bool,
) -> Result<(), StackError> {
    let deadline = Instant::now() + limit;
    loop {
        child.check()?;
        // The pid file is written a moment after the child began.
        if ready() && child.pid().is_some() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(StackError::NotReady {
                name: child.name(),
                seconds: limit.as_secs(),
                log: child.log().to_owned(),
                log_tail: child.log_tail(),
            });
        }
        std::thread::sleep(POLL);
    }
}

/// Whether the broker answers an ApiVersions request without an error.
fn answers(port: u16) -> bool {
    // Size 10, ApiVersions (18) version 0, correlation 7, no client id.
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    const EXPECTED: [u8; 6] = [0, 0, 0, 7, 0, 0];
    let ask = || -> std::io::Result<bool> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(&REQUEST)?;
        let mut response = [0; 10];
        stream.read_exact(&mut response)?;
        Ok(response[4..] == EXPECTED)
    };
    ask().unwrap_or(false)
}

fn format(
    options: &KafkaOptions<'_>,
    class_path: &OsString,
    log4j: &Path,
    properties: &Path,
) -> Result<(), StackError> {
    let failed = |reason: String| StackError::Format { reason };
    let output = options.data.join("logs/kafka-format.out");
    let file = fs::File::create(&output).map_err(StackError::io("cannot write", &output))?;
    let errors = file
        .try_clone()
        .map_err(StackError::io("cannot write", &output))?;
    let mut child = Command::new(&options.java.path)
        .args(jvm_flags(
            log4j,
            &options.data.join("logs/kafka-format.log"),
        ))
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
        .arg(class_path)
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
        ])
        .arg(
            options
                .cluster_node
                .cluster_id
                .clone()
                .unwrap_or_else(cluster_id),
        )
        .arg("-c")
        .arg(properties)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let deadline = Instant::now() + FORMAT_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(failed(format!("{status}\n{}", tail(&output, 10)))),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("no end after {} s", FORMAT_LIMIT.as_secs())));
            }
        }
    }
}

/// A random id in Kafka's form: 16 bytes in URL-safe base64, not beginning with a dash.
pub(crate) fn cluster_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    loop {
        let random = || {
            std::hash::RandomState::new()
                .build_hasher()
                .finish()
                .to_le_bytes()
        };
        let bytes = [random(), random()].concat();
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        if !id.starts_with('-') {
            return id;
        }
    }
}

fn class_path(jars: &Path) -> Result<OsString, StackError> {
    let mut files: Vec<PathBuf> = fs::read_dir(jars)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(StackError::io("cannot read", jars))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jar"))
        .collect();
    // One order for ever: a class archive is only good for the class path it was made with.
    files.sort();
    std::env::join_paths(files).map_err(|error| {
        StackError::io("cannot use as a class path", jars)(std::io::Error::other(error))
    })
}

fn jvm_flags(log4j: &Path, log: &Path) -> [OsString; 7] {
    [
        "-Djava.awt.headless=true".into(),
        flag("-Dlog4j2.configurationFile=", log4j),
        flag("-Dtapeline.log=", log),
        "-XX:-UsePerfData".into(),
        "-XX:+ExitOnOutOfMemoryError".into(),
        // An archive of another JVM is ignored, and not worth a line.
        "-Xlog:cds=off".into(),
        "-Xlog:cds+dynamic=off".into(),
    ]
}

fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(path);
    flag
}

/// Loaded classes, kept for the next start: measured 0.9 s instead of 1.9 s until it answers.
fn archive_path(options: &KafkaOptions<'_>) -> PathBuf {
    let version: String = options
        .java
        .version
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    options
        .cache
        .join(format!("kafka-{KAFKA_VERSION}-java-{version}.jsa"))
}

fn adopt_archive(fresh: &Path, archive: &Path) -> std::io::Result<()> {
    if fs::metadata(fresh)?.len() == 0 {
        return Ok(());
    }
    // The data folder may be on another file system: copy next to the target, then rename.
    let near = archive.with_extension(format!("{}.tmp", std::process::id()));
    fs::copy(fresh, &near)?;
    fs::rename(&near, archive)?;
    fs::remove_file(fresh)
}

fn properties(options: &KafkaOptions<'_>, data: &Path) -> String {
    let KafkaOptions {
        port, cluster_node, ..
    } = options;
    let controller_port = cluster_node.controller_port();
    let (internal, inter_broker, protocol) = match cluster_node.internal_port {
        Some(port) => (
            format!(",INTERNAL://127.0.0.1:{port}"),
            "INTERNAL",
            ",INTERNAL:PLAINTEXT",
        ),
        None => (String::new(), "PLAINTEXT", ""),
    };
    format!(
        "\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{internal}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}{internal}
controller.listener.names=CONTROLLER
inter.broker.listener.name={inter_broker}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocol}
log.dirs={data}
auto.create.topics.enable=false
# Few partitions to open at the first start.
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.min.isr={in_sync}
# Nobody to wait for: a group is complete when its first member comes.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A transaction whose owner died is aborted soon after its timeout.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# After a crash the controller refuses the new broker until the session of the old one ends.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
",
        node = cluster_node.node,
        voters = cluster_node.voters(),
        advertised = cluster_node.advertised_port,
        replicas = cluster_node.replicas(),
        in_sync = cluster_node.in_sync(),
        data = escape_property(data),
    )
}

/// Backslashes are escapes in a Java properties file.
fn escape_property(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_are_what_kafka_takes() {
        for _ in 0..100 {
            let id = cluster_id();
            assert!(id.len() == 22 && !id.starts_with('-'), "{id}");
        }
    }

    #[test]
    fn a_port_where_nothing_answers_is_not_ready() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!answers(port));
    }
}
