//! Programs of others read what the line writes: nothing of ours is in between.

use std::process::{Command, Output};
use std::time::Duration;

use tapeline_tests::{Program, query, scratch};

use crate::demo::{address, up};

const STARTED: Duration = Duration::from_secs(90);

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `./dev test` brings what this needs"))
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// The interpreter that `./dev test` fits out.
pub(crate) fn python() -> String {
    std::env::var("TAPELINE_TEST_PYTHON")
        .expect("TAPELINE_TEST_PYTHON is not set: run this through `./dev test`")
}

pub(crate) fn script(name: &str) -> String {
    format!("{}/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn python_kcat_and_curl_read_the_same_records() {
    let folder = scratch();
    let mut line = up(folder.path(), &[]).start();
    let kafka = line.until("Kafka's address", STARTED, |r| address(r, "Kafka"));
    let store = line.until("the store's address", STARTED, |r| address(r, "ClickHouse"));
    let registry = line.until("the registry's address", STARTED, |r| {
        address(r, "schema registry")
    });
    line.until("an alert", STARTED, |r| {
        r.stdout().contains("CRITICAL").then_some(())
    });

    let first = "SELECT message FROM alerts ORDER BY event_time LIMIT 1";
    let ours = line.until("the alert in the store", STARTED, |_| {
        let text = query(&store, "tapeline", first);
        (!text.is_empty()).then_some(text)
    });

    // Partitions are read in any order: as many as the table has by now are in the topic.
    let count = query(&store, "tapeline", "SELECT count() FROM alerts");

    // confluent-kafka and fastavro
    let text = said(&run(
        &python(),
        &[&script("alerts.py"), &kafka, &registry, &count],
    ));
    assert!(
        text.contains(" | momentum | ") && text.contains(&ours),
        "{text} / {ours}"
    );

    // kcat: some builds decode with the registry (`-s value=avro -r URL`), Debian's shows the bytes.
    #[rustfmt::skip]
    let arguments = [
        "-b", &kafka, "-t", "alerts", "-C", "-o", "beginning", "-e", "-q",
        "-f", "%k %s\n", "-X", "isolation.level=read_committed",
    ];
    let text = said(&run("kcat", &arguments));
    assert!(
        text.contains("momentum ") && text.contains(&ours),
        "{text} / {ours}"
    );

    // curl
    let url = format!("{store}/?user=reader&database=tapeline");
    let text = said(&run("curl", &["-sS", &url, "--data-binary", first]));
    assert_eq!(text.trim(), ours);

    // clickhouse-connect
    let (host, port) = store.trim_start_matches("http://").split_once(':').unwrap();
    let text = said(&run(&python(), &[&script("store.py"), host, port]));
    assert!(
        text.contains("momentum | ") && text.starts_with("portfolio | worth"),
        "{text}"
    );

    // All that its users do: a million rows whole and in a stream, inserts, parameters, settings,
    // errors early and late, with and without compression.
    let conformance = script("conformance.py");
    let password = folder.path().join("store.password");
    let password = password.to_str().unwrap();
    let text = said(&run(
        &python(),
        &[&conformance, host, port, "1000000", password],
    ));
    assert_eq!(text.trim(), "conforms");

    // As README shows it: the password of `default` from its file, not from an argument.
    let line_of_shell = format!(
        "printf 'X-ClickHouse-Key: %s' \"$(cat {password})\" | \
         curl -sS -H @- -H 'X-ClickHouse-User: default' '{store}/?database=tapeline' --data-binary 'OPTIMIZE TABLE quotes'"
    );
    assert_eq!(said(&run("sh", &["-c", &line_of_shell])), "");

    // A reader only reads.
    let text = said(&run(
        "curl",
        &["-sS", &url, "--data-binary", "DROP TABLE alerts"],
    ));
    assert!(
        text.contains("READONLY") || text.contains("readonly"),
        "{text}"
    );
    line.stop().ok();
}

/// What docs/python.md shows: the configuration, the program and what it prints.
#[test]
fn python_trades_over_the_topics() {
    let page = include_str!("../../docs/python.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (configuration, _) = rest.split_once("```").unwrap();
    let folder = scratch();
    std::fs::write(folder.path().join("tapeline.toml"), configuration).unwrap();
    let data = folder.path().join("data");
    let mut arguments = vec!["up", "--data", data.to_str().unwrap()];
    for port in ["--kafka-port", "--clickhouse-port", "--registry-port"] {
        arguments.extend([port, "0"]);
    }
    arguments.extend(["--metrics", "127.0.0.1:0"]);
    let mut line = Program::new(arguments).folder(folder.path()).start();
    let kafka = line.until("Kafka's address", STARTED, |r| address(r, "Kafka"));
    let registry = line.until("the registry's address", STARTED, |r| {
        address(r, "schema registry")
    });
    #[rustfmt::skip]
    let text = said(&run(
        &python(),
        &[&script("trading.py"), &kafka, &registry, "mine", "mine-1", "AAPL"],
    ));
    let (_, shown) = page.split_once("AAPL\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    for line in shown.lines() {
        let begin = line.trim_end_matches('…');
        assert!(text.contains(begin), "{begin} is not in {text}");
    }
    line.stop().ok();
}
