use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::cli::DataFolder;
use crate::config::{Source, load};
use crate::console;
use crate::failure::Failure;

const WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(source: &Source, arguments: DataFolder) -> Result<(), Failure> {
    let data = arguments.data.unwrap_or(load(source)?.local.data);
    let file = PidFile::in_folder(&data);
    let Some(pid) = file.running() else {
        console::line(format!("nothing runs on {}", data.display()));
        return Ok(());
    };
    kill_process(pid, Signal::TERM).map_err(Failure::external)?;
    let deadline = Instant::now() + WITHIN;
    while test_kill_process(pid).is_ok() {
        if Instant::now() > deadline {
            let message = format!(
                "process {} is still there after {WITHIN:?}",
                pid.as_raw_nonzero()
            );
            return Err(Failure::External(message));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    console::line(format!("stopped process {}", pid.as_raw_nonzero()));
    Ok(())
}

/// Says which process runs on a data folder; gone when that process ends well.
pub(super) struct PidFile(std::path::PathBuf);

impl PidFile {
    pub fn in_folder(data: &Path) -> Self {
        Self(data.join("stack.pid"))
    }

    pub fn write(&self) -> Result<(), Failure> {
        std::fs::write(&self.0, std::process::id().to_string()).map_err(|error| {
            Failure::External(format!("cannot write {}: {error}", self.0.display()))
        })
    }

    /// The process, if it is alive and really is a tapeline.
    fn running(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        let number: i32 = text.trim().parse().ok()?;
        let command = std::fs::read(format!("/proc/{number}/cmdline")).ok()?;
        let program = command.split(|byte| *byte == 0).next()?;
        let is_ours = program.ends_with(b"tapeline");
        is_ours.then(|| Pid::from_raw(number)).flatten()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let ours = std::process::id().to_string();
        if std::fs::read_to_string(&self.0).is_ok_and(|text| text == ours) {
            let _gone = std::fs::remove_file(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_with_the_same_number_is_not_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let file = PidFile::in_folder(folder.path());
        assert!(file.running().is_none(), "no file");
        std::fs::write(folder.path().join("stack.pid"), "1").unwrap();
        assert!(file.running().is_none(), "process 1 is no tapeline");
        std::fs::write(folder.path().join("stack.pid"), "nonsense").unwrap();
        assert!(file.running().is_none());
    }

    #[test]
    fn the_file_goes_with_the_process_that_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.pid");
        let file = PidFile::in_folder(folder.path());
        file.write().unwrap();
        assert!(path.exists());
        drop(file);
        assert!(!path.exists());
    }
}
