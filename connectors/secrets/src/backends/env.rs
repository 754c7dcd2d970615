use std::env::VarError;

use crate::error::{Category, SecretError};
use crate::fetch::Fetched;
use crate::reference::Reference;
use crate::secret::Secret;

pub(super) fn read(reference: &Reference, name: &str) -> Result<Fetched, SecretError> {
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
