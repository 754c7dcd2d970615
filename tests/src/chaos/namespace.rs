//! Mounts of its own: a run that ends, however it ends, leaves none behind, and needs no rights.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::say;

const ENTERED: &str = "TAPELINE_CHAOS_NAMESPACE";
const UNSHARE: [&str; 2] = ["--user", "--map-root-user"];

/// Becomes this program again inside of a namespace of users and mounts, if this machine has them.
pub(crate) fn enter() {
    if is_entered() || !is_possible() {
        return;
    }
    let Ok(own) = std::env::current_exe() else {
        return;
    };
    let error = unshare()
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(ENTERED, "1")
        .exec();
    say(&format!("going on without a namespace: {error}"));
}

pub(crate) fn is_entered() -> bool {
    std::env::var_os(ENTERED).is_some()
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).arg("--mount");
    command
}

fn is_possible() -> bool {
    let tried = unshare()
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
