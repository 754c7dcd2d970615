//! A file system of bounded size below the engine's data, filled and freed again.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::namespace;

const SIZE: &str = "size=1024m";
const BALLAST: &str = "ballast";

/// Unmounted when dropped.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// None where this process may not mount.
    pub(crate) fn mount(folder: &Path) -> Outcome<Option<Self>> {
        let what = format!("creating {}", folder.display());
        std::fs::create_dir_all(folder).map_err(Failure::while_doing(what))?;
        if !namespace::is_entered() && !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tapeline-chaos"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        let folder = folder.to_owned();
        Ok(is_mounted.then_some(Self { folder }))
    }

    /// Takes what is left.
    pub(crate) fn fill(&self) -> Outcome<()> {
        let path = self.folder.join(BALLAST);
        let what = format!("filling {}", self.folder.display());
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.map_err(Failure::while_doing(what))?;
        // That it does not fit any more is not an error here, but the point.
        let _full = std::io::copy(&mut std::io::repeat(0), &mut file);
        Ok(())
    }

    pub(crate) fn free(&self) {
        let _gone = std::fs::remove_file(self.folder.join(BALLAST));
    }

    /// What is on it goes with it, so what is wanted later is copied.
    pub(crate) fn keep(&self, to: &Path) {
        self.free();
        let _kept = Command::new("cp")
            .arg("-a")
            .arg(&self.folder)
            .arg(to)
            .status();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still hold files.
        let _gone = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
