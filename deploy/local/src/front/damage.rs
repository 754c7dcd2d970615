//! The engine takes no notice of a disk that fills up while it merges: the merged part counts as
//! written, and its files are empty. The parts it was made of are still there for some minutes,
//! and at its start the engine looks for whole ones. So it is ended, and its keeper starts it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exception::Exception;

/// CORRUPTED_DATA
const CODE: u32 = 246;
/// If a start did not mend it, the next would not.
const NOT_AGAIN_WITHIN: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub(super) struct Damage {
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
        if error.code != CODE || self.was_tried() {
            return;
        }
        if let Err(error) = std::fs::write(&self.marker, b"") {
            tracing::error!(%error, "a damaged part was found, and that it is being mended cannot be noted: the engine goes on");
            return;
        }
        tracing::error!(
            ?error,
            "a damaged part was found: the engine ends, to look for whole ones at its start"
        );
        // No handlers: they would wait for merges.
        let own = rustix::process::getpid();
        if rustix::process::kill_process(own, rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }

    fn was_tried(&self) -> bool {
        let tried = std::fs::metadata(&self.marker).and_then(|marker| marker.modified());
        // A time in the future, after a change of the clock, counts as just now.
        tried.is_ok_and(|tried| tried.elapsed().unwrap_or_default() < NOT_AGAIN_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_and_a_second_time_end_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let damage = Damage::new(dir.path());
        damage.look_at(&Exception::syntax("no"));
        assert!(!damage.was_tried());
        std::fs::write(&damage.marker, b"").unwrap();
        damage.look_at(&Exception::new(CODE, "CORRUPTED_DATA", "empty marks file"));
        assert!(damage.was_tried());
    }
}
