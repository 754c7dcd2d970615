//! What lies between the resolver and the backends.

use std::pin::Pin;
use std::time::SystemTime;

use crate::error::SecretError;
use crate::file_stamp::FileStamp;
use crate::reference::Reference;
use crate::secret::Secret;
use crate::timing::Timing;

pub(crate) type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<Fetched, SecretError>> + Send + 'a>>;

/// Where secrets come from; tests have one of their own.
pub(crate) trait Fetch: Send + Sync {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a>;
    /// Of the file that holds the secret: while it stays the same, so does the secret.
    fn stamp(&self, _reference: &Reference) -> Option<FileStamp> {
        None
    }
}

/// What a backend returned.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub secret: Secret,
    /// Empty where the backend has no versions.
    pub version: String,
    /// Where the backend says when the secret was written.
    pub since: Option<SystemTime>,
}

impl Fetched {
    /// From a backend that knows neither versions nor times.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            version: String::new(),
            since: None,
        }
    }
}

/// The backends, and for how long their answers count.
pub(crate) struct Source {
    pub backends: Box<dyn Fetch>,
    pub timing: Timing,
}
