//! What a person sees who runs the one command.

use std::time::Duration;

use tapeline_simulators::{NAME, PASSWORD, SEED, Venue};
use tapeline_tests::{Program, Running, get, query, scratch};
use tokio::runtime::Runtime;

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

/// Somebody's own login, to a venue of their own: of an account that the demo has as well.
fn own_login(folder: &std::path::Path, venue: &Venue) {
    let configuration = format!(
        "[auth]\nsessions = 'own-sessions'\nsession_key = 'secret://file/own-key'\n\
         [[accounts]]\nid = 'alpha-2'\nportfolio = 'growth'\n\
         [[logins]]\naccount = 'alpha-2'\nvenue = 'own'\nway = 'device'\naddress = '{}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/own-name'\npassword = 'secret://file/own-password'\ntotp = 'secret://file/own-seed'\n",
        venue.address
    );
    for (name, text) in [
        ("tapeline.toml", configuration),
        ("own-name", NAME.to_owned()),
        ("own-password", PASSWORD.to_owned()),
        (
            "own-seed",
            format!("otpauth://totp/own?secret={SEED}&period=1"),
        ),
        ("own-key", "k".repeat(44)),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn a_short_demo_ends_with_a_report_in_which_nothing_is_lost() {
    let folder = scratch();
    let runtime = Runtime::new().unwrap();
    let own = runtime.block_on(Venue::start()).unwrap();
    own_login(folder.path(), &own);
    let data = folder.path().join("data");
    let report = up(&data, &["--for", "15s", "--json"])
        .folder(folder.path())
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
    assert_eq!(own.state().opened, 1, "their login is theirs");
    assert!(folder.path().join("own-sessions").exists());
    let of_the_demo = |account: &str| data.join("demo-logins").join(account).exists();
    assert!(of_the_demo("alpha-1") && !of_the_demo("alpha-2"));
}

/// By account: how often it was asked for a code, gave one and got a session for it, and whether
/// its session ever went away.
const LOGINS: &str = "SELECT account, countIf(kind = 'CHALLENGE'), countIf(kind = 'CODE_SEEN'), \
     countIf(kind = 'LOGIN_SUCCEEDED' AND ifNull(method, '') = asked), \
     countIf(kind IN ('SESSION_LOST', 'EXPIRED', 'LOGIN_FAILED')) \
     FROM (SELECT *, transform(toString(account), ['alpha-1', 'alpha-2'], ['TOTP', 'PUSH'], '') AS asked FROM auth_events) \
     WHERE account != 'beta-1' GROUP BY account ORDER BY account";
const LOGGED_IN: &str = "alpha-1\t1\t1\t1\t0\nalpha-2\t1\t0\t1\t0\nbeta-2\t0\t0\t1\t0";
/// Whose session of before answers. One that ended while nothing ran is renewed.
const GONE_ON: &str = "SELECT account FROM \
     (SELECT *, ifNull(method, '') IN ('KEPT', 'RENEWAL') AS goes_on FROM auth_events) \
     WHERE account != 'beta-1' GROUP BY account \
     HAVING countIf(goes_on) > 0 AND maxIf(event_time, kind = 'HEALTHY') > maxIf(event_time, goes_on) ORDER BY account";

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
    first.until("logins with codes", STARTED, |_| {
        (query(&store, "tapeline", LOGINS) == LOGGED_IN).then_some(())
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
    second.until("the sessions of before", STARTED, |_| {
        let gone_on = query(&store, "tapeline", GONE_ON);
        (gone_on == "alpha-1\nalpha-2\nbeta-2").then_some(())
    });
    let logged_in = query(&store, "tapeline", LOGINS);
    assert_eq!(logged_in, LOGGED_IN, "a restart makes no login");
    let (_, body) = get(&metrics, "/metrics").unwrap();
    let has_session = |line: &str| {
        line.starts_with("tapeline_login_session{account=\"alpha-1\"") && line.ends_with(" 1")
    };
    assert!(body.lines().any(has_session), "{body}");
    // The demo's own numbers: no gap where the first run was killed, no number twice.
    let unique = |column: &str, table: &str| {
        let sql = format!("SELECT count() - uniqExact({column}) FROM {table}");
        query(&store, "tapeline", &sql)
    };
    assert_eq!(unique("seq", "quotes"), "0");
    assert_eq!(unique("exec_id", "fills"), "0");
    assert_eq!(unique("event_id", "auth_events"), "0");
    assert_eq!(unique("alert_id", "alerts"), "0");
    second.stop().ok();

    let report = up(folder.path(), &["--for", "1s", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(report.pointer("/audit/lost").unwrap(), 0, "{report}");
    assert_eq!(report.pointer("/audit/duplicated").unwrap(), 0, "{report}");
}
