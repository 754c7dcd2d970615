//! The chaos program runs, hits, checks and reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use serde_json::Value;

fn chaos(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_few_faults_on_three_brokers_lose_and_double_nothing() {
    let (code, stdout, stderr) = chaos(&["pipeline", "--faults", "4", "--seed", "1", "--json"]);
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
        "stuck",
    ] {
        assert_eq!(report[name], 0, "{name}: {report}\n{stderr}");
    }
    assert!(report["fed"].as_u64().unwrap() > 100, "{report}");
    let faults = report["faults"].as_object().unwrap();
    let happened: u64 = faults.values().filter_map(Value::as_u64).sum();
    assert_eq!(happened, 4, "{report}");
}

#[test]
fn wrong_usage_lists_the_suites() {
    for arguments in [&["nothing"][..], &["pipeline", "--what"], &[]] {
        let (code, stdout, stderr) = chaos(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("suites: pipeline"), "{stderr}");
    }
}
