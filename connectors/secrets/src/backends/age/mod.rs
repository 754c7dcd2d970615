//! Files that were encrypted with age.

mod format;
mod keys;
mod settings;

use std::path::Path;

use zeroize::Zeroizing;

use super::file::{path_of, read_bytes};
use super::{Backend, explain_field, on_a_thread, read_here};
use crate::document::field_of_text;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Reference, Syntax, with_field};
use crate::secret::Secret;
pub(super) use format::{AgeError, decrypt as open};
pub(super) use keys::Bytes32;
pub use settings::{AgeSection, AgeSettings};

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "age",
        form: "secret://age/PATH#FIELD",
        section: "age",
        parse: with_field,
    },
    read_here: None,
    open: |settings| {
        let files = settings.age.clone().map(AgeFiles);
        Ok(files.map(|files| Box::new(files) as Box<dyn Fetch>))
    },
};

struct AgeFiles(AgeSettings);

impl Fetch for AgeFiles {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        let (settings, reference) = (self.0.clone(), reference.clone());
        on_a_thread(move || {
            let field = reference.location().field.as_deref();
            read(&settings, &reference, path_of(&reference), field)
        })
    }

    fn stamp(&self, reference: &Reference) -> Option<FileStamp> {
        FileStamp::of(path_of(reference))
    }
}

/// Reads one, with the field of the JSON object in it or as a whole.
fn read(
    settings: &AgeSettings,
    reference: &Reference,
    path: &Path,
    field: Option<&str>,
) -> Result<Fetched, SecretError> {
    let error =
        |category, what: &str, remedy: String| SecretError::new(category, reference, what, remedy);
    let identities = identities_of(settings)?;
    let (file, modified) = read_bytes(reference, path)?;
    let text = open(&file, &identities).map_err(|broken| match broken {
        AgeError::NotAge => error(
            Category::BadReference,
            "the file is none of age",
            "encrypt it: age -r RECIPIENT".to_owned(),
        ),
        AgeError::Damaged => error(
            Category::Damaged,
            "the file is cut short or was changed",
            "encrypt it anew, or bring it back from a copy".to_owned(),
        ),
        AgeError::WrongKey => error(
            Category::WrongKey,
            "the file is not encrypted to this identity",
            format!(
                "encrypt it to it, or see what {} leads to",
                settings.identity
            ),
        ),
    })?;
    let text = std::str::from_utf8(&text).map(|text| Zeroizing::new(text.to_owned()));
    let mut text = text.map_err(|_| {
        let remedy = "encrypt a text".to_owned();
        error(
            Category::Damaged,
            "what is in the file is not UTF-8 text",
            remedy,
        )
    })?;
    let secret = match field {
        None => Secret::from_line(std::mem::take(&mut *text)),
        Some(name) => field_of_text(&text, name).map_err(|e| explain_field(reference, name, e))?,
    };
    Ok(Fetched {
        secret,
        version: String::new(),
        since: modified,
    })
}

/// To whom files are encrypted.
pub(super) fn identities_of(settings: &AgeSettings) -> Result<Vec<Bytes32>, SecretError> {
    let identity = read_here(&settings.identity)?;
    keys::identities(identity.expose()).ok_or_else(|| {
        SecretError::new(
            Category::WrongKey,
            &settings.identity,
            "it leads to no identity of age",
            "write one with `age-keygen`: AGE-SECRET-KEY-1…",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.age");
        let reference = format!("secret://age/{}", path.display()).parse().unwrap();
        let identity = folder.path().join("identity");
        let settings = AgeSettings {
            identity: format!("secret://file/{}", identity.display())
                .parse()
                .unwrap(),
        };
        let category = || {
            read(&settings, &reference, &path, None)
                .unwrap_err()
                .category
        };
        assert_eq!(category(), Category::NotFound);
        std::fs::write(&identity, "canary").unwrap();
        let error = read(&settings, &reference, &path, None).unwrap_err();
        assert_eq!(error.category, Category::WrongKey);
        assert!(!error.to_string().contains("canary"));
        let key = "AGE-SECRET-KEY-1G24KA9EVUDQS7K26MWEKYYZDG9LY35ADG5H7MH9UVLLK5VGNRPLQU9ES0R";
        std::fs::write(&identity, key).unwrap();
        assert_eq!(category(), Category::NotFound);
        std::fs::write(&path, "words\n").unwrap();
        assert_eq!(category(), Category::BadReference);
        std::fs::write(&path, "age-encryption.org/v1\n-> x").unwrap();
        assert_eq!(category(), Category::Damaged);
    }
}
