//! A copy of the topics in a file: replayed where there is no Kafka, and found out
//! where one byte of it was changed.

use std::path::Path;
use std::process::Command;

use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Finished, Namespace};

use crate::records::{fill, quote};

const FILLS: usize = 40;
const CONFIGURATION: &str =
    "[[accounts]]\nid = 'a1'\nportfolio = 'one'\n[processors]\nsnapshot_transactions = 10\n";

/// The program on a machine that reaches no Kafka.
fn elsewhere<const N: usize>(namespace: &Namespace, arguments: [&str; N]) -> Finished {
    namespace
        .program(arguments)
        .env("TAPELINE__KAFKA__BOOTSTRAP", "127.0.0.1:1")
        .env("TAPELINE__KAFKA__REQUEST_TIMEOUT", "1s")
        .run()
}

fn sum(reports: &serde_json::Value, key: &str) -> u64 {
    let tasks = reports.as_array().unwrap().iter();
    tasks.map(|task| task[key].as_u64().unwrap()).sum()
}

/// Changes one byte of the first value of the topic, and tells where that stands.
fn touch(namespace: &Namespace, topic: Topic, from: &Path, to: &Path) -> String {
    let messages = namespace.read(topic);
    let message = &messages[messages.len() / 2];
    let value = message.value.as_deref().unwrap();
    let mut file = std::fs::read(from).unwrap();
    let at = file.windows(value.len()).position(|w| w == value).unwrap();
    file[at + value.len() / 2] ^= 1;
    std::fs::write(to, file).unwrap();
    format!("{topic}[{}] offset {}", message.partition, message.offset)
}

#[test]
fn a_recording_is_replayed_without_kafka_and_a_changed_byte_is_told_with_its_place() {
    let namespace = Namespace::new("recording", CONFIGURATION);
    let running = namespace.roles(&["processors"]);
    for n in 0..FILLS {
        namespace.publish(&fill("a1", &format!("e{n}"), "1", "10"));
        let (symbol, bid) = (format!("S{}", n % 7), format!("{}", 10 + n));
        namespace.publish(&Event::Quote(quote(&symbol, &bid, "99")));
    }
    namespace.read_at_least(Topic::RiskPositions, FILLS);
    namespace.read_at_least(Topic::MarketMarks, 7);
    running.stop().ok();

    let folder = namespace.folder();
    for (processor, topic) in [
        ("risk", Topic::BrokerFills),
        ("market", Topic::MarketQuotes),
    ] {
        let name = format!("{processor}.avro");
        #[rustfmt::skip]
        let save = ["recording", "save", &name, "--processor", processor, "--json"];
        let summary = namespace.program(save).run().ok().json();
        assert_eq!(summary["processor"], processor);
        let saved = sum(&summary["tasks"], "transactions");
        assert!(saved > 0, "{summary}");
        namespace
            .program(save)
            .run()
            .failed(2, &[&name, "is there already", "--force"]);

        // Everything there is, bit for bit, without the topics.
        let replay = ["replay", "--recording", &name, "--verify", "--json"];
        let reports = elsewhere(&namespace, replay).ok().json();
        assert_eq!(sum(&reports, "differences"), 0, "{reports}");
        assert_eq!(sum(&reports, "transactions"), saved, "{reports}");
        let live = ["replay", "--processor", processor, "--json"];
        assert_eq!(namespace.program(live).run().ok().json(), reports);
        elsewhere(&namespace, ["recording", "show", &name]).ok();
        others_read(&folder.join(&name), processor);

        // One byte of one input.
        let touched = format!("touched-{name}");
        let place = touch(
            &namespace,
            topic,
            &folder.join(&name),
            &folder.join(&touched),
        );
        let replayed = elsewhere(&namespace, ["replay", "--recording", &touched]);
        replayed.failed(1, &["came out differently"]);
        let told = replayed
            .stdout
            .lines()
            .find(|line| line.contains(&place))
            .unwrap_or_else(|| panic!("{place} is not in {replayed:?}"));
        assert!(
            told.starts_with("task ")
                && told.contains(" transaction ")
                && told.contains("checksum"),
            "{told}"
        );
        let shown = elsewhere(&namespace, ["recording", "show", &touched]);
        shown.failed(1, &[&touched, "1 record damaged"]);
        assert!(shown.stdout.contains(&place), "{shown:?}");

        // Its end is missing.
        let whole = std::fs::read(folder.join(&name)).unwrap();
        std::fs::write(folder.join(&touched), &whole[..whole.len() - 30]).unwrap();
        elsewhere(&namespace, ["replay", "--recording", &touched])
            .failed(1, &[&touched, "the last transaction is incomplete"]);
    }
}

/// fastavro decodes the file, and zlib comes to the same checksums.
fn others_read(file: &Path, processor: &str) {
    let python = std::env::var("TAPELINE_TEST_PYTHON")
        .expect("TAPELINE_TEST_PYTHON is not set: run this through `./dev test`");
    let script = format!("{}/clients/recording.py", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python).arg(script).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.starts_with(&format!("{processor} | TASK 2 | ")),
        "{said}\n{errors}"
    );
}

#[test]
fn what_cannot_be_saved_or_replayed_is_told() {
    let namespace = Namespace::new("norecording", CONFIGURATION);
    let path = namespace.folder().join("text.avro");
    std::fs::write(&path, "no Avro at all").unwrap();
    elsewhere(&namespace, ["replay", "--recording", "text.avro"])
        .failed(1, &["text.avro", "no recording"]);
    elsewhere(&namespace, ["replay", "--recording", "nowhere.avro"])
        .failed(2, &["nowhere.avro", "cannot be read"]);
    elsewhere(&namespace, ["recording", "show", "nowhere.avro"]).failed(2, &["nowhere.avro"]);
    let unknown = ["recording", "save", "x.avro", "--processor", "king"];
    namespace
        .program(unknown)
        .run()
        .failed(2, &["king", "risk"]);
    let beyond = [
        "recording",
        "save",
        "x.avro",
        "--processor",
        "risk",
        "--task",
        "7",
    ];
    namespace.program(beyond).run().failed(2, &["no task 7"]);
    assert!(!namespace.folder().join("x.avro.part").exists());
    // Nothing has happened yet: a recording of nothing is one.
    let save = ["recording", "save", "x.avro", "--processor", "risk"];
    namespace.program(save).run().ok();
    elsewhere(&namespace, ["replay", "--recording", "x.avro"]).ok();
}

#[test]
fn a_range_begins_with_the_snapshot_before_it() {
    let namespace = Namespace::new(
        "range",
        &CONFIGURATION.replace("snapshot_transactions = 10", "snapshot_transactions = 2"),
    );
    let running = namespace.roles(&["processors"]);
    for n in 1..=8 {
        // Waited for, so that each is in a transaction of its own.
        namespace.publish(&fill("a1", &format!("e{n}"), "1", "10"));
        namespace.read_at_least(Topic::RiskPositions, n);
    }
    running.stop().ok();
    let partition = namespace.read(Topic::BrokerFills)[0].partition.to_string();
    #[rustfmt::skip]
    let save = [
        "recording", "save", "late.avro", "--processor", "risk", "--task", &partition,
        "--from", "6", "--to", "7", "--json",
    ];
    let summary = namespace.program(save).run().ok().json();
    let task = &summary["tasks"][0];
    assert_eq!(
        (&task["from"], &task["to"]),
        (&5.into(), &7.into()),
        "{summary}"
    );
    assert!(task["state_entries"].as_u64().unwrap() > 0, "{summary}");
    let reports = elsewhere(&namespace, ["replay", "--recording", "late.avro", "--json"])
        .ok()
        .json();
    assert_eq!(sum(&reports, "transactions"), 3, "{reports}");
    elsewhere(
        &namespace,
        ["replay", "--recording", "late.avro", "--from", "2"],
    )
    .failed(1, &["begins with transaction 5"]);
}
