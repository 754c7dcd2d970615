//! The engine takes no notice of a disk that fills up while it merges: the merged part counts as
//! written, and its files are empty. The parts it was made of are still there for some minutes,
//! and at its start the engine looks for whole ones. So it is ended, and its keeper starts it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exception::Exception;

/// CORRUPTED_DATA
const CODE: u32 = 246;
/// Between two ends, so that the keeper does not give the engine up.
const NOT_AGAIN_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Damage {
    /// The parts for which it ended. What a start did not mend, the next would not.
    marker: PathBuf,
}

impl Damage {
    pub(super) fn new(data: &Path) -> Self {
        Self {
            marker: data.join("ended-for-damage"),
        }
    }

    /// Ends this process if a start may mend what the engine says.
    pub(super) fn look_at(&self, error: &Exception) {
        let text = error.body("");
        let part = part(&text);
        if error.code != CODE || !self.may_help(part) {
            return;
        }
        if let Err(error) = self.note(part) {
            tracing::error!(%error, "a damaged part was found, and that it is being mended cannot be noted: the engine goes on");
            return;
        }
        tracing::error!(
            part,
            "a damaged part was found: the engine ends, to look for whole ones at its start"
        );
        // No handlers: they would wait for merges.
        let own = rustix::process::getpid();
        if rustix::process::kill_process(own, rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }

    fn may_help(&self, part: &str) -> bool {
        let noted = std::fs::read_to_string(&self.marker).unwrap_or_default();
        let ended = std::fs::metadata(&self.marker).and_then(|marker| marker.modified());
        // A time in the future, after a change of the clock, counts as just now.
        let lately = ended.is_ok_and(|at| at.elapsed().unwrap_or_default() < NOT_AGAIN_WITHIN);
        !lately && noted.lines().all(|line| line != part)
    }

    fn note(&self, part: &str) -> std::io::Result<()> {
        let mut marker = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.marker)?;
        writeln!(marker, "{part}")
    }
}

/// The folder of the file that the engine names, or all it says.
fn part(text: &str) -> &str {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let file = quoted.find(|quoted| quoted.starts_with('/'));
    let part = file.and_then(|file| file.rsplit_once('/'));
    part.map_or_else(|| text.trim_end(), |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_and_what_a_start_did_not_mend_end_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let damage = Damage::new(dir.path());
        damage.look_at(&Exception::syntax("no"));
        assert!(damage.may_help("/d/1_1_0"));
        damage.note("/d/1_1_0").unwrap();
        assert!(!damage.may_help("/d/1_2_0"), "not at once");
        let earlier = std::time::SystemTime::now() - NOT_AGAIN_WITHIN * 2;
        let marker = std::fs::File::options().append(true).open(&damage.marker);
        marker.unwrap().set_modified(earlier).unwrap();
        assert!(damage.may_help("/d/1_2_0"));
        assert!(!damage.may_help("/d/1_1_0"), "a start did not mend it");
        damage.look_at(&Exception::new(
            CODE,
            "CORRUPTED_DATA",
            "'/d/1_1_0/data.cmrk4': 0",
        ));
    }

    #[test]
    fn the_part_is_the_folder_of_the_file() {
        let text = "Empty marks file '/d/202611_1_122_24/data.cmrk4': 0, must be: 1424";
        assert_eq!(part(text), "/d/202611_1_122_24");
        assert_eq!(part("something else\n"), "something else");
    }
}
