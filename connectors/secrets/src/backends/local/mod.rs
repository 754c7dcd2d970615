//! The encrypted file of this machine.

mod crypt;
mod format;
mod settings;
mod write;

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Backend, now_seconds, on_a_thread, read_here, time_of};
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Reference, Syntax, is_plain_name, plain_name};
use crate::secret::Secret;
use format::{Entry, FormatError, Safe};
pub use settings::{LocalSection, LocalSettings};

const LONGEST_FILE: u64 = 4 << 20;
const LONGEST_SECRET: usize = 64 << 10;
const MOST_ENTRIES: usize = 1024;

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "local",
        form: "secret://local/NAME",
        section: "local",
        parse: plain_name,
    },
    read_here: None,
    open: |settings| {
        let file = settings.local.clone().map(LocalFile::new);
        Ok(file.map(|file| Box::new(Arc::new(file)) as Box<dyn Fetch>))
    },
};

impl Fetch for Arc<LocalFile> {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        let (file, reference) = (Arc::clone(self), reference.clone());
        // The key takes a tenth of a second of computing.
        on_a_thread(move || file.read(&reference, &reference.location().name))
    }

    fn stamp(&self, _: &Reference) -> Option<FileStamp> {
        FileStamp::of(self.path())
    }
}

impl Reference {
    /// Of a secret in the encrypted file.
    pub fn local_name(&self) -> Option<&str> {
        (self.kind().name() == BACKEND.syntax.name).then_some(&*self.location().name)
    }
}

/// Secrets in one file, encrypted under a passphrase: XChaCha20-Poly1305 with
/// a key by Argon2id. Each write takes a new salt and new nonces.
#[derive(Debug)]
pub struct LocalFile {
    settings: LocalSettings,
}

impl LocalFile {
    pub fn new(settings: LocalSettings) -> Self {
        Self { settings }
    }

    pub fn path(&self) -> &Path {
        &self.settings.file
    }

    /// Writes a secret, new or in place of an older one; its version, counted from 1.
    pub fn set(&self, name: &str, secret: &Secret) -> Result<u64, SecretError> {
        if !is_plain_name(name) {
            return Err(self.error(
                Category::BadReference,
                "the name has characters that no name has",
                "use letters, digits and `._-/`",
            ));
        }
        if secret.is_empty() || secret.expose().len() > LONGEST_SECRET {
            return Err(self.error(
                Category::BadReference,
                format!("{name} is empty or longer than 64 KiB"),
                "give a secret on standard input",
            ));
        }
        let passphrase = self.passphrase()?;
        let _lock = write::lock(self.path()).map_err(|error| self.io(&error))?;
        let mut entries = match self.open(&passphrase) {
            Ok(entries) => entries,
            Err(error) if error.category == Category::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let old = entries.iter().position(|entry| entry.name == name);
        let version = old.map_or(0, |at| entries[at].version) + 1;
        let entry = Entry {
            name: name.to_owned(),
            version,
            written: now_seconds(),
            text: Zeroizing::new(secret.expose().to_owned()),
        };
        match old {
            Some(at) => entries[at] = entry,
            None if entries.len() >= MOST_ENTRIES => {
                return Err(self.error(
                    Category::BadReference,
                    format!("it holds {MOST_ENTRIES} secrets already"),
                    "use another file",
                ));
            }
            None => entries.push(entry),
        }
        self.write(&entries, &passphrase)?;
        Ok(version)
    }

    /// Which version there is, if any.
    pub fn version(&self, name: &str) -> Result<Option<u64>, SecretError> {
        let entries = match self.open(&self.passphrase()?) {
            Ok(entries) => entries,
            Err(error) if error.category == Category::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = entries.iter().find(|entry| entry.name == name);
        Ok(found.map(|entry| entry.version))
    }

    /// Encrypts everything under a new passphrase; how many secrets there are.
    pub fn rotate(&self, new: &Reference) -> Result<usize, SecretError> {
        let old = self.passphrase()?;
        let new = not_empty(new, read_here(new)?)?;
        let _lock = write::lock(self.path()).map_err(|error| self.io(&error))?;
        let entries = self.open(&old)?;
        self.write(&entries, &new)?;
        Ok(entries.len())
    }

    pub(crate) fn read(&self, reference: &Reference, name: &str) -> Result<Fetched, SecretError> {
        let entries = self.open(&self.passphrase()?)?;
        let Some(entry) = entries.into_iter().find(|entry| entry.name == name) else {
            return Err(SecretError::new(
                Category::NotFound,
                reference,
                format!("{} has no such secret", self.path().display()),
                format!("write it with `tapeline secrets set {name}`"),
            ));
        };
        Ok(Fetched {
            secret: Secret::new(entry.text.as_str()),
            version: entry.version.to_string(),
            since: Some(time_of(entry.written)),
        })
    }

    fn passphrase(&self) -> Result<Secret, SecretError> {
        let reference = &self.settings.passphrase;
        not_empty(reference, read_here(reference)?)
    }

    fn open(&self, passphrase: &Secret) -> Result<Vec<Entry>, SecretError> {
        let text = self.text()?;
        Safe::parse(&text)
            .and_then(|vault| vault.open(passphrase))
            .map_err(|broken| match broken {
                FormatError::Damaged(what) => self.error(
                    Category::Damaged,
                    what,
                    "bring it back from a copy, or move it away and write its secrets anew",
                ),
                FormatError::WrongKey => self.error(
                    Category::WrongKey,
                    "the passphrase does not fit",
                    format!("see what {} leads to", self.settings.passphrase),
                ),
            })
    }

    fn text(&self) -> Result<String, SecretError> {
        let read = || {
            let mut text = String::new();
            let file = std::fs::File::open(self.path())?;
            if !file.metadata()?.is_file() {
                return Err(std::io::Error::other("it is no regular file"));
            }
            file.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|error| self.io(&error))?;
        if text.len() as u64 > LONGEST_FILE {
            let what = "it is longer than 4 MiB";
            return Err(self.error(
                Category::Damaged,
                what,
                "see whether this is the right file",
            ));
        }
        Ok(text)
    }

    fn write(&self, entries: &[Entry], passphrase: &Secret) -> Result<(), SecretError> {
        let text = Safe::seal(entries, passphrase)?;
        if text.len() as u64 > LONGEST_FILE {
            let what = "it would be longer than 4 MiB";
            return Err(self.error(Category::BadReference, what, "use another file"));
        }
        write::replace(self.path(), text.as_bytes()).map_err(|error| self.io(&error))
    }

    fn error(
        &self,
        category: Category,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> SecretError {
        SecretError::new(category, self.path().display(), what, remedy)
    }

    fn io(&self, error: &std::io::Error) -> SecretError {
        let (category, remedy) = match error.kind() {
            ErrorKind::NotFound => (
                Category::NotFound,
                "`tapeline secrets set NAME` begins one; see secrets.local.file",
            ),
            ErrorKind::PermissionDenied => (Category::Forbidden, "let this user read and write it"),
            ErrorKind::WouldBlock => (Category::Unreachable, "try again when that one has ended"),
            ErrorKind::InvalidData => (Category::Damaged, "bring it back from a copy"),
            _ => (Category::BadReference, "see secrets.local.file"),
        };
        let what = match error.kind() {
            ErrorKind::WouldBlock => "another process is writing it".to_owned(),
            _ => format!("cannot be used: {error}"),
        };
        self.error(category, what, remedy)
    }
}

fn not_empty(reference: &Reference, passphrase: Secret) -> Result<Secret, SecretError> {
    if passphrase.is_empty() {
        return Err(SecretError::new(
            Category::WrongKey,
            reference,
            "the passphrase is empty",
            "give it one of several words",
        ));
    }
    Ok(passphrase)
}

#[cfg(test)]
mod tests;
