//! The chaos program runs, hits, checks and reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Three brokers at a time are enough for one machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn chaos(arguments: &[&str]) -> (i32, String, String) {
    ended(Command::new(env!("CARGO_BIN_EXE_chaos")).args(arguments))
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    (code, text(&output.stdout), text(&output.stderr))
}

/// The program with faults planted into it, as cargo builds it beside the right one: what it
/// compiles lies with everything else, and only what it links has a folder of its own.
fn planted_program() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_chaos")).parent().unwrap();
    let builds = profile.parent().unwrap();
    let target = builds.join("planted");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--locked", "--offline"])
        .args(["-p", "tapeline", "--features", "planted-faults"])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_BUILD_BUILD_DIR", builds);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let (code, _, stderr) = ended(&mut build);
    assert_eq!(code, 0, "{stderr}");
    target.join(profile.file_name().unwrap()).join("tapeline")
}

/// Runs a program that is broken on purpose, until one of these runs finds it: whether a fault
/// meets the moment that shows it is up to the machine. The report, which is not clean.
fn broken(fault: &str, kind: &str, faults: &str, seeds: &[&str]) -> Value {
    let program = planted_program();
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for seed in seeds {
        // What a failed run leaves is kept, and goes with this folder.
        let scratch = tempfile::tempdir().unwrap();
        let (code, stdout, stderr) = ended(
            Command::new(env!("CARGO_BIN_EXE_chaos"))
                .args(["pipeline", "--faults", faults, "--kinds", kind])
                .args(["--seed", seed, "--json", "--program"])
                .arg(&program)
                .env("TAPELINE_PLANTED_FAULT", fault)
                .env("TMPDIR", scratch.path()),
        );
        match code {
            0 => {}
            1 => return serde_json::from_str(&stdout).unwrap(),
            other => panic!("{fault}, seed {seed}: exit {other}\n{stderr}"),
        }
    }
    panic!("{fault} is not found with any of the seeds {seeds:?}");
}

#[test]
fn progress_outside_of_the_transaction_is_found() {
    let report = broken("progress-apart", "processor_kill", "2", &["1"]);
    let duplicated = report["duplicated"].as_u64().unwrap();
    assert!(duplicated > 0, "{report}");
}

/// The owner that is frozen comes back between the reading and the fencing. One in the middle of
/// a commit gives up instead, so it takes some; with these seeds, each mostly waits for the
/// recovery from the one before.
#[test]
fn fencing_after_reading_is_found() {
    let report = broken(
        "fence-late",
        "processor_freeze",
        "4",
        &["295", "296", "297"],
    );
    // What the former owner commits is counted twice, unless it made no position: the journal
    // tells in any case.
    let differences = report["replay_differences"].as_u64().unwrap();
    assert!(differences > 0, "{report}");
}

#[test]
fn a_few_faults_on_three_brokers_lose_and_double_nothing() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, stdout, stderr) = chaos(&[
        "pipeline", "--faults", "4", "--seed", "1", "--json", "--plant",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&report["suite"], &report["seed"]),
        (&"pipeline".into(), &1.into())
    );
    for name in [
        "lost",
        "duplicated",
        "reordered",
        "aborted_visible",
        "diverged",
        "never_ended",
        "unfed",
        "panics",
        "replay_differences",
        "stuck",
        "memory_exceeded",
        "planted_unfound",
    ] {
        assert_eq!(report[name], 0, "{name}: {report}\n{stderr}");
    }
    let memory = report["peak_memory_mb"].as_u64().unwrap();
    assert!(memory > 5, "each member's memory was looked at: {report}");
    assert!(report["fed"].as_u64().unwrap() > 100, "{report}");
    let faults = report["faults"].as_object().unwrap();
    let happened: u64 = faults.values().filter_map(Value::as_u64).sum();
    assert_eq!(happened, 4, "{report}");
    assert_eq!(report["planted"].as_object().unwrap().len(), 12, "{report}");
}

/// One run for both: that a few faults leave nothing wrong, and that what is planted afterwards
/// is found by the counter that is there for it.
#[test]
fn the_store_comes_through_faults_and_what_is_planted_is_found() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let kinds = "sink_kill,engine_kill,lost_answer,cut_request,full_disk";
    let (code, stdout, stderr) = chaos(&[
        "store", "--faults", "5", "--seed", "1", "--json", "--plant", "--kinds", kinds,
    ]);
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    for name in [
        "lost",
        "duplicated",
        "extra",
        "rows_missing",
        "nothing_compared",
        "rows_differ",
        "views_differ",
        "reference_unclean",
        "letters_missing",
        "letters_extra",
        "kinds_without_hit",
        "stuck",
        "panics",
        "memory_exceeded",
        "planted_unfound",
    ] {
        assert_eq!(report[name], 0, "{name}: {report}\n{stderr}");
    }
    let left_out = report["left_out"].as_array().unwrap().len();
    let hit = report["faults_that_hit"].as_object().unwrap();
    let hit = hit.values().filter(|times| **times != 0).count();
    assert_eq!(hit + left_out, 5, "each kind met something: {report}");
    for name in ["letters", "views_with_rows", "views_by_projection"] {
        assert!(report[name].as_u64().unwrap() > 0, "{name}: {report}");
    }

    let planted = &report["planted"];
    // A row is gone, one is there twice, and a changed one is told with what it was and what it is.
    for (name, count) in [
        ("lost", 1),
        ("duplicated", 1),
        ("rows_differ", 4),
        ("views_differ", 1),
    ] {
        assert_eq!(planted[name], count, "{name}: {planted}");
    }
    let doubled = planted["doubled_by_spoilt_retries"].as_u64();
    assert!(doubled.is_some_and(|rows| rows > 0), "{planted}");
}

fn simulated_logins(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = chaos(&[&["logins", "--json"], arguments].concat());
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    for name in [
        "codes_reused",
        "lockouts_exceeded",
        "login_storms",
        "miscategorised",
        "secrets_leaked",
        "stuck",
        "needless_pauses",
        "wrong_stops",
        "uninvited",
        "fought_over",
        "bait_taken",
    ] {
        assert_eq!(report[name], 0, "{name}: {report}\n{stderr}");
    }
    report
}

#[test]
fn simulated_logins_of_every_kind_stay_within_their_bounds() {
    let report = simulated_logins(&["--runs", "40", "--seed", "1"]);
    assert_eq!(report["lives"].as_object().unwrap().len(), 10, "{report}");
    for name in ["sessions", "renewals", "codes", "processes"] {
        assert!(report[name].as_u64().unwrap() > 0, "{name}: {report}");
    }
}

/// Each of the parts that are broken on purpose is found by the counter that is there for it.
#[test]
fn what_is_planted_into_simulated_logins_is_found() {
    let report = simulated_logins(&["--runs", "5", "--seed", "1", "--plant"]);
    assert_eq!(report["planted_unfound"], 0, "{report}");
    assert_eq!(report["planted"].as_object().unwrap().len(), 10);
}

#[test]
fn wrong_usage_lists_the_suites() {
    for arguments in [&["nothing"][..], &["pipeline", "--what"], &[]] {
        let (code, stdout, stderr) = chaos(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(
            stderr.contains("suites: pipeline, store, logins"),
            "{stderr}"
        );
    }
}
