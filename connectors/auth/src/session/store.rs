//! Where sealed sessions lie, and which process may use one.

use std::fs::{self, File, OpenOptions};
use std::future::{Future, pending};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::CacheError;

const LONGEST: u64 = 1 << 20;
/// How often a process looks whether it is its turn, or whether another wants it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CacheError>> + Send + 'a>>;

/// One account's place. Whoever has it is the only one, as long as it lives.
pub trait SessionStore: Send + Sync {
    fn read(&mut self) -> StoreFuture<'_, Option<Vec<u8>>>;

    /// The old bytes or the new ones are there, whatever happens. [`CacheError::Lost`] when
    /// another process has the place by now.
    fn write<'a>(&'a mut self, sealed: &'a [u8]) -> StoreFuture<'a, ()>;

    /// Takes what cannot be opened out of the way; says where it is.
    fn put_aside(&mut self) -> StoreFuture<'_, String>;

    /// Ends when another process wants the place, or has it.
    fn wanted(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A file, and a lock beside it.
pub struct FileSessionStore {
    path: PathBuf,
    _lock: File,
    /// Locked by who wants the place.
    wish: File,
}

impl FileSessionStore {
    /// Waits for its turn. Without a folder, makes it.
    pub async fn wait(folder: &Path, venue: &str, account: &str) -> Result<Self, CacheError> {
        let place = StorePath::of(folder, venue, account)?;
        let mut is_told = false;
        loop {
            let is_wished = place.wish.try_lock_shared().is_err();
            if !is_wished {
                place.wish.unlock().map_err(|error| place.failed(error))?;
                if place.lock.try_lock().is_ok() {
                    return Ok(place.taken());
                }
            }
            if !is_told {
                is_told = true;
                tracing::info!(%venue, %account, "another process has the login of this account; this one stands by");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks whoever has it to hand it over. An error when it is not, within `patience`.
    pub async fn ask_for(
        folder: &Path,
        venue: &str,
        account: &str,
        patience: Duration,
    ) -> Result<Self, CacheError> {
        let place = StorePath::of(folder, venue, account)?;
        let in_use = || CacheError::InUse {
            place: place.path.display().to_string(),
        };
        let asking = async {
            while place.wish.try_lock().is_err() {
                sleep(LOOK_EVERY).await;
            }
            while place.lock.try_lock().is_err() {
                sleep(LOOK_EVERY).await;
            }
        };
        let asked = tokio::time::timeout(patience, asking).await;
        asked.map_err(|_| in_use())?;
        place.wish.unlock().map_err(|error| place.failed(error))?;
        Ok(place.taken())
    }

    /// What lies there, without having the place.
    pub fn peek(folder: &Path, venue: &str, account: &str) -> Result<Option<Vec<u8>>, CacheError> {
        bytes(&path(folder, venue, account))
    }
}

impl SessionStore for FileSessionStore {
    fn read(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async { bytes(&self.path) })
    }

    fn write<'a>(&'a mut self, sealed: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let new = self.path.with_extension("new");
            let mut file = private()
                .truncate(true)
                .open(&new)
                .map_err(|error| failed("write", &new, error))?;
            let written = file.write_all(sealed).and_then(|()| file.sync_all());
            written.map_err(|error| failed("write", &new, error))?;
            fs::rename(&new, &self.path).map_err(|error| failed("write", &self.path, error))
        })
    }

    fn put_aside(&mut self) -> StoreFuture<'_, String> {
        Box::pin(async {
            let aside = self.path.with_extension("damaged");
            fs::rename(&self.path, &aside)
                .map_err(|error| failed("put aside", &self.path, error))?;
            Ok(aside.display().to_string())
        })
    }

    fn wanted(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            while self.wish.try_lock_shared().is_ok() {
                // A lock that cannot be given back is given back with the file.
                let _still_ours = self.wish.unlock();
                sleep(LOOK_EVERY).await;
            }
        })
    }
}

struct StorePath {
    path: PathBuf,
    lock: File,
    wish: File,
}

impl StorePath {
    fn of(folder: &Path, venue: &str, account: &str) -> Result<Self, CacheError> {
        fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))?;
        let path = path(folder, venue, account);
        let open = |extension| {
            let path = path.with_extension(extension);
            let opened = private().open(&path);
            opened.map_err(|error| failed("open", &path, error))
        };
        Ok(Self {
            lock: open("lock")?,
            wish: open("wish")?,
            path,
        })
    }

    fn failed(&self, error: io::Error) -> CacheError {
        failed("unlock", &self.path, error)
    }

    fn taken(self) -> FileSessionStore {
        FileSessionStore {
            path: self.path,
            _lock: self.lock,
            wish: self.wish,
        }
    }
}

/// Forgets all when the last that shares it ends.
#[derive(Clone, Default)]
pub struct MemorySessionStore(Arc<Mutex<Option<Vec<u8>>>>);

impl MemorySessionStore {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemorySessionStore {
    fn read(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.bytes().clone()) })
    }

    fn write<'a>(&'a mut self, sealed: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async {
            *self.bytes() = Some(sealed.to_vec());
            Ok(())
        })
    }

    fn put_aside(&mut self) -> StoreFuture<'_, String> {
        Box::pin(async {
            *self.bytes() = None;
            Ok("this process's memory".to_owned())
        })
    }

    fn wanted(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }
}

/// Names an account's place; the account does not stand in it.
pub fn place_of(venue: &str, account: &str) -> String {
    let about = [venue.as_bytes(), b"\0", account.as_bytes()].concat();
    let name: String = Sha256::digest(&about)
        .iter()
        .take(8)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    let plain: String = venue
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    format!("{plain}-{name}")
}

fn path(folder: &Path, venue: &str, account: &str) -> PathBuf {
    folder.join(format!("{}.session", place_of(venue, account)))
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>, CacheError> {
    match fs::metadata(path) {
        // Too long to be one of ours: nothing of it can be opened.
        Ok(found) if found.len() > LONGEST => Ok(Some(Vec::new())),
        Ok(_) => fs::read(path)
            .map(Some)
            .map_err(|error| failed("read", path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, error)),
    }
}

/// For its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600);
    options
}

fn failed(what: &'static str, path: &Path, error: io::Error) -> CacheError {
    let path = path.to_owned();
    CacheError::File { what, path, error }
}
