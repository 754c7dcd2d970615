//! The commands an operator uses on a cluster that is there already.

use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Namespace, Program, get, shared};

use crate::records::{deposit, fill, quote};

#[test]
fn topics_and_tables_are_planned_applied_and_then_as_they_should_be() {
    let namespace = Namespace::new("deploy", "");
    for command in ["topics", "store"] {
        let planned = namespace.program([command, "plan"]).run().ok();
        assert!(
            planned.stdout.contains("as it should be"),
            "{}",
            planned.stdout
        );
        // Idempotent.
        let mut again = vec![command, "apply"];
        if command == "topics" {
            again.push("--yes");
        }
        Program::new(again).folder(&namespace.folder()).run().ok();
    }
    namespace.program(["check", "--online"]).run().ok();

    // Another prefix and another database: everything is still to be made.
    let elsewhere = |arguments: &[&str]| {
        Program::new(arguments)
            .folder(&namespace.folder())
            .env("TAPELINE__KAFKA__TOPIC_PREFIX", "elsewhere.")
            .env("TAPELINE__CLICKHOUSE__DATABASE", "elsewhere")
    };
    let planned = elsewhere(&["topics", "plan", "--json"]).run();
    assert_eq!(planned.code(), 1);
    let changes = planned.json()["changes"].as_array().unwrap().len();
    assert!(
        changes > Topic::ALL.len(),
        "topics and changelogs: {changes}"
    );
    elsewhere(&["store", "plan"])
        .run()
        .failed(1, &["tapeline store apply"]);
    elsewhere(&["check", "--online"])
        .run()
        .failed(1, &["topics plan", "store plan"]);
    elsewhere(&["topics", "apply"]).run().failed(2, &["--yes"]);
}

#[test]
fn an_edited_migration_is_refused_by_name() {
    let namespace = Namespace::new("drift", "");
    namespace.query("ALTER TABLE _migrations UPDATE checksum = 'edited' WHERE version = 1 SETTINGS mutations_sync = 2");
    namespace.program(["store", "plan"]).run().failed(1, &[]);
    let refused = namespace.program(["store", "apply"]).run();
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("base_tables"), "{}", refused.stderr);
}

#[test]
fn alerts_are_tailed_with_their_cause() {
    let configuration =
        "[risk]\nmax_drawdown = '100'\n[[accounts]]\nid = 'a1'\nportfolio = 'one'\n";
    let namespace = Namespace::new("tail", configuration);
    let running = namespace.roles(&["processors"]);
    namespace.publish(&deposit());
    namespace.publish(&fill("a1", "e1", "50", "10"));
    namespace.read_at_least(Topic::RiskPositions, 1);
    namespace.publish(&Event::Quote(quote("S", "9.99", "10.01")));
    namespace.read_at_least(Topic::MarketMarks, 1);
    namespace.publish(&Event::Quote(quote("S", "6.99", "7.01")));
    let alerts = namespace
        .program(["alerts", "tail", "--all", "--count", "1", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(alerts["severity"], "CRITICAL");
    assert_eq!(alerts["subject"], "one");
    assert_eq!(alerts["cause"]["topic"], "market.marks");
    assert_eq!(alerts["limit"], "100");
    // 50 × 3 lost, and the fee of 0.5 before the high was first measured with a price.
    assert_eq!(
        alerts["message"],
        "one is 150.5 USD below its high, beyond its limit of 100 USD"
    );
    running.stop().ok();
}

#[test]
fn the_registry_serves_what_the_program_writes() {
    // The shared stack serves no schemas; the program's own list is what counts.
    let (status, body) = get(&shared().registry, "/subjects").unwrap();
    assert_eq!((status, body.trim()), (200, "[]"));
    let listed = Program::new(["schemas", "list", "--json"])
        .run()
        .ok()
        .json();
    let alert = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["record"] == "alert")
        .unwrap();
    let shown = Program::new(["schemas", "show", &alert["id"].to_string()])
        .run()
        .ok()
        .json();
    assert_eq!(shown["name"], "Alert");
}

#[test]
fn health_tells_whether_a_role_runs() {
    Program::new(["health"])
        .env("TAPELINE__TELEMETRY__LISTEN", "127.0.0.1:1")
        .run()
        .failed(1, &["127.0.0.1:1"]);
    let namespace = Namespace::new("health", "");
    let running = namespace.roles(&["processors"]);
    let said = running.stderr();
    let address = said
        .lines()
        .find_map(|l| l.strip_prefix("metrics and health on http://"))
        .unwrap();
    let healthy = namespace
        .program(["health"])
        .env("TAPELINE__TELEMETRY__LISTEN", address)
        .run()
        .ok();
    assert_eq!(healthy.stdout.trim(), "ready");
    running.stop().ok();
}
