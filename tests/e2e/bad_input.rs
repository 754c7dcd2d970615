//! Topics that are not as a task needs them: each is refused by name with the way
//! out, and nothing is processed in part.

use std::process::Command;
use std::time::Duration;

use tapeline_kafka::TaskProducer;
use tapeline_model::Event;
use tapeline_model::records::Alert;
use tapeline_schemas::topics::Topic;
use tapeline_tests::Namespace;

use crate::clients::{python, script};
use crate::records::quote;

pub(crate) const MARKET: &str = "[processors]\nrun = ['market']\n";
const ENDS_WITHIN: Duration = Duration::from_secs(60);
const CHANGELOG: &str = "tapeline.market.changelog";

/// A topic's full name, and something done to it.
pub(crate) fn damage(namespace: &Namespace, what: &str, topic: &str, more: &[&str]) {
    let full = format!("{}{topic}", namespace.kafka.topic_prefix);
    let output = Command::new(python())
        .args([
            &script("damage.py"),
            &namespace.kafka.bootstrap,
            what,
            &full,
        ])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} {topic}: {said}");
}

fn quotes(namespace: &Namespace, count: usize) {
    for n in 0..count {
        let symbol = format!("S{}", n % 8);
        namespace.publish(&Event::Quote(quote(&symbol, "10", "10.02")));
    }
}

/// Both partitions have state, progress and a journal.
fn worked(name: &str, configuration: &str) -> Namespace {
    let namespace = Namespace::new(name, configuration);
    let running = namespace.roles(&["processors"]);
    quotes(&namespace, 8);
    namespace.read_at_least(Topic::MarketMarks, 8);
    running.stop().ok();
    namespace
}

/// The processors refuse with these words, and leave the marks as they are.
fn refused(namespace: &Namespace, words: &[&str]) {
    let before = namespace.read(Topic::MarketMarks).len();
    let finished = namespace.program(["run", "--role", "processors"]).run();
    finished.failed(3, words);
    assert_eq!(namespace.read(Topic::MarketMarks).len(), before);
}

#[test]
fn a_changelog_that_lost_its_beginning_is_refused() {
    let namespace = worked("cut", MARKET);
    quotes(&namespace, 8);
    damage(&namespace, "remove-records", CHANGELOG, &[]);
    refused(
        &namespace,
        &[
            CHANGELOG,
            "is not whole",
            "offsets were removed",
            "from a copy",
        ],
    );
}

#[test]
fn a_changelog_that_was_made_anew_is_refused() {
    let namespace = worked("anew", MARKET);
    quotes(&namespace, 8);
    damage(&namespace, "delete", CHANGELOG, &[]);
    namespace.program(["topics", "apply", "--yes"]).run().ok();
    refused(
        &namespace,
        &[CHANGELOG, "ends with transaction 0, and the journal with"],
    );
}

#[test]
fn a_changelog_of_a_newer_release_is_refused() {
    let namespace = worked("newer", MARKET);
    let unknown_schema = [0, 0, 0, 0x27, 0x0F, 1, 2, 3];
    let names = namespace.kafka.names();
    let changelog = names.changelog("market");
    let producer = TaskProducer::new(&namespace.kafka, "newer").unwrap();
    producer.fence().unwrap();
    producer.begin().unwrap();
    let (key, value) = (b"marks\0S0", Some(&unknown_schema[..]));
    producer
        .send(&changelog, Some(0), key, value, &[], None)
        .unwrap();
    producer.commit().unwrap();
    refused(
        &namespace,
        &[
            CHANGELOG,
            "[0] cannot be used",
            "run the release that wrote it",
        ],
    );
}

#[test]
fn topics_with_unequal_partitions_are_refused() {
    let namespace = Namespace::new("unequal", MARKET);
    damage(&namespace, "delete", "market.quotes", &[]);
    damage(&namespace, "make", "market.quotes", &["3"]);
    quotes(&namespace, 8);
    refused(
        &namespace,
        &["market.quotes has 3 partitions", CHANGELOG, "has 2"],
    );
}

#[test]
fn a_transaction_timeout_above_the_brokers_is_refused() {
    let namespace = Namespace::new("timeout", MARKET);
    let configured = namespace
        .program(["run", "--role", "processors"])
        .env("TAPELINE__KAFKA__TRANSACTION_TIMEOUT", "2h")
        .run();
    configured.failed(2, &["kafka.transaction_timeout", "15 minutes"]);
    // A broker may allow less than is usual: it is the one who says no.
    let mut settings = namespace.kafka.clone();
    settings.transaction_timeout = Duration::from_secs(7200);
    let producer = TaskProducer::new(&settings, "timeout").unwrap();
    let refusal = producer.fence().unwrap_err().to_string();
    for part in ["transaction timeout of 7200s", "transaction.max.timeout.ms"] {
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn an_input_that_is_deleted_while_it_is_read_stops_the_processor() {
    let namespace = Namespace::new("deleted", MARKET);
    let running = namespace.roles(&["processors"]);
    quotes(&namespace, 8);
    namespace.read_at_least(Topic::MarketMarks, 8);
    damage(&namespace, "delete", "market.quotes", &[]);
    let finished = running.ended(ENDS_WITHIN);
    finished.failed(
        3,
        &["market.quotes does not exist", "tapeline topics apply"],
    );
}

/// Retention took what was not read yet: never a silent jump.
#[test]
fn a_gap_stops_a_task_until_it_is_accepted_in_writing() {
    let namespace = worked("gap", &format!("{MARKET}snapshot_transactions = 1\n"));
    quotes(&namespace, 16);
    damage(&namespace, "remove-records", "market.quotes", &[]);
    refused(
        &namespace,
        &[
            "market.quotes",
            "offsets were removed before they were read",
            "tapeline tasks accept-gap",
        ],
    );
    let listed = namespace.program(["tasks", "list"]).run();
    listed.failed(1, &["2 inputs cannot be read on"]);
    for partition in ["0", "1"] {
        let accept = [
            "tasks",
            "accept-gap",
            "--processor",
            "market",
            "--topic",
            "market.quotes",
            "--reason",
            "retention was too short",
            "--by",
            "ada",
            "--task",
            partition,
            "--partition",
            partition,
        ];
        namespace.program(accept).run().ok();
        namespace
            .program(accept)
            .run()
            .failed(1, &["there is no gap"]);
    }
    let listed = namespace.program(["tasks", "list", "--processor", "market", "--json"]);
    let tasks = listed.run().ok().json();
    let tasks = tasks.as_array().unwrap().iter();
    let accepted_at: Vec<i64> = tasks
        .map(|task| task["transactions"].as_i64().unwrap())
        .collect();
    let running = namespace.roles(&["processors"]);
    quotes(&namespace, 8);
    namespace.read_at_least(Topic::MarketMarks, 16);
    running.stop().ok();
    let told = alerts(&namespace, "gap_accepted");
    assert_eq!(told.len(), 2);
    assert!(
        told[0]
            .message
            .ends_with("accepted by ada: retention was too short")
    );
    // What follows the acceptance comes out again; what lies before it is gone.
    for (task, accepted) in ["0", "1"].into_iter().zip(&accepted_at) {
        let from = (accepted + 1).to_string();
        let replay = [
            "replay",
            "--processor",
            "market",
            "--task",
            task,
            "--from",
            &from,
            "--json",
        ];
        let reports = namespace.program(replay).run().ok().json();
        assert_eq!(reports[0]["differences"], 0, "{reports}");
        assert!(
            reports[0]["transactions"].as_u64().unwrap() > 0,
            "{reports}"
        );
    }
}

#[test]
fn a_transaction_that_nobody_ends_is_told() {
    let namespace = Namespace::new("hanging", MARKET);
    let mut patient = namespace.kafka.clone();
    patient.transaction_timeout = Duration::from_secs(600);
    let hanging = TaskProducer::new(&patient, "hanging").unwrap();
    hanging.fence().unwrap();
    hanging.begin().unwrap();
    let names = namespace.kafka.names();
    let topic = names.topic(Topic::MarketQuotes);
    hanging
        .send(topic, Some(0), b"S", Some(b"x"), &[], None)
        .unwrap();
    let mut running = namespace
        .program(["run", "--role", "processors"])
        .env("TAPELINE__KAFKA__TRANSACTION_TIMEOUT", "4s")
        .env("TAPELINE__KAFKA__REQUEST_TIMEOUT", "3s")
        .start();
    let told = running.until("the alert", ENDS_WITHIN, |_| {
        let told = alerts(&namespace, "hanging_transaction");
        (!told.is_empty()).then_some(told)
    });
    assert!(told[0].message.contains("market.quotes[0] was not ended"));
    hanging.abort().unwrap();
    running.stop().ok();
}

pub(crate) fn alerts(namespace: &Namespace, rule: &str) -> Vec<Alert> {
    let all = namespace.read(Topic::Alerts);
    let decoded = all.iter().map(|message| {
        match Event::decode(Topic::Alerts, message.value.as_deref()).unwrap() {
            Event::Alert(alert) => alert,
            other => panic!("{other:?}"),
        }
    });
    decoded.filter(|alert| alert.rule == rule).collect()
}
