//! One `tapeline run` process of the run: killed, frozen, restarted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tapeline_local::{ChildProcess, ChildSpec};

use super::failure::{Failure, Outcome};
use super::memory;
use crate::http;

/// A graceful stop commits and leaves within this, or it is killed.
const GRACE: Duration = Duration::from_secs(25);

pub(crate) struct Member {
    pub(crate) name: &'static str,
    role: &'static str,
    binary: PathBuf,
    config: PathBuf,
    data: PathBuf,
    /// Each start has a log of its own.
    starts: u32,
    child: Option<ChildProcess>,
    pub(crate) frozen: bool,
    /// The most memory that any of its processes had, in KiB.
    pub(crate) peak_kb: u64,
}

impl Member {
    pub(crate) fn new(name: &'static str, role: &'static str, binary: &Path, data: &Path) -> Self {
        Self {
            name,
            role,
            binary: binary.to_owned(),
            config: data.join("tapeline.toml"),
            data: data.to_owned(),
            starts: 0,
            child: None,
            frozen: false,
            peak_kb: 0,
        }
    }

    /// In place of the configuration that all others have.
    pub(crate) fn with_config(mut self, config: &Path) -> Self {
        config.clone_into(&mut self.config);
        self
    }

    /// From its next start on.
    pub(crate) fn use_binary(&mut self, binary: &Path) {
        binary.clone_into(&mut self.binary);
    }

    /// Looks how much memory it has had at most; one that is gone cannot be asked.
    pub(crate) fn note_memory(&mut self) {
        let peak = self.pid().and_then(memory::peak_kb);
        self.peak_kb = self.peak_kb.max(peak.unwrap_or(0));
    }

    pub(crate) fn start(&mut self) -> Outcome<()> {
        self.starts += 1;
        let log = self
            .data
            .join("logs")
            .join(format!("{}.{:03}.log", self.name, self.starts));
        // What this shell's environment says about Tapeline is not for this run.
        let mut command = vec!["env".into()];
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TAPELINE__") {
                command.extend(["-u".into(), name]);
            }
        }
        command.push(self.binary.clone().into());
        command.extend(["run", "--role", self.role, "--config"].map(Into::into));
        command.push(self.config.clone().into());
        let spec = ChildSpec {
            name: self.name,
            binary: &self.binary,
            command,
            output: log.clone(),
            log,
            run_dir: &self.data.join("run"),
            grace: GRACE,
        };
        let child = ChildProcess::start(&spec).map_err(Failure::while_doing(self.name))?;
        self.child = Some(child);
        self.frozen = false;
        Ok(())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.child.is_some() && !self.frozen
    }

    /// Stopped on purpose or dead, and not yet started again.
    pub(crate) fn is_away(&self) -> bool {
        self.child.is_none()
    }

    pub(crate) fn kill(&mut self) {
        self.note_memory();
        if let Some(mut child) = self.child.take() {
            signal(child.pid(), Signal::KILL);
            child.stop();
        }
        self.frozen = false;
    }

    pub(crate) fn freeze(&mut self) {
        signal(self.pid(), Signal::STOP);
        self.frozen = true;
    }

    pub(crate) fn thaw(&mut self) {
        signal(self.pid(), Signal::CONT);
        self.frozen = false;
    }

    /// Asks it to end, in a thread of its own: the rest of the run goes on meanwhile. Says
    /// whether it ended well.
    pub(crate) fn stop_gracefully(&mut self) -> Option<std::thread::JoinHandle<bool>> {
        self.note_memory();
        let mut child = self.child.take()?;
        self.frozen = false;
        Some(std::thread::spawn(move || {
            child.stop().is_some_and(|status| status.success())
        }))
    }

    /// What it said last, if it ended without being asked.
    pub(crate) fn ended_by_itself(&mut self) -> Option<String> {
        let child = self.child.as_mut()?;
        let status = child.try_wait()?;
        let said = child.log_tail();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        self.child = None;
        let last: Vec<&str> = last.into_iter().rev().collect();
        Some(format!(
            "{} ended ({status}): {}",
            self.name,
            last.join(" | ")
        ))
    }

    /// What one of its counters says, over all labels, while it runs.
    pub(crate) fn counter(&self, name: &str) -> Option<u64> {
        const LISTENS: &str = "metrics and health on ";
        let said = std::fs::read_to_string(self.child.as_ref()?.log()).ok()?;
        let address = said.lines().find_map(|line| line.strip_prefix(LISTENS))?;
        let (_, metrics) = http::get(address.trim(), "/metrics").ok()?;
        let samples = metrics.lines().filter(|line| line.starts_with(name));
        let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Some(values.sum::<f64>() as u64)
    }

    fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.pid()
    }
}

/// A process that is gone needs no signal.
pub(crate) fn signal(pid: Option<u32>, signal: Signal) {
    if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid as i32)) {
        let _gone = kill_process(pid, signal);
    }
}

/// How a thread says in a log that it panicked.
pub(crate) const PANICKED: &str = "panicked at";

/// How many lines of the members' logs in a folder hold this.
pub(crate) fn count_in_logs(folder: &Path, text: &str) -> Outcome<u64> {
    let what = format!("reading the logs in {}", folder.display());
    count_lines(folder, text).map_err(Failure::while_doing(what))
}

fn count_lines(folder: &Path, text: &str) -> io::Result<u64> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let log = std::fs::read(entry?.path())?;
        let log = String::from_utf8_lossy(&log);
        count += log.lines().filter(|line| line.contains(text)).count() as u64;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_logs_are_counted_and_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let said = "thread 'main' panicked at a.rs:1\nbroken\n";
        std::fs::write(folder.path().join("a.log"), said).unwrap();
        std::fs::write(
            folder.path().join("b.log"),
            [said.as_bytes(), b"\xff"].concat(),
        )
        .unwrap();
        assert_eq!(count_in_logs(folder.path(), PANICKED).ok(), Some(2));
        assert!(count_in_logs(&folder.path().join("none"), PANICKED).is_err());
    }
}
