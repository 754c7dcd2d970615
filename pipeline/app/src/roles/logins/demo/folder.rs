//! What the login of one account of the demo needs, made up at its first start.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tapeline_simulators::SavedSession;

use crate::failure::Failure;

/// Of base32: long enough for a key, and a whole number of bytes.
const LETTERS: usize = 64;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEPT: &str = "venue";

/// For its owner alone.
#[derive(Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| failed("make", path, &error))?;
        // Wherever the program is run from, a reference leads here.
        let path = fs::canonicalize(path).map_err(|error| failed("find", path, &error))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn reference(&self, name: &str) -> String {
        format!("secret://file/{}", self.0.join(name).display())
    }

    /// What was made up for this name, the first time or before.
    pub(super) fn secret(&self, name: &str) -> Result<String, Failure> {
        let path = self.0.join(name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = made_up()?;
                let written = self.write(name, &text);
                written.map_err(|error| failed("write", &path, &error))?;
                Ok(text)
            }
            read => read.map_err(|error| failed("read", &path, &error)),
        }
    }

    /// Without it, the venue's session ends with the process: told, and no more than that.
    pub(super) fn keep(&self, kept: SavedSession) {
        let text = format!("{} {}", kept.issued, kept.expires);
        if let Err(error) = self.write(KEPT, &text) {
            let place = self.0.join(KEPT);
            tracing::warn!(%error, place = %place.display(), "the demo's venue will not know its session again");
        }
    }

    pub(super) fn kept(&self) -> SavedSession {
        let text = fs::read_to_string(self.0.join(KEPT)).unwrap_or_default();
        let read = || {
            let (issued, expires) = text.split_once(' ')?;
            Some(SavedSession {
                issued: issued.parse().ok()?,
                expires: expires.parse().ok()?,
            })
        };
        read().unwrap_or_default()
    }

    /// All of it or nothing, whenever the process ends.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let aside = self.0.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&aside)?.write_all(text.as_bytes())?;
        fs::rename(&aside, self.0.join(name))
    }
}

pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

fn made_up() -> Result<String, Failure> {
    let mut bytes = [0; LETTERS];
    getrandom::fill(&mut bytes).map_err(|_| {
        Failure::External("this machine gives no random bytes for the demo's logins".to_owned())
    })?;
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte % 32)]);
    Ok(bytes.into_iter().map(letter).collect())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::External(format!(
        "cannot {what} {}, where the demo keeps its logins: {error}; set local.data to a folder \
         that can be written to",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_made_up_stays_and_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        let name = folder.secret("name").unwrap();
        assert_eq!(name.len(), LETTERS);
        assert_ne!(folder.secret("password").unwrap(), name);
        assert_eq!(folder.kept(), SavedSession::default());
        let kept = SavedSession {
            issued: 7,
            expires: -3,
        };
        folder.keep(kept);
        let again = Folder::open(&path).unwrap();
        assert_eq!((again.secret("name").unwrap(), again.kept()), (name, kept));
        for place in ["", "name", "venue"].map(|name| path.join(name)) {
            let mode = fs::metadata(&place).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", place.display());
        }
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
