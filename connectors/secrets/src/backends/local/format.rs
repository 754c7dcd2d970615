//! Three lines: what it is, a JSON object, and the SHA-256 of both. The object
//! has the cost and salt of the key, a check by which a wrong passphrase is told
//! from a damaged file, each secret sealed with its name, version and time, and a
//! seal over all of it, so that none can be left out or brought back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::MOST_ENTRIES;
use super::crypt::{Cost, Key, SALT, USUAL};
use crate::error::{Category, SecretError};
use crate::random::random_bytes;
use crate::secret::Secret;

const FIRST_LINE: &str = "tapeline-secrets 1";
const KIND: &str = "tapeline-secrets ";

pub(super) struct Entry {
    pub name: String,
    pub version: u64,
    /// In seconds since 1970.
    pub written: u64,
    pub text: Zeroizing<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FormatError {
    Damaged(&'static str),
    WrongKey,
}

const TORN: FormatError = FormatError::Damaged("the file is cut short or was changed");
const FORGED: FormatError =
    FormatError::Damaged("the file was changed by someone who does not know the passphrase");

/// The file as it lies there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Safe {
    argon2id: Cost,
    salt: String,
    check: String,
    entries: Vec<Sealed>,
    seal: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    name: String,
    version: u64,
    written: u64,
    sealed: String,
}

impl Safe {
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut lines = text.split_inclusive('\n');
        let (first, body, sum) = (lines.next(), lines.next(), lines.next());
        let first = first.unwrap_or_default();
        if !first.starts_with(KIND) && !KIND.starts_with(first.trim_end()) {
            return Err(FormatError::Damaged("this is no file of secrets"));
        }
        let (Some(body), Some(sum), None) = (body, sum, lines.next()) else {
            return Err(TORN);
        };
        if sum.strip_suffix('\n') != Some(&*checksum(first, body)) {
            return Err(TORN);
        }
        if first.trim_end() != FIRST_LINE {
            return Err(FormatError::Damaged("it was written by a newer release"));
        }
        let vault: Self = serde_json::from_str(body).map_err(|_| TORN)?;
        if vault.entries.len() > MOST_ENTRIES {
            return Err(TORN);
        }
        Ok(vault)
    }

    pub fn open(&self, passphrase: &Secret) -> Result<Vec<Entry>, FormatError> {
        let salt = decoded(&self.salt)?;
        let key = Key::derive(passphrase, &salt, self.argon2id).ok_or(TORN)?;
        key.open(&decoded(&self.check)?, &about_key(self.argon2id, &salt))
            .ok_or(FormatError::WrongKey)?;
        key.open(&decoded(&self.seal)?, self.about_all().as_bytes())
            .ok_or(FORGED)?;
        self.entries.iter().map(|entry| entry.open(&key)).collect()
    }

    /// The text of a file with these entries, under a new salt.
    pub fn seal(entries: &[Entry], passphrase: &Secret) -> Result<String, SecretError> {
        let salt: [u8; SALT] = random_bytes()?;
        let key = Key::derive(passphrase, &salt, USUAL).ok_or_else(failed)?;
        let seal = |text: &[u8], about: &[u8]| {
            let sealed = key.seal(text, about)?.ok_or_else(failed)?;
            Ok::<_, SecretError>(BASE64.encode(sealed))
        };
        let entries = entries.iter().map(|entry| {
            let about = about_entry(&entry.name, entry.version, entry.written);
            Ok(Sealed {
                name: entry.name.clone(),
                version: entry.version,
                written: entry.written,
                sealed: seal(entry.text.as_bytes(), &about)?,
            })
        });
        let mut vault = Self {
            argon2id: USUAL,
            salt: BASE64.encode(salt),
            check: seal(&[], &about_key(USUAL, &salt))?,
            entries: entries.collect::<Result<_, SecretError>>()?,
            seal: String::new(),
        };
        vault.seal = seal(&[], vault.about_all().as_bytes())?;
        let first = format!("{FIRST_LINE}\n");
        let body = vault.json() + "\n";
        let sum = checksum(&first, &body);
        Ok(format!("{first}{body}{sum}\n"))
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Everything but the seal itself.
    fn about_all(&self) -> String {
        let names = self.entries.iter().map(|entry| &entry.sealed);
        let listed = (
            &self.argon2id,
            &self.salt,
            &self.check,
            names.collect::<Vec<_>>(),
        );
        format!("all {}", serde_json::to_string(&listed).unwrap_or_default())
    }
}

impl Sealed {
    fn open(&self, key: &Key) -> Result<Entry, FormatError> {
        let about = about_entry(&self.name, self.version, self.written);
        let text = key.open(&decoded(&self.sealed)?, &about).ok_or(FORGED)?;
        let text = std::str::from_utf8(&text).map_err(|_| FORGED)?;
        Ok(Entry {
            name: self.name.clone(),
            version: self.version,
            written: self.written,
            text: Zeroizing::new(text.to_owned()),
        })
    }
}

fn about_key(cost: Cost, salt: &[u8]) -> Vec<u8> {
    let cost = serde_json::to_string(&cost).unwrap_or_default();
    [b"key ", cost.as_bytes(), salt].concat()
}

/// Names have no spaces, so that this can be read in one way only.
fn about_entry(name: &str, version: u64, written: u64) -> Vec<u8> {
    format!("entry {name} {version} {written}").into_bytes()
}

fn decoded(text: &str) -> Result<Vec<u8>, FormatError> {
    BASE64.decode(text).map_err(|_| TORN)
}

fn checksum(first: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(first);
    hash.update(body);
    format!("{:x}", hash.finalize())
}

fn failed() -> SecretError {
    SecretError::new(
        Category::Damaged,
        "the encrypted file",
        "it could not be encrypted",
        "see whether 64 MiB of memory are free",
    )
}

/// The text with this change of its body, and a checksum that fits.
#[cfg(test)]
pub(super) fn forged(text: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut body: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    change(&mut body);
    let body = format!("{body}\n");
    format!("{}{body}{}\n", lines[0], checksum(lines[0], &body))
}
