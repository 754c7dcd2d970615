//! Files that SOPS encrypted to a recipient of age: YAML, JSON, dotenv and whole files.

mod dotenv;
mod error;
mod json;
mod metadata;
mod open;
mod tree;
mod yaml;

use std::path::Path;

use super::age::AgeSettings;
use super::file::{path_of, read_bytes};
use super::{Backend, age, explain_field, on_a_thread};
use crate::document::NoField;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Kind, Location, Reference, ReferenceError, Syntax, with_field};
use crate::secret::Secret;
use error::SopsError;
use tree::{Node, Opened};

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "sops",
        form: "secret://sops/PATH#KEY/KEY",
        // Its files are encrypted to recipients of age.
        section: "age",
        parse,
    },
    read_here: None,
    open: |settings| {
        let files = settings.age.clone().map(SopsFiles);
        Ok(files.map(|files| Box::new(files) as Box<dyn Fetch>))
    },
};

fn parse(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    let location = with_field(kind, rest)?;
    match location.field {
        Some(_) => Ok(location),
        None => Err(ReferenceError::NoField(kind)),
    }
}

struct SopsFiles(AgeSettings);

impl Fetch for SopsFiles {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        let (settings, reference) = (self.0.clone(), reference.clone());
        on_a_thread(move || {
            let field = reference.location().field.as_deref();
            let field = field.unwrap_or_default();
            read(&settings, &reference, path_of(&reference), field)
        })
    }

    fn stamp(&self, reference: &Reference) -> Option<FileStamp> {
        FileStamp::of(path_of(reference))
    }
}

/// Reads the value that the field leads to: names of keys and numbers of list items, with `/`
/// between them. Nothing of a file counts before all of it was checked.
fn read(
    settings: &AgeSettings,
    reference: &Reference,
    path: &Path,
    field: &str,
) -> Result<Fetched, SecretError> {
    let identities = age::identities_of(settings)?;
    let (bytes, modified) = read_bytes(reference, path)?;
    let parse = || {
        let text = std::str::from_utf8(&bytes).ok()?;
        parser(path, text)(text)
    };
    let tree = parse().ok_or(SopsError::NotSops);
    let opened = tree.and_then(|tree| open::open(tree, &identities));
    let opened = opened.map_err(|broken| explain(settings, reference, broken))?;
    let secret = value(reference, &opened, field)?;
    Ok(Fetched {
        secret,
        version: String::new(),
        since: modified,
    })
}

type Parse = fn(&str) -> Option<Node>;

/// By its name, as SOPS does it; what has no name of these is a whole file, kept as JSON.
fn parser(path: &Path, text: &str) -> Parse {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_env = path.file_name().is_some_and(|name| name == ".env");
    match ending {
        Some("env") => dotenv::parse,
        _ if is_env => dotenv::parse,
        Some("yaml" | "yml") => yaml::parse,
        _ if text.trim_start().starts_with('{') => json::parse,
        _ => yaml::parse,
    }
}

fn value(reference: &Reference, opened: &Opened, field: &str) -> Result<Secret, SecretError> {
    let no = |why| explain_field(reference, field, why);
    match opened.tree.at(field).ok_or(NoField::Missing).map_err(no)? {
        Node::Leaf(leaf) if leaf.is_vouched || opened.vouches_for_all => {
            Ok(Secret::new(leaf.text.as_str()))
        }
        Node::Leaf(_) => Err(SecretError::new(
            Category::BadReference,
            reference,
            "the value is not encrypted, and the file vouches for encrypted ones alone",
            "encrypt it, or leave mac_only_encrypted out",
        )),
        Node::Nothing => Err(no(NoField::Missing)),
        Node::Map(_) | Node::List(_) => Err(no(NoField::NoText)),
    }
}

fn explain(settings: &AgeSettings, reference: &Reference, broken: SopsError) -> SecretError {
    let (category, what, remedy) = match broken {
        SopsError::NotSops => (
            Category::BadReference,
            "the file is none that SOPS encrypted: YAML, JSON or dotenv with its part `sops`",
            "encrypt it: sops encrypt --age RECIPIENT --in-place FILE".to_owned(),
        ),
        SopsError::NoAge => (
            Category::BadReference,
            "the file is encrypted to no recipient of age",
            "add one: sops rotate --add-age RECIPIENT --in-place FILE".to_owned(),
        ),
        SopsError::Groups => (
            Category::BadReference,
            "the file needs keys of several groups",
            "encrypt it with one key group".to_owned(),
        ),
        SopsError::WrongKey => (
            Category::WrongKey,
            "the file is not encrypted to this identity",
            format!(
                "encrypt it to it, or see what {} leads to",
                settings.identity
            ),
        ),
        SopsError::Damaged => (
            Category::Damaged,
            "the file is cut short or was changed without SOPS",
            "bring it back from a copy, or edit it with `sops edit`".to_owned(),
        ),
    };
    SecretError::new(category, reference, what, remedy)
}

#[cfg(test)]
mod tests;
