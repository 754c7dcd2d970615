//! One sealed file an account, and the lock by which one process at a time has it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tapeline_model::Micros;
use tapeline_secrets::Secret;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use super::Session;
use crate::login::{Kept, Until};

const MAGIC: &[u8; 8] = b"TAPELN-1";
const NONCE: usize = 24;
/// As 32 random bytes in base64 have, and no word has.
const SHORTEST_KEY: usize = 40;
const LONGEST_FILE: u64 = 1 << 20;

#[derive(Debug, Error)]
pub enum CacheError {
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("another process has the login of this account ({}): one at a time may log in", path.display())]
    InUse { path: PathBuf },
    /// Cut off, changed, of another account, or sealed with another key.
    #[error("the kept session in {} cannot be opened: it was damaged, or its key is another", path.display())]
    Damaged { path: PathBuf },
    #[error(
        "the key for kept sessions is too short: give 32 random bytes as base64 (openssl rand -base64 32)"
    )]
    WeakKey,
}

/// What outlives the process. It is written before anything that a venue may count.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    token: Option<String>,
    renewal: Option<String>,
    expires: Option<i64>,
    renewable: Option<i64>,
    refusals: Vec<i64>,
    /// The step of the last code by time.
    pub used_step: Option<u64>,
    /// The same for ever: a new one looks like a stranger to the venue.
    pub device: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Stored {
    pub fn session(&self) -> Option<Session> {
        let secret = |text: &String| Arc::new(Secret::new(text.as_str()));
        Some(Session {
            token: self.token.as_ref().map(secret)?,
            renewal: self.renewal.as_ref().map(secret),
            until: Until {
                expires: self.expires.map(Micros),
                renewable: self.renewable.map(Micros),
            },
        })
    }

    pub fn keep(&mut self, session: &Session) {
        self.forget();
        self.token = Some(session.token.expose().to_owned());
        self.renewal = session
            .renewal
            .as_ref()
            .map(|secret| secret.expose().to_owned());
        self.expires = session.until.expires.map(|at| at.0);
        self.renewable = session.until.renewable.map(|at| at.0);
    }

    pub fn forget(&mut self) {
        self.token.zeroize();
        self.renewal.zeroize();
        (self.expires, self.renewable) = (None, None);
    }

    pub fn note(&mut self, refusals: &[Micros]) {
        self.refusals = refusals.iter().map(|at| at.0).collect();
    }

    pub fn kept(&self) -> Kept {
        Kept {
            session: self.session().map(|session| session.until),
            refusals: self.refusals.iter().copied().map(Micros).collect(),
        }
    }
}

/// Holds the lock as long as it lives.
pub struct Cache {
    path: PathBuf,
    about: Vec<u8>,
    keys: Vec<XChaCha20Poly1305>,
    _lock: File,
}

impl Cache {
    /// The first key seals; the others are former ones, which still open.
    pub fn open(
        folder: &Path,
        venue: &str,
        account: &str,
        keys: &[Arc<Secret>],
    ) -> Result<Self, CacheError> {
        fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))?;
        let about = [venue.as_bytes(), b"\0", account.as_bytes()].concat();
        let name: String = Sha256::digest(&about)
            .iter()
            .take(8)
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        let path = folder.join(format!("{venue}-{name}.session", venue = plain(venue)));
        let lock_path = path.with_extension("lock");
        let lock = private()
            .open(&lock_path)
            .map_err(|error| failed("open", &lock_path, error))?;
        if lock.try_lock().is_err() {
            return Err(CacheError::InUse { path: lock_path });
        }
        let keys = keys
            .iter()
            .map(|key| cipher(key))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(CacheError::WeakKey);
        }
        Ok(Self {
            path,
            about,
            keys,
            _lock: lock,
        })
    }

    /// Nothing where nothing was kept. What cannot be opened is put aside, and told once.
    pub fn read(&self) -> Result<Option<Stored>, CacheError> {
        let length = match fs::metadata(&self.path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &self.path, error)),
        };
        let sealed = if length > LONGEST_FILE {
            Vec::new()
        } else {
            fs::read(&self.path).map_err(|error| failed("read", &self.path, error))?
        };
        let opened = self.unsealed(&sealed);
        let Some(stored) = opened.and_then(|text| serde_json::from_slice(&text).ok()) else {
            let aside = self.path.with_extension("damaged");
            fs::rename(&self.path, &aside)
                .map_err(|error| failed("put aside", &self.path, error))?;
            return Err(CacheError::Damaged { path: aside });
        };
        Ok(Some(stored))
    }

    /// The old file or the new one is there, whatever happens.
    pub fn write(&self, stored: &Stored) -> Result<(), CacheError> {
        let text = serde_json::to_vec(stored).map(Zeroizing::new);
        let text = text.map_err(|error| failed("write", &self.path, error.into()))?;
        let sealed = self.sealed(&text)?;
        let new = self.path.with_extension("new");
        let mut file = private()
            .truncate(true)
            .open(&new)
            .map_err(|error| failed("write", &new, error))?;
        let written = file.write_all(&sealed).and_then(|()| file.sync_all());
        written.map_err(|error| failed("write", &new, error))?;
        fs::rename(&new, &self.path).map_err(|error| failed("write", &self.path, error))
    }

    fn sealed(&self, text: &[u8]) -> Result<Vec<u8>, CacheError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| failed("seal", &self.path, error.into()))?;
        let payload = Payload {
            msg: text,
            aad: &self.about,
        };
        let sealed = self.keys[0].encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| CacheError::WeakKey)?;
        Ok([&MAGIC[..], &nonce, &sealed].concat())
    }

    fn unsealed(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.strip_prefix(MAGIC)?.split_at_checked(NONCE)?;
        let payload = || Payload {
            msg: sealed,
            aad: &self.about,
        };
        let opened =
            |key: &XChaCha20Poly1305| key.decrypt(XNonce::from_slice(nonce), payload()).ok();
        self.keys.iter().find_map(opened).map(Zeroizing::new)
    }
}

fn cipher(key: &Secret) -> Result<XChaCha20Poly1305, CacheError> {
    let text = key.expose().as_bytes();
    if text.len() < SHORTEST_KEY {
        return Err(CacheError::WeakKey);
    }
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(text).map_err(|_| CacheError::WeakKey)?;
    mac.update(b"tapeline kept sessions");
    Ok(XChaCha20Poly1305::new(&mac.finalize().into_bytes()))
}

/// For its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(0o600);
    options
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect()
}

fn failed(what: &'static str, path: &Path, error: std::io::Error) -> CacheError {
    let path = path.to_owned();
    CacheError::File { what, path, error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(fill: &str) -> Arc<Secret> {
        Arc::new(Secret::new(fill.repeat(SHORTEST_KEY)))
    }

    fn session() -> Session {
        Session {
            token: Arc::new(Secret::new("planted-token")),
            renewal: Some(Arc::new(Secret::new("planted-renewal"))),
            until: Until {
                expires: Some(Micros(5)),
                renewable: None,
            },
        }
    }

    fn stored() -> Stored {
        let mut stored = Stored::default();
        stored.device = "d1".to_owned();
        stored.used_step = Some(7);
        stored.keep(&session());
        stored.note(&[Micros(3)]);
        stored
    }

    #[test]
    fn what_is_kept_comes_back_and_the_file_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), "alpha", "a1", &[key("k")]).unwrap();
        assert!(cache.read().unwrap().is_none());
        cache.write(&stored()).unwrap();
        let back = cache.read().unwrap().unwrap();
        assert_eq!(back.session().unwrap().token.expose(), "planted-token");
        assert_eq!(back.kept(), stored().kept());
        assert_eq!((back.used_step, back.device.as_str()), (Some(7), "d1"));
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
            let bytes = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("planted"));
            assert!(
                !path.to_string_lossy().contains("a1"),
                "no account in a file's name"
            );
        }
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Cache::open(folder.path(), "alpha", "a1", &[key("k")]).unwrap();
        let second = Cache::open(folder.path(), "alpha", "a1", &[key("k")]);
        assert!(matches!(second, Err(CacheError::InUse { .. })));
        assert!(Cache::open(folder.path(), "alpha", "a2", &[key("k")]).is_ok());
        drop(first);
        assert!(Cache::open(folder.path(), "alpha", "a1", &[key("k")]).is_ok());
    }

    #[test]
    fn a_damaged_foreign_or_cut_file_is_put_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), "alpha", "a1", &[key("k")]).unwrap();
        cache.write(&stored()).unwrap();
        let whole = fs::read(&cache.path).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bytes in [
            &changed[..],
            &whole[..whole.len() / 2],
            b"",
            b"TAPELN-1",
            &[0; 40],
        ] {
            fs::write(&cache.path, bytes).unwrap();
            assert!(matches!(cache.read(), Err(CacheError::Damaged { .. })));
            assert!(cache.read().unwrap().is_none(), "told once");
        }
        let other = Cache::open(folder.path(), "alpha", "a2", &[key("k")]).unwrap();
        fs::write(&other.path, &whole).unwrap();
        assert!(
            matches!(other.read(), Err(CacheError::Damaged { .. })),
            "of another account"
        );
    }

    #[test]
    fn a_former_key_still_opens_and_a_short_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |keys: &[Arc<Secret>]| Cache::open(folder.path(), "alpha", "a1", keys);
        open(&[key("old")]).unwrap().write(&stored()).unwrap();
        let cache = open(&[key("new"), key("old")]).unwrap();
        cache.write(&cache.read().unwrap().unwrap()).unwrap();
        drop(cache);
        assert!(open(&[key("new")]).unwrap().read().unwrap().is_some());
        let weak = open(&[Arc::new(Secret::new("hunter2"))]);
        assert!(matches!(weak, Err(CacheError::WeakKey)));
        assert!(matches!(open(&[]), Err(CacheError::WeakKey)));
    }
}
