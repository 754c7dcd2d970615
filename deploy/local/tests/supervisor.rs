//! Children end with their parent, whoever is killed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::binary;
use rustix::process::{Pid, Signal, kill_process};
use tapeline_local::{ChildProcess, ChildSpec, StackError};

const DEADLINE: Duration = Duration::from_secs(20);

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

fn start(dir: &Path, script: &str, grace_ms: u64) -> ChildProcess {
    ChildProcess::start(&ChildSpec {
        name: "child",
        binary: &binary(),
        command: ["sh", "-c", script].map(Into::into).to_vec(),
        output: dir.join("out"),
        log: dir.join("out"),
        run_dir: dir,
        grace: Duration::from_millis(grace_ms),
    })
    .unwrap()
}

fn output(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("out")).unwrap()
}

/// The pid of a child whose script has said that it is ready.
fn ready(child: &ChildProcess, dir: &Path) -> u32 {
    wait("the script runs", || {
        output(dir).contains("ready") && child.pid().is_some()
    });
    child.pid().unwrap()
}

#[test]
fn a_polite_stop_lets_the_child_finish() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = start(dir.path(), script, 10_000);
    let pid = ready(&child, dir.path());
    assert_eq!(child.stop().unwrap().code(), Some(7));
    assert!(output(dir.path()).contains("bye"));
    assert!(!alive(pid));
    assert!(!dir.path().join("child.pid").exists());
}

#[test]
fn a_child_that_will_not_stop_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = start(dir.path(), script, 200);
    let pid = ready(&child, dir.path());
    assert_eq!(child.stop().unwrap().code(), Some(128 + 9));
    assert!(!alive(pid));
}

#[test]
fn a_killed_supervisor_takes_the_child_along() {
    let dir = tempfile::tempdir().unwrap();
    let child = start(
        dir.path(),
        "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        60_000,
    );
    let pid = ready(&child, dir.path());
    kill(child.supervisor_pid(), Signal::KILL);
    wait("the child is gone", || !alive(pid));
}

#[test]
fn the_exit_of_a_child_is_reported_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path(), "echo one; echo two >&2; exit 3", 1000);
    let deadline = Instant::now() + DEADLINE;
    let error = loop {
        match child.check() {
            Err(error) => break error,
            Ok(()) => assert!(Instant::now() < deadline),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(matches!(error, StackError::ChildDied { name: "child", .. }));
    let text = error.to_string();
    assert!(
        text.contains("exit status: 3") && text.contains("one\ntwo"),
        "{text}"
    );
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = ChildProcess::start(&ChildSpec {
        name: "child",
        binary: &binary(),
        command: vec!["/no/such/program".into()],
        output: dir.path().join("out"),
        log: dir.path().join("out"),
        run_dir: dir.path(),
        grace: Duration::from_secs(1),
    })
    .unwrap();
    wait("it ends", || output(dir.path()).contains("No such file"));
    assert_eq!(child.stop().unwrap().code(), Some(127));
}

/// Not a test of its own: the parent that the next test kills.
const PARENT: &str = "TAPELINE_TEST_PARENT_DIR";

#[test]
fn parent_role() {
    let Some(dir) = std::env::var_os(PARENT).map(PathBuf::from) else {
        return;
    };
    let child = start(
        &dir,
        "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        300,
    );
    std::fs::write(dir.join("supervisor"), child.supervisor_pid().to_string()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_parent_takes_supervisor_and_child_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_role"])
        .env(PARENT, dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    wait("the grandchild runs", || {
        read("out").contains("ready")
            && ["supervisor", "child.pid"]
                .iter()
                .all(|name| !read(name).is_empty())
    });
    let pids: Vec<u32> = ["supervisor", "child.pid"]
        .map(|name| read(name).trim().parse().unwrap())
        .to_vec();
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait("all are gone", || pids.iter().all(|pid| !alive(*pid)));
}
