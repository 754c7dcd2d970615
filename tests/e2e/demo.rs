//! What a person sees who runs the one command.

use std::time::Duration;

use tapeline_tests::{Program, Running, get, query, scratch};

const STARTED: Duration = Duration::from_secs(90);

/// `up --demo` on free ports, with data in this folder.
pub(crate) fn up(data: &std::path::Path, more: &[&str]) -> Program {
    let mut arguments = vec!["up", "--demo", "--data", data.to_str().unwrap()];
    for port in ["--kafka-port", "--clickhouse-port", "--registry-port"] {
        arguments.extend([port, "0"]);
    }
    arguments.extend(["--metrics", "127.0.0.1:0"]);
    arguments.extend(more);
    Program::new(arguments).folder(std::path::Path::new("/"))
}

pub(crate) fn address(running: &Running, name: &str) -> Option<String> {
    let said = running.stderr();
    let line = said
        .lines()
        .find(|line| line.trim_start().starts_with(name))?;
    let address = line.trim_start()[name.len()..].split_whitespace().next()?;
    let base = address.split("/?").next()?;
    Some(base.trim_end_matches("/metrics").to_owned())
}

#[test]
fn a_short_demo_ends_with_a_report_in_which_nothing_is_lost() {
    let folder = scratch();
    let report = up(folder.path(), &["--for", "15s", "--json"])
        .run()
        .ok()
        .json();
    let count = |path: &str| {
        report
            .pointer(path)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_else(|| panic!("{path}: {report}"))
    };
    // Far below what the demo makes: how fast this machine is, is no question here.
    assert!(count("/topics/market.quotes") >= 5_000, "{report}");
    assert!(count("/topics/broker.fills") >= 10, "{report}");
    assert!(count("/topics/auth.events") >= 5, "{report}");
    assert!(count("/alerts") >= 1, "{report}");
    assert_eq!(count("/audit/lost"), 0, "{report}");
    assert_eq!(count("/audit/duplicated"), 0, "{report}");
    for (topic, table) in [
        ("market.quotes", "quotes"),
        ("broker.fills", "fills"),
        ("alerts", "alerts"),
        ("risk.equity", "equity"),
    ] {
        assert_eq!(
            count(&format!("/topics/{topic}")),
            count(&format!("/tables/{table}")),
            "{report}"
        );
    }
    assert_eq!(count("/topics/deadletters"), 0, "{report}");
    assert!(
        count("/started_ms") > 0 && count("/first_alert_ms") > 0,
        "{report}"
    );
}

#[test]
fn after_kill_nine_and_a_new_start_nothing_is_lost_and_nothing_is_there_twice() {
    let folder = scratch();
    let mut first = up(folder.path(), &[]).start();
    let store = first.until("the store's address", STARTED, |r| address(r, "ClickHouse"));
    first.until("an alert", STARTED, |r| {
        r.stdout().contains("CRITICAL").then_some(())
    });
    first.until("fills in the store", STARTED, |_| {
        (query(&store, "tapeline", "SELECT count() FROM fills")
            .parse::<u64>()
            .unwrap()
            > 10)
            .then_some(())
    });
    first.kill_nine();

    let mut second = up(folder.path(), &[]).start();
    let store = second.until("the store's address", STARTED, |r| address(r, "ClickHouse"));
    let metrics = second.until("the metrics' address", STARTED, |r| {
        address(r, "metrics, health")
    });
    let (status, body) = get(&metrics, "/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(
        body.contains("tapeline_transactions_total")
            || body.contains("tapeline_processor_records_total"),
        "{body}"
    );
    second.until("more alerts", STARTED, |r| {
        r.stdout().contains("CRITICAL").then_some(())
    });
    // The demo's own numbers: no gap where the first run was killed, no number twice.
    let unique = |column: &str, table: &str| {
        let sql = format!("SELECT count() - uniqExact({column}) FROM {table}");
        query(&store, "tapeline", &sql)
    };
    assert_eq!(unique("seq", "quotes"), "0");
    assert_eq!(unique("exec_id", "fills"), "0");
    assert_eq!(unique("event_id", "auth_events"), "0");
    assert_eq!(unique("alert_id", "alerts"), "0");
    second.stop();

    let report = up(folder.path(), &["--for", "1s", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(report.pointer("/audit/lost").unwrap(), 0, "{report}");
    assert_eq!(report.pointer("/audit/duplicated").unwrap(), 0, "{report}");
}
