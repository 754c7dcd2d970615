//! What outlives a process, sealed.

use std::path::PathBuf;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tapeline_model::Micros;
use tapeline_secrets::Secret;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use super::{Session, SessionStore};
use crate::saved_state::{SavedState, Validity};

const MAGIC: &[u8; 8] = b"TAPELN-1";
const NONCE: usize = 24;
/// As 32 random bytes in base64 have, and no word has.
const SHORTEST_KEY: usize = 40;

#[derive(Debug, Error)]
pub enum CacheError {
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("another process has the login of this account and does not hand it over ({place})")]
    InUse { place: String },
    #[error("another process has taken over the login of this account")]
    Lost,
    #[error("kept sessions are out of reach: {0}")]
    OutOfReach(String),
    /// Cut off, changed, of another account, or sealed with another key.
    #[error("the kept session in {place} cannot be opened: it was damaged, or its key is another")]
    Damaged { place: String },
    #[error("a session cannot be sealed: this machine gives no random bytes")]
    NotSealed,
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
    pub fn refusals(&self) -> usize {
        self.refusals.len()
    }

    pub fn session(&self) -> Option<Session> {
        let secret = |text: &String| Arc::new(Secret::new(text.as_str()));
        Some(Session {
            token: self.token.as_ref().map(secret)?,
            renewal: self.renewal.as_ref().map(secret),
            until: Validity {
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

    pub fn kept(&self) -> SavedState {
        SavedState {
            session: self.session().map(|session| session.until),
            refusals: self.refusals.iter().copied().map(Micros).collect(),
        }
    }
}

/// One account's, sealed on its session store.
pub struct Cache {
    session_store: Box<dyn SessionStore>,
    seal: Seal,
}

impl Cache {
    pub fn new(session_store: Box<dyn SessionStore>, seal: Seal) -> Self {
        Self {
            session_store,
            seal,
        }
    }

    /// Nothing where nothing was kept. What cannot be opened is put aside, and told once.
    pub async fn read(&mut self) -> Result<Option<Stored>, CacheError> {
        let Some(sealed) = self.session_store.read().await? else {
            return Ok(None);
        };
        let Some(stored) = self.seal.open(&sealed) else {
            let place = self.session_store.put_aside().await?;
            return Err(CacheError::Damaged { place });
        };
        Ok(Some(stored))
    }

    pub async fn write(&mut self, stored: &Stored) -> Result<(), CacheError> {
        let sealed = self.seal.close(stored)?;
        self.session_store.write(&sealed).await
    }

    /// Ends when another process wants the login of this account, or has it.
    pub async fn wanted(&self) {
        self.session_store.wanted().await;
    }
}

/// Closes and opens what is kept of one account of one venue.
pub struct Seal {
    about: Vec<u8>,
    keys: Vec<XChaCha20Poly1305>,
}

impl Seal {
    /// The first key closes; the others are former ones, which still open.
    pub fn new(venue: &str, account: &str, keys: &[Arc<Secret>]) -> Result<Self, CacheError> {
        let about = [venue.as_bytes(), b"\0", account.as_bytes()].concat();
        let keys = keys
            .iter()
            .map(|key| cipher(key))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(CacheError::WeakKey);
        }
        Ok(Self { about, keys })
    }

    /// None for what was damaged, is of another account or was closed with another key.
    pub fn open(&self, sealed: &[u8]) -> Option<Stored> {
        let text = self.unsealed(sealed)?;
        serde_json::from_slice(&text).ok()
    }

    pub fn close(&self, stored: &Stored) -> Result<Vec<u8>, CacheError> {
        let text = serde_json::to_vec(stored).map(Zeroizing::new);
        self.sealed(&text.map_err(|_| CacheError::NotSealed)?)
    }

    fn sealed(&self, text: &[u8]) -> Result<Vec<u8>, CacheError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| CacheError::NotSealed)?;
        let payload = Payload {
            msg: text,
            aad: &self.about,
        };
        let sealed = self.keys[0].encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| CacheError::NotSealed)?;
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

#[cfg(test)]
mod tests;
