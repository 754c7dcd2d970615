//! What goes wrong before anything runs: one clear message each.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tapeline_tests::{Program, scratch};

/// `up` with a configuration; every port is free unless the text says otherwise.
fn up_with(configuration: &str) -> (tempfile::TempDir, Program) {
    let folder = scratch();
    std::fs::write(folder.path().join("tapeline.toml"), configuration).unwrap();
    let program = Program::new(["up", "--for", "1s"]).folder(folder.path());
    (folder, program)
}

const FREE_PORTS: &str = "[local]\nkafka_port = 0\nclickhouse_port = 0\nregistry_port = 0\n";

#[test]
fn every_fault_of_a_configuration_is_listed_at_once() {
    let (_folder, program) = up_with(
        "[kafka]\nbootstrapp = 'x:1'\nmarket_partitions = 'four'\n[risk]\ncurrency = 'x'\n",
    );
    program.run().failed(
        2,
        &[
            "kafka.bootstrapp",
            "unknown field",
            "kafka.market_partitions",
            "four",
            "risk.currency",
        ],
    );
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let folder = scratch();
    let program = Program::new(["check", "--config", "nowhere.toml"]).folder(folder.path());
    program
        .run()
        .failed(2, &["nowhere.toml", "cannot be read", "tapeline init"]);
}

#[test]
fn what_init_writes_is_accepted_by_check() {
    let folder = scratch();
    let written = Program::new(["init"]).folder(folder.path()).run().ok();
    std::fs::write(folder.path().join("tapeline.toml"), written.stdout).unwrap();
    let checked = Program::new(["check"]).folder(folder.path()).run().ok();
    assert_eq!(checked.stdout.trim(), "the configuration is fine");
    let schema = Program::new(["init", "--json-schema"])
        .folder(folder.path())
        .run()
        .ok()
        .json();
    assert!(schema.pointer("/properties/kafka").is_some());
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (key, flag) in [
        ("kafka_port", "--kafka-port"),
        ("clickhouse_port", "--clickhouse-port"),
        ("registry_port", "--registry-port"),
    ] {
        let text = FREE_PORTS.replace(&format!("{key} = 0"), &format!("{key} = {port}"));
        let (_folder, program) = up_with(&text);
        program.run().failed(
            2,
            &[&port.to_string(), "in use", &format!("local.{key}"), flag],
        );
    }
}

#[test]
fn no_java_and_an_old_java_are_told_with_what_to_install() {
    let (_folder, program) = up_with(FREE_PORTS);
    let program = program
        .env("PATH", "/nonexistent")
        .without_env("JAVA_HOME")
        .without_env("TAPELINE_JAVA");
    program
        .run()
        .failed(3, &["no Java", "openjdk-17-jre-headless"]);

    let (folder, program) = up_with(FREE_PORTS);
    let java = folder.path().join("java");
    std::fs::write(
        &java,
        "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n",
    )
    .unwrap();
    std::fs::set_permissions(&java, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
        .env("TAPELINE_JAVA", &java)
        .run()
        .failed(3, &["11.0.2", "17 or newer"]);
}

#[test]
fn too_little_room_is_told_before_anything_starts() {
    let (_folder, program) = up_with(&format!("{FREE_PORTS}min_free_mb = 900000000\n"));
    program.run().failed(
        3,
        &[
            "disk nearly full",
            "900000000 MB",
            "choose another data folder",
        ],
    );
}

#[test]
fn two_runs_do_not_share_a_data_folder() {
    let folder = scratch();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let lock = std::fs::File::create(folder.path().join("run").join("stack.lock")).unwrap();
    lock.lock().unwrap();
    let data = folder.path().to_str().unwrap();
    let arguments = [
        "up",
        "--data",
        data,
        "--kafka-port",
        "0",
        "--clickhouse-port",
        "0",
        "--registry-port",
        "0",
    ];
    let finished = Program::new(arguments).folder(folder.path()).run();
    finished.failed(2, &["in use by another run", data]);
}

#[test]
fn a_broker_that_does_not_answer_is_an_error_within_bounds() {
    // Listens, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let folder = scratch();
    let text = format!("[kafka]\nbootstrap = '{address}'\nrequest_timeout = '2s'\n");
    std::fs::write(folder.path().join("tapeline.toml"), text).unwrap();
    let began = Instant::now();
    let finished = Program::new(["topics", "plan"]).folder(folder.path()).run();
    finished.failed(3, &[&address, "[kafka] bootstrap"]);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_store_that_does_not_answer_is_an_error_that_names_its_key() {
    let folder = scratch();
    let text = "[clickhouse]\nurl = 'http://127.0.0.1:1'\n";
    std::fs::write(folder.path().join("tapeline.toml"), text).unwrap();
    let finished = Program::new(["store", "status"])
        .folder(folder.path())
        .run();
    finished.failed(3, &["127.0.0.1:1", "[clickhouse] url"]);
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    let (_folder, program) = up_with("[clickhouse]\npassword = 'hunter2'\n");
    let finished = program.run();
    finished.failed(2, &["clickhouse.password", "secret://env/NAME"]);
    assert!(!finished.stderr.contains("hunter2"));
}

#[test]
fn wrong_words_are_exit_code_two() {
    Program::new(["upp"]).run().failed(2, &["upp"]);
    Program::new(["up", "--for", "soon"])
        .run()
        .failed(2, &["soon", "5s"]);
    Program::new(["run", "--role", "king"])
        .run()
        .failed(2, &["king", "processors"]);
    Program::new(["schemas", "show", "nothing"])
        .run()
        .failed(2, &["nothing", "quote"]);
}
