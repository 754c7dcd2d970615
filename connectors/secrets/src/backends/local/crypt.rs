//! The key and what is sealed under it.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::SecretError;
use crate::random::random_bytes;
use crate::secret::Secret;

const NONCE: usize = 24;
pub(super) const SALT: usize = 16;

/// What a key costs to compute. Stands in the file, so that a later release can ask more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// RFC 9106, for machines without gigabytes to spare.
#[cfg(not(test))]
pub(super) const USUAL: Cost = Cost {
    memory_kib: 64 << 10,
    passes: 3,
    lanes: 4,
};
#[cfg(test)]
pub(super) const USUAL: Cost = Cost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

impl Cost {
    /// A damaged file must not ask for all memory.
    fn is_bearable(self) -> bool {
        self.memory_kib <= 1 << 20 && self.passes <= 16 && self.lanes <= 16
    }
}

pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Nothing where the cost is none that this release bears.
    pub fn derive(passphrase: &Secret, salt: &[u8], cost: Cost) -> Option<Self> {
        if !cost.is_bearable() {
            return None;
        }
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *key)
            .ok()?;
        Some(Self(key))
    }

    /// A new nonce, and what is sealed. Nothing where it is too long, which it never is here.
    pub fn seal(&self, text: &[u8], about: &[u8]) -> Result<Option<Vec<u8>>, SecretError> {
        let nonce: [u8; NONCE] = random_bytes()?;
        let payload = Payload {
            msg: text,
            aad: about,
        };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        Ok(sealed.ok().map(|sealed| [&nonce[..], &sealed].concat()))
    }

    pub fn open(&self, sealed: &[u8], about: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let payload = Payload {
            msg: sealed,
            aad: about,
        };
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), payload);
        opened.ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_matter_only() {
        let key = |pass: &str| Key::derive(&Secret::new(pass), &[7; SALT], USUAL).unwrap();
        let sealed = key("a").seal(b"text", b"name").unwrap().unwrap();
        assert_eq!(&**key("a").open(&sealed, b"name").unwrap(), b"text");
        assert!(key("a").open(&sealed, b"other").is_none());
        assert!(key("b").open(&sealed, b"name").is_none());
        assert!(key("a").open(&sealed[..20], b"name").is_none());
        let again = key("a").seal(b"text", b"name").unwrap().unwrap();
        assert_ne!(sealed, again, "each takes a nonce of its own");
    }

    #[test]
    fn a_cost_without_bound_is_refused() {
        let costly = Cost {
            memory_kib: u32::MAX,
            ..USUAL
        };
        assert!(Key::derive(&Secret::new("a"), &[7; SALT], costly).is_none());
    }
}
