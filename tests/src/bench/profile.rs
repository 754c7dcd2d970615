//! A CPU profile of each run of the program, by `perf`, where it is asked for.
//! Recording takes time from what is measured: no figures to keep.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::say;

/// Often enough for a run of a few seconds, and in step with nothing.
const PER_SECOND: &str = "499";
/// Of a recording; what comes later is left out.
const AT_MOST: &str = "256M";
/// The build keeps no frame pointers: stacks are copied and followed afterwards.
const STACKS: &str = "dwarf,4096";

const BEGINS_WITHIN: Duration = Duration::from_secs(5);
const REST: Duration = Duration::from_millis(200);
const HINT: &str =
    "who is not root needs kernel.perf_event_paranoid at 2 or less, and TAPELINE_CORE_DUMPS=1";

/// Where the recordings go.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    folder: PathBuf,
    started: Arc<AtomicU32>,
}

/// Goes on until dropped.
pub(crate) struct Recording {
    perf: Child,
    file: PathBuf,
}

impl Profiles {
    /// Or what is in the way, and what helps.
    pub fn into_folder(folder: &Path) -> Result<Self, String> {
        let found = Command::new("perf")
            .arg("version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Err("a profile needs perf, which is missing: \
                 apt-get install -y --no-install-recommends linux-perf"
                .to_owned());
        }
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            started: Arc::default(),
        })
    }

    /// None, with a word about it, where the kernel does not allow it.
    pub fn record(&self, name: &str, pid: u32) -> Option<Recording> {
        // A benchmark runs the program several times: each has a recording of its own.
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.folder.join(format!("{number:02}-{name}.perf"));
        // Threads that are born while perf looks for them would be missed.
        let process = pid_of(pid)?;
        let _gone = kill_process(process, Signal::STOP);
        let perf = Command::new("perf")
            .args(["record", "--quiet", "-F", PER_SECOND, "-g"])
            .args(["--call-graph", STACKS, "--max-size", AT_MOST])
            .args(["-p", &pid.to_string(), "-o"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let recording = perf.map(|perf| Recording { perf, file }.once_begun());
        let _gone = kill_process(process, Signal::CONT);
        recording
            .inspect_err(|error| {
                say(&format!(
                    "no profile of {name}: perf cannot be run: {error}"
                ));
            })
            .ok()
    }
}

fn pid_of(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

impl Recording {
    /// Its file grows while it writes down what runs already, and then rests: nothing runs.
    fn once_begun(mut self) -> Self {
        let deadline = Instant::now() + BEGINS_WITHIN;
        let length = |file: &Path| file.metadata().map_or(0, |data| data.len());
        let mut known = 0;
        while Instant::now() < deadline && matches!(self.perf.try_wait(), Ok(None)) {
            std::thread::sleep(REST);
            let now = length(&self.file);
            if now > 0 && now == known {
                break;
            }
            known = now;
        }
        self
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Asked to end, it completes its file.
        let _gone = pid_of(self.perf.id()).map(|perf| kill_process(perf, Signal::INT));
        let ended = self.perf.wait();
        let file = self.file.display();
        match ended {
            // It ends by the signal that it was sent, its file complete.
            Ok(status) if status.signal() == Some(Signal::INT.as_raw()) => {
                say(&format!("profile: perf report --no-inline -i {file}"));
            }
            Ok(status) => say(&format!("no profile {file}: perf ended ({status}); {HINT}")),
            Err(error) => say(&format!("no profile {file}: {error}")),
        }
    }
}
