//! Commit subjects say where and what: `./dev subjects` has the rule.

use std::io::Write;
use std::process::{Command, Stdio};

use super::root;

/// The rule holds for what came after this commit.
const SINCE: &str = "8f2cc4c4";

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

fn check(subjects: &str) -> (bool, String) {
    let mut script = Command::new("./dev")
        .arg("subjects")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = script.stdin.take().unwrap();
    input.write_all(subjects.as_bytes()).unwrap();
    drop(input);
    let output = script.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

/// Of a tree without its history, such as an archive or a shallow clone, nothing can be said.
#[test]
fn commit_subjects_say_where_and_what() {
    let range = format!("{SINCE}..HEAD");
    let Some(subjects) = git(&["log", "--no-merges", "--format=%s", &range]) else {
        return;
    };
    let (fine, complaints) = check(&subjects);
    assert!(fine, "{complaints}");
}

#[test]
fn a_subject_that_breaks_the_rule_is_refused() {
    for (subject, part) in [
        ("Fix the sink", "area"),
        ("sink: fixed a leak", "imperative"),
        ("sink: adding rows", "imperative"),
        ("sink: hold the range.", "full stop"),
    ] {
        let (fine, complaint) = check(subject);
        assert!(!fine && complaint.contains(part), "{subject}: {complaint}");
    }
    let long = format!("sink: {}", "x".repeat(67));
    assert!(check(&long).1.contains("72"));
    assert!(check("sink: bring rows back\nrisk, app: hold each halt\n").0);
}
