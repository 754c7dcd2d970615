//! Children that cannot outlive their parent, not even after its kill -9.
//!
//! Between the parent and a child stands a supervisor: this same program, executed again.
//! Its standard input is a pipe that only the parent holds, so the end of the parent, however
//! it comes, is the end of that pipe. The supervisor then stops the child, first politely. If
//! the supervisor itself is killed, the kernel kills the child (`PR_SET_PDEATHSIG`, which
//! follows the supervisor's main thread, and that one lives as long as its process).

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};

/// The words between the program and `--` that lead to [`supervise_main`].
pub(crate) const SUPERVISE: [&str; 2] = ["local", "supervise"];
const EXEC_CHILD: [&str; 2] = ["local", "exec-child"];

/// What to say when a supervisor cannot do its work; `127` as a shell would.
const CANNOT_START: u8 = 127;

struct Options {
    grace: Duration,
    pid_file: Option<PathBuf>,
    hold: Option<PathBuf>,
    command: Vec<OsString>,
}

/// `[--grace-ms N] [--pid-file PATH] [--hold PATH] -- CMD…`: runs CMD until it ends or standard
/// input does, and exits with CMD's status.
pub fn supervise_main(args: &[OsString]) -> ExitCode {
    match parse(args).and_then(|options| supervise(&options)) {
        Ok(status) => exit_code(status),
        Err(error) => complain("supervise", &error),
    }
}

/// `--parent PID -- CMD…`: becomes CMD, to be killed when its parent dies.
pub fn exec_child_main(args: &[OsString]) -> ExitCode {
    let run = || -> io::Result<std::convert::Infallible> {
        let [flag, parent, dashes, program, rest @ ..] = args else {
            return Err(usage("--parent PID -- CMD…"));
        };
        if flag != "--parent" || dashes != "--" {
            return Err(usage("--parent PID -- CMD…"));
        }
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above; then nobody would tell us.
        let parent = parent.to_str().and_then(|text| text.parse().ok());
        if getppid().map(|pid| pid.as_raw_nonzero().get()) != parent {
            return Err(io::Error::other("the supervisor is gone"));
        }
        Err(Command::new(program).args(rest).exec())
    };
    match run() {
        Ok(never) => match never {},
        Err(error) => complain("exec-child", &error),
    }
}

fn supervise(options: &Options) -> io::Result<ExitStatus> {
    let _held = options.hold.as_ref().map(hold).transpose()?;
    let me = std::process::id().to_string();
    let mut child = Command::new(std::env::current_exe()?)
        .args(EXEC_CHILD)
        .args(["--parent", &me, "--"])
        .args(&options.command)
        .stdin(Stdio::null())
        .spawn()?;
    let pid = Pid::from_child(&child);
    // A pid descriptor cannot hit a stranger that got the same number later.
    let target = pidfd_open(pid, PidfdFlags::empty())?;
    if let Some(path) = &options.pid_file {
        std::fs::write(path, child.id().to_string())?;
    }

    let (done, ended) = mpsc::channel::<()>();
    let grace = options.grace;
    std::thread::spawn(move || {
        wait_for_end_of_input();
        let _ = pidfd_send_signal(&target, Signal::TERM);
        if ended.recv_timeout(grace) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = pidfd_send_signal(&target, Signal::KILL);
        }
    });
    let status = child.wait()?;
    drop(done);
    if let Some(path) = &options.pid_file {
        let _ = std::fs::remove_file(path);
    }
    Ok(status)
}

fn wait_for_end_of_input() {
    let mut buffer = [0; 64];
    while !matches!(io::stdin().lock().read(&mut buffer), Ok(0) | Err(_)) {}
}

/// Takes the lock that tells a later run this child is still there.
fn hold(path: &PathBuf) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.try_lock()
        .map_err(|_| io::Error::other(format!("{} is held by an earlier child", path.display())))?;
    Ok(file)
}

fn parse(args: &[OsString]) -> io::Result<Options> {
    const USAGE: &str = "[--grace-ms N] [--pid-file PATH] [--hold PATH] -- CMD…";
    let mut options = Options {
        grace: Duration::from_secs(10),
        pid_file: None,
        hold: None,
        command: Vec::new(),
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            options.command = words.cloned().collect();
            break;
        }
        let value = words.next().ok_or_else(|| usage(USAGE))?;
        match word.to_str() {
            Some("--grace-ms") => {
                options.grace = milliseconds(value).ok_or_else(|| usage(USAGE))?;
            }
            Some("--pid-file") => options.pid_file = Some(value.into()),
            Some("--hold") => options.hold = Some(value.into()),
            _ => return Err(usage(USAGE)),
        }
    }
    if options.command.is_empty() {
        return Err(usage(USAGE));
    }
    Ok(options)
}

fn milliseconds(value: &OsStr) -> Option<Duration> {
    value.to_str()?.parse().ok().map(Duration::from_millis)
}

fn usage(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("usage: {text}"))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

pub(crate) fn complain(what: &str, error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "{what}: {error}");
    ExitCode::from(CANNOT_START)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_end_at_the_dashes() {
        let options = parse(&words("--grace-ms 250 -- sleep --grace-ms 1")).unwrap();
        assert_eq!(options.grace, Duration::from_millis(250));
        assert_eq!(options.command, words("sleep --grace-ms 1"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "--grace-ms",
            "--grace-ms x -- a",
            "--what 1 -- a",
            "--",
            "sleep 1",
        ] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
