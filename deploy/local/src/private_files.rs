//! What is for this user alone: the data folder, and the password of the store's user `default`.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{PasswordError, StackError};

/// So many random bytes, twice as many letters.
const BYTES: usize = 32;
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// Where the password of the user `default` is, for a data folder.
pub fn password_file(data: &Path) -> PathBuf {
    data.join("store.password")
}

/// The password of the user `default`, if this data folder has one.
pub fn store_password(data: &Path) -> Result<Option<String>, PasswordError> {
    let path = password_file(data);
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(4096).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PasswordError::Unreadable { path, source }),
    }
    let password = text.trim_end();
    let good = password.len() >= BYTES && password.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        return Err(PasswordError::Odd { path });
    }
    Ok(Some(password.to_owned()))
}

/// The same, made at the first start. The folder is locked by then.
pub(crate) fn made_password(data: &Path) -> Result<String, StackError> {
    let path = password_file(data);
    if let Some(password) = store_password(data)? {
        fs::set_permissions(&path, Permissions::from_mode(FILE))
            .map_err(StackError::io("cannot keep to this user", &path))?;
        return Ok(password);
    }
    let write = || -> std::io::Result<String> {
        let password = random_text()?;
        // Readable by this user only.
        let mut file = tempfile::NamedTempFile::new_in(data)?;
        writeln!(file, "{password}")?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(password)
    };
    write().map_err(StackError::io(
        "cannot write the store's password to",
        &path,
    ))
}

/// From the system's source.
fn random_text() -> std::io::Result<String> {
    let mut bytes = [0_u8; BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The folder of a run. One that holds something else than a run is left as it is: only what is
/// made in it is kept from others.
pub(crate) fn data_folder(path: &Path) -> Result<(), StackError> {
    let is_new = !path.exists();
    let is_ours = || {
        path.join("run/stack.lock").exists()
            || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
    };
    if is_new || is_ours() {
        private_folder(path)
    } else {
        Ok(())
    }
}

/// Made, or changed, so that others can neither enter nor list it.
pub(crate) fn private_folder(path: &Path) -> Result<(), StackError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(FOLDER)))
        .map_err(StackError::io("cannot create, or keep to this user,", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_password_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(store_password(folder.path()).unwrap().is_none());
        let password = made_password(folder.path()).unwrap();
        assert_eq!(password.len(), 2 * BYTES);
        let path = password_file(folder.path());
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(made_password(folder.path()).unwrap(), password);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(store_password(folder.path()).unwrap(), Some(password));
        assert_ne!(random_text().unwrap(), random_text().unwrap());
    }

    #[test]
    fn a_file_without_a_password_is_an_error_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = password_file(folder.path());
        for odd in [
            "",
            "\n",
            "short\n",
            "a password with blanks in it, long enough\n",
        ] {
            fs::write(&path, odd).unwrap();
            let error = made_password(folder.path()).unwrap_err().to_string();
            assert!(error.contains("remove the file"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), odd);
        }
    }

    #[test]
    fn folders_of_a_run_are_closed_and_others_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        let new = folder.path().join("a/b");
        data_folder(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
        // Of a release that left it open.
        fs::create_dir(new.join("run")).unwrap();
        fs::write(new.join("run/stack.lock"), "").unwrap();
        open(&new);
        data_folder(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
        // Something else lives here.
        open(folder.path());
        data_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o755);
        private_folder(&folder.path().join("a")).unwrap();
        assert_eq!(mode(&folder.path().join("a")), 0o700);
    }
}
