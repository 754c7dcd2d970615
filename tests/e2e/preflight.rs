//! What is looked at before trading begins.

use serde_json::Value;
use tapeline_schemas::topics::Topic;
use tapeline_simulators::{NAME, PASSWORD, SEED, Venue};
use tapeline_tests::Namespace;
use tokio::runtime::Runtime;

fn configuration(address: &str) -> String {
    format!(
        "[auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\n\
         [[accounts]]\nid = 'a1'\nportfolio = 'growth'\n\
         [[accounts]]\nid = 'a2'\nportfolio = 'growth'\n\
         [[logins]]\naccount = 'a1'\nvenue = 'alpha'\nway = 'device'\naddress = '{address}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = 'secret://file/seed'\n\
         [[logins]]\naccount = 'a2'\nvenue = 'beta'\nway = 'key'\naddress = '{address}'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\n"
    )
}

fn desk(name: &str, venue: &Venue) -> Namespace {
    let namespace = Namespace::new(name, &configuration(&venue.address));
    let seed = format!("otpauth://totp/alpha?secret={SEED}&period=1");
    let key = "k".repeat(44);
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        ("seed", &seed),
        ("session-key", &key),
    ] {
        std::fs::write(namespace.folder().join(name), text).unwrap();
    }
    namespace
}

/// Outcomes by the name of their check.
fn outcomes(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap();
    let of = |check: &Value| format!("{} {}", check["outcome"], check["name"]).replace('"', "");
    let mut outcomes: Vec<String> = checks.iter().map(of).collect();
    outcomes.sort_unstable();
    outcomes
}

#[test]
fn all_that_a_day_needs_is_looked_at_without_a_login() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let namespace = desk("preflight", &venue);
    let checked = namespace
        .program(["check", "--online", "--json"])
        .run()
        .ok();
    let expected = [
        "pass codes of a1",
        "pass disk",
        "pass kafka",
        "pass login a2",
        "pass market data of a2",
        "pass permissions of a2",
        "pass rate budget of a2",
        "pass schemas",
        "pass secret auth.session_key",
        "pass secret clickhouse.password",
        "pass secret logins[0].name, logins[1].name",
        "pass secret logins[0].password, logins[1].password",
        "pass secret logins[0].totp",
        "pass status of a2",
        "pass store",
        "warn device of a1",
        "warn login a1",
    ];
    assert_eq!(outcomes(&checked.json()), expected);
    assert_eq!(venue.state().logins, 0, "what a venue counts is not tried");
    let shown = namespace.program(["check", "--online"]).run().ok();
    assert!(shown.stdout.contains("no session yet"), "{}", shown.stdout);

    // As a newer release would write it.
    namespace.publish_raw(Topic::MarketQuotes, "ACME", &[0, 0, 0, 3, 231, 1]);
    let newer = namespace.program(["check", "--online"]).run();
    let said = "market.quotes holds what this release cannot read: schema id 999 is unknown";
    newer.failed(1, &[said]);

    venue.change(|book| book.account.takes_no_orders = true);
    let blocked = namespace.program(["check", "--online"]).run();
    blocked.failed(1, &["permissions of a2: the venue takes no orders"]);

    // With another secret for the key, the venue refuses, and it is said which.
    venue.change(|book| "another".clone_into(&mut book.password));
    let refused = namespace.program(["check", "--online"]).run();
    refused.failed(1, &["login a2: the venue refuses: EXPIRED"]);
    assert!(!refused.stdout.contains("planted") && !refused.stderr.contains("planted"));
}

#[test]
fn connectors_do_not_start_without_what_they_need_and_an_alert_says_so() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let namespace = desk("blocked", &venue);
    std::fs::write(namespace.folder().join("seed"), "hunter2!").unwrap();
    std::fs::remove_file(namespace.folder().join("password")).unwrap();
    let started = namespace.program(["run", "--role", "connectors"]).run();
    let said = ["do not start", "codes of a1", "secret logins[0].password"];
    started.failed(3, &said);
    assert!(!started.stderr.contains("hunter"), "{}", started.stderr);
    assert_eq!(venue.state().logins, 0);

    std::fs::write(namespace.folder().join("password"), PASSWORD).unwrap();
    let seed = format!("otpauth://totp/alpha?secret={SEED}&period=1");
    std::fs::write(namespace.folder().join("seed"), seed).unwrap();
    let running = namespace.roles(&["connectors", "sinks"]);
    let told = "SELECT toString(severity), key FROM alerts WHERE source = 'preflight' ORDER BY key";
    namespace.query_until(
        told,
        "CRITICAL\tpreflight/codes of a1\n\
         CRITICAL\tpreflight/secret logins[0].password, logins[1].password",
    );
    let logged_in = "SELECT uniqExact(account) FROM auth_events WHERE kind = 'LOGIN_SUCCEEDED'";
    namespace.query_until(logged_in, "2");
    running.stop().ok();
}
