use std::env::VarError;

use super::{AtOnce, Backend};
use crate::error::{Category, SecretError};
use crate::fetch::Fetched;
use crate::reference::{Kind, Location, Reference, ReferenceError, Syntax};
use crate::secret::Secret;

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "env",
        form: "secret://env/NAME",
        section: "env",
        parse,
    },
    read_here: Some(read),
    open: |_| Ok(Some(Box::new(AtOnce(read)))),
};

fn parse(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    if rest.contains('=') {
        return Err(ReferenceError::OddCharacter(kind));
    }
    Ok(Location::named(rest))
}

/// Stands in for a reference that is wrong, so that all else can be checked beside it.
pub(super) fn nowhere() -> Reference {
    let kind = Kind(&BACKEND.syntax);
    Reference::new("secret://env/", kind, Location::default())
}

fn read(reference: &Reference) -> Result<Fetched, SecretError> {
    let name = &reference.location().name;
    match std::env::var(name) {
        Ok(text) => Ok(Fetched::new(Secret::new(text))),
        Err(VarError::NotPresent) => Err(SecretError::new(
            Category::NotFound,
            reference,
            format!("the environment variable {name} is not set"),
            "set it for this process",
        )),
        // The error itself would show the value.
        Err(VarError::NotUnicode(_)) => Err(SecretError::new(
            Category::Damaged,
            reference,
            format!("the environment variable {name} is not UTF-8 text"),
            "set it to a text",
        )),
    }
}
