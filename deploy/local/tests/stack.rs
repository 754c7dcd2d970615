//! The whole stack on real processes: up, down, killed, and up again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{binary, http, options};
use serde_json::Value;
use tapeline_local::{Parts, PublishedSchema, Stack, StackError};

fn schema(id: u32, subject: &str, version: u32, schema: &str) -> PublishedSchema {
    PublishedSchema {
        id,
        subject: subject.into(),
        version,
        schema: schema.into(),
    }
}

fn alive(pid: u32) -> bool {
    // A zombie is dead; only its parent has not looked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while alive(pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// `tapeline-local up` in a process of its own, and what it printed.
fn up(data: &Path) -> (Child, Value) {
    let mut child = Command::new(binary())
        .args(["up", "--any-ports", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// What is sent with a request as the user `default`.
fn key(data: &Path) -> String {
    tapeline_local::store_password(data).unwrap().unwrap()
}

fn number(value: &Value, key: &str) -> u32 {
    value[key].as_u64().unwrap() as u32
}

fn clickhouse_port(value: &Value) -> u16 {
    value["clickhouse"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_killed_parent_takes_its_children_along_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parent, first) = up(dir.path());
    let port = clickhouse_port(&first);
    let password = key(dir.path());
    let key = [
        ("X-ClickHouse-User", "default"),
        ("X-ClickHouse-Key", password.as_str()),
    ];
    http(
        port,
        "POST",
        "/",
        &key,
        b"CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a",
    )
    .ok();
    http(
        port,
        "POST",
        "/?query=INSERT%20INTO%20kept%20FORMAT%20CSV",
        &key,
        b"1\n2\n",
    )
    .ok();
    parent.kill().unwrap();
    parent.wait().unwrap();

    // At once, while the first run's children may still be going down.
    let (mut parent, second) = up(dir.path());
    for key in ["kafka_pid", "clickhouse_pid"] {
        assert!(!alive(number(&first, key)), "{key}");
    }
    let port = clickhouse_port(&second);
    assert_eq!(
        http(port, "POST", "/", &key, b"SELECT count() FROM kept").ok(),
        "2\n"
    );
    drop(parent.stdin.take());
    assert!(parent.wait().unwrap().success());
    for key in ["kafka_pid", "clickhouse_pid"] {
        wait_gone(number(&second, key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stacks_run_side_by_side_and_serve_schemas() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = options(one.path());
    first.schemas = vec![schema(1, "alerts-value", 1, "\"string\"")];
    let (first, second) = tokio::join!(Stack::start(first), Stack::start(options(two.path())));
    let (mut first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.bootstrap(), second.bootstrap());
    first.check_children().unwrap();
    let answer = http(first.ports().registry, "GET", "/schemas/ids/1", &[], b"").ok();
    assert_eq!(answer, r#"{"schema":"\"string\""}"#);

    let again = Stack::start(options(one.path())).await;
    assert!(matches!(again, Err(StackError::DataInUse { .. })));

    let pid = first.kafka_pid().unwrap();
    kill(pid);
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match first.check_children() {
            Err(error) => break error,
            Ok(()) => assert!(Instant::now() < deadline, "nobody noticed"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let text = error.to_string();
    assert!(
        matches!(error, StackError::ChildDied { name: "kafka", .. }),
        "{text}"
    );
    assert!(
        text.contains("Kafka Server started"),
        "the log's last words: {text}"
    );
    let (kafka, clickhouse) = (
        second.kafka_pid().unwrap(),
        second.clickhouse_pid().unwrap(),
    );
    first.stop().await;
    second.stop().await;
    wait_gone(kafka);
    wait_gone(clickhouse);
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_begins_again_and_touches_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    let stack = Stack::start(wanted.clone()).await.unwrap();
    let create = b"CREATE TABLE old (a UInt8) ENGINE = MergeTree ORDER BY a";
    http(stack.ports().clickhouse, "POST", "/", &[], create).ok();
    stack.stop().await;
    wanted.fresh = true;
    let stack = Stack::start(wanted).await.unwrap();
    assert_eq!(
        http(stack.ports().clickhouse, "POST", "/", &[], b"EXISTS old").ok(),
        "0\n"
    );
    assert!(dir.path().join("notes.txt").exists());
    assert!(
        !dir.path().join("run/clickhouse.json").exists(),
        "the passwords are not left on disk"
    );
    stack.stop().await;
}

#[tokio::test]
async fn a_busy_port_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut wanted = options(dir.path());
    wanted.ports.clickhouse = port;
    let error = Stack::start(wanted).await.err().unwrap();
    let text = error.to_string();
    assert!(matches!(error, StackError::PortInUse { .. }), "{text}");
    assert!(
        text.contains(&format!("port {port} for ClickHouse"))
            && text.contains("local.clickhouse_port"),
        "{text}"
    );
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_says_how_much_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = options(dir.path());
    wanted.min_free_mb = u64::MAX;
    let error = Stack::start(wanted).await.err().unwrap().to_string();
    assert!(
        error.starts_with("disk nearly full under ")
            && error.contains("needs 18446744073709551615 MB"),
        "{error}"
    );
}

/// Starts the stack in an environment that lacks something; it must fail.
fn up_with(environment: &[(&str, &Path)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = Command::new(binary())
        .args(["up", "--any-ports", "--data"])
        .arg(dir.path())
        .env_clear()
        .env("HOME", dir.path())
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(3), "{text}");
    text
}

fn fake_java(dir: &Path, version: &str) -> std::path::PathBuf {
    let path = dir.join("java");
    std::fs::write(
        &path,
        format!("#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n"),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn missing_and_old_tools_are_named_with_their_packages() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let none = up_with(&[("PATH", &nowhere)]);
    assert!(
        none.contains("no Java runtime found") && none.contains("openjdk-17-jre-headless"),
        "{none}"
    );

    let old = up_with(&[
        ("PATH", &nowhere),
        ("TAPELINE_JAVA", &fake_java(dir.path(), "11.0.2")),
    ]);
    assert!(old.contains("is version 11.0.2, Kafka needs 17"), "{old}");

    let no_maven = up_with(&[
        ("PATH", &nowhere),
        ("TAPELINE_JAVA", &fake_java(dir.path(), "17.0.1")),
    ]);
    assert!(
        no_maven.contains("mvn is needed once to fetch Kafka")
            && no_maven.contains("apt-get install maven"),
        "{no_maven}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_open_its_folder_quotes_its_log() {
    let dir = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    std::fs::create_dir(dir.path().join("clickhouse")).unwrap();
    std::fs::write(dir.path().join("clickhouse/spool"), "").unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    let error = Stack::start(wanted).await.err().unwrap();
    let text = error.to_string();
    assert!(
        matches!(
            error,
            StackError::ChildDied {
                name: "clickhouse",
                ..
            }
        ),
        "{text}"
    );
    assert!(text.contains("File exists"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_queries_than_slots_wait_and_are_then_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    wanted.store.max_queries = 1;
    wanted.store.max_wait = Duration::from_millis(200);
    let stack = Stack::start(wanted).await.unwrap();
    let port = stack.ports().clickhouse;
    let ask = move |sql: &'static str| http(port, "POST", "/", &[], sql.as_bytes());
    tokio::task::spawn_blocking(move || {
        let long = "SELECT sum(sleepEachRow(0.05)) FROM numbers(2000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000";
        let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{long}", long.len()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let refused = loop {
            let answer = ask("SELECT 1");
            if answer.status != 200 {
                break answer;
            }
            assert!(Instant::now() < deadline, "nothing was refused");
        };
        assert_eq!(refused.header("X-ClickHouse-Exception-Code"), Some("202"));
        assert!(refused.text().contains("TOO_MANY_SIMULTANEOUS_QUERIES"));
        // The client leaves, and its slot is free again.
        drop(client);
        while ask("SELECT 1").status != 200 {
            assert!(Instant::now() < deadline, "the slot is lost");
        }
    })
    .await
    .unwrap();
    stack.stop().await;
}
