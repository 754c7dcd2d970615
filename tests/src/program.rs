//! The `tapeline` program, run as a user runs it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A folder that goes with the test.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("tapeline-test-")
        .tempdir()
        .unwrap()
}

/// Beside this process's own binary, or for a test a folder above it: where `cargo build` puts it.
pub fn path() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folders = own.ancestors().skip(1).take(2);
    let mut candidates = folders.map(|folder| folder.join("tapeline"));
    let beside = candidates.next().unwrap();
    let program = match candidates.next() {
        Some(above) if !beside.exists() => above,
        _ => beside,
    };
    assert!(
        program.exists(),
        "{} is missing: `./dev test` builds it, or `cargo build -p tapeline`",
        program.display()
    );
    program
}

pub struct Program(Command);

/// A program that ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Ended with this code, and said all of this on standard error.
    #[track_caller]
    pub fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code(), code, "{}\n{}", self.stdout, self.stderr);
        for part in said {
            assert!(
                self.stderr.contains(part),
                "`{part}` is not in: {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

impl Program {
    /// Without anything of this process's environment that could change what it does.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(path());
        command.args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TAPELINE__")) {
            command.env_remove(name);
        }
        Self(command)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    pub fn folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// What is read from standard input.
    pub fn input(mut self, file: &Path) -> Self {
        self.0.stdin(std::fs::File::open(file).unwrap());
        self
    }

    #[must_use = "say how it ended: `ok()` or `failed(…)`"]
    pub fn run(mut self) -> Finished {
        let output = self.0.output().unwrap();
        Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn start(mut self) -> Running {
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
        }
    }
}

type Lines = Arc<Mutex<String>>;

fn collect(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let sink = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut all = sink.lock().unwrap();
            all.push_str(&line);
            all.push('\n');
        }
    });
    lines
}

/// A program that runs; killed when dropped.
pub struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Asks again until it is so; panics when the program ends first.
    #[track_caller]
    pub fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut ask: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "ended ({status}) before {what}:\n{}\n{}",
                    self.stdout(),
                    self.stderr()
                );
            }
            assert!(
                Instant::now() < deadline,
                "not within {within:?}: {what}\n{}\n{}",
                self.stdout(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As of a fault that the program does not survive.
    #[must_use = "say how it ended: `ok()` or `failed(…)`"]
    pub fn abort(mut self) -> Finished {
        self.signal(Signal::ABORT);
        let status = self.child.wait().unwrap();
        self.finished(status)
    }

    pub fn kill_nine(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end by itself.
    #[must_use = "say how it ended: `ok()` or `failed(…)`"]
    #[track_caller]
    pub fn ended(mut self, within: Duration) -> Finished {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.finished(status);
            }
            assert!(
                Instant::now() < deadline,
                "not ended within {within:?}:\n{}\n{}",
                self.stdout(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and waits for it.
    #[must_use = "say how it ended: `ok()` or `failed(…)`"]
    pub fn stop(mut self) -> Finished {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        self.finished(status)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn finished(&self, status: ExitStatus) -> Finished {
        Finished {
            status,
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
