//! A supervised child, seen from the parent.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::StackError;
use crate::paths::tail;
use crate::supervise::SUPERVISE;

const LOG_LINES: usize = 20;
const POLL: Duration = Duration::from_millis(10);

/// How to start a child.
#[derive(Debug)]
pub struct ChildSpec<'a> {
    pub name: &'static str,
    /// The program that understands `local supervise` (normally the running one).
    pub binary: &'a Path,
    pub command: Vec<OsString>,
    /// Standard output and error go here; it starts empty.
    pub output: PathBuf,
    /// The log to quote when the child fails (often the same file).
    pub log: PathBuf,
    /// Holds the `.pid` and `.lock` files.
    pub run_dir: &'a Path,
    pub grace: Duration,
}

/// A running child. Dropping it stops it, politely first.
pub struct ChildProcess {
    name: &'static str,
    log: PathBuf,
    output: PathBuf,
    pid_file: PathBuf,
    grace: Duration,
    supervisor: Child,
}

impl ChildProcess {
    pub fn start(spec: &ChildSpec<'_>) -> Result<Self, StackError> {
        let output = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&spec.output)
            .map_err(StackError::io("cannot write the log", &spec.output))?;
        let error_output = output
            .try_clone()
            .map_err(StackError::io("cannot write the log", &spec.output))?;
        let pid_file = spec.run_dir.join(format!("{}.pid", spec.name));
        let supervisor = Command::new(spec.binary)
            .args(SUPERVISE)
            .arg("--grace-ms")
            .arg(spec.grace.as_millis().to_string())
            .arg("--pid-file")
            .arg(&pid_file)
            .arg("--hold")
            .arg(lock_path(spec.run_dir, spec.name))
            .arg("--")
            .args(&spec.command)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(error_output)
            // Ctrl-C in the terminal must reach the pipeline first, which drains into Kafka.
            .process_group(0)
            .spawn()
            .map_err(StackError::io("cannot start", spec.binary))?;
        Ok(Self {
            name: spec.name,
            log: spec.log.clone(),
            output: spec.output.clone(),
            pid_file,
            grace: spec.grace,
            supervisor,
        })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The supervisor's process id.
    pub fn supervisor_pid(&self) -> u32 {
        self.supervisor.id()
    }

    /// The child's own process id, once it runs.
    pub fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file)
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().ok().flatten()
    }

    /// An error that names the child and quotes its log, if it is gone.
    pub fn check(&mut self) -> Result<(), StackError> {
        match self.try_wait() {
            None => Ok(()),
            Some(status) => Err(StackError::ChildDied {
                name: self.name,
                status: status.to_string(),
                log: self.log.clone(),
                log_tail: self.log_tail(),
            }),
        }
    }

    /// The last lines of the log, or of the plain output when there is no log yet.
    pub fn log_tail(&self) -> String {
        let output = tail(&self.output, LOG_LINES);
        if self.log == self.output {
            return output;
        }
        format!("{}\n{output}", tail(&self.log, LOG_LINES))
            .trim()
            .to_owned()
    }

    /// Asks the child to stop without waiting for it.
    pub fn request_stop(&mut self) {
        drop(self.supervisor.stdin.take());
    }

    /// Stops the child: politely, then, after its grace, by force.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.request_stop();
        // The supervisor enforces the grace; the margin covers a supervisor that is stuck.
        let deadline = Instant::now() + self.grace + Duration::from_secs(5);
        loop {
            if let Some(status) = self.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                let _ = self.supervisor.kill();
                return self.supervisor.wait().ok();
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock_path(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.join(format!("{name}.lock"))
}

/// Waits until the child of an earlier run (whose parent was killed) has gone.
pub(crate) fn wait_for_predecessor(
    run_dir: &Path,
    name: &str,
    patience: Duration,
) -> Result<(), StackError> {
    let path = lock_path(run_dir, name);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(StackError::io("cannot open", &path))?;
    let deadline = Instant::now() + patience;
    while file.try_lock().is_err() {
        if Instant::now() >= deadline {
            return Err(StackError::DataInUse {
                path: run_dir.to_owned(),
            });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
