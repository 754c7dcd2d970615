use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::backends::{Backends, FileStamp};
use crate::entry::{Entry, poll};
use crate::error::{Category, SecretError};
use crate::reference::Reference;
use crate::secret::{Secret, Value};
use crate::settings::{Settings, Timing};

/// A configuration that names more is none.
const MOST_REFERENCES: usize = 4096;

pub(crate) type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<Fetched, SecretError>> + Send + 'a>>;

/// Where secrets come from; tests have one of their own.
pub(crate) trait Fetch: Send + Sync {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a>;
    /// Of what lies in a file: as long as it is the same, so is the secret.
    fn stamp(&self, reference: &Reference) -> Option<FileStamp>;
}

/// What a place gave.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub secret: Secret,
    pub version: String,
    /// Where the place says it.
    pub since: Option<SystemTime>,
}

impl Fetched {
    /// From a place that knows neither versions nor times.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            version: String::new(),
            since: None,
        }
    }
}

/// Looks references up. Clones share what they found.
#[derive(Clone)]
pub struct Secrets {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub source: Box<dyn Fetch>,
    pub timing: Timing,
    entries: Mutex<HashMap<Reference, Arc<Entry>>>,
}

impl Secrets {
    /// Asks nobody yet.
    pub fn new(settings: &Settings) -> Result<Self, SecretError> {
        if let Some((key, fault)) = settings.faults().into_iter().next() {
            return Err(SecretError::new(
                Category::BadReference,
                format!("secrets.{key}"),
                fault,
                "see the configuration",
            ));
        }
        let backends = Backends::new(settings)?;
        Ok(Self::over(Box::new(backends), settings.timing.clone()))
    }

    pub(crate) fn over(source: Box<dyn Fetch>, timing: Timing) -> Self {
        Self {
            shared: Arc::new(Shared {
                source,
                timing,
                entries: Mutex::default(),
            }),
        }
    }

    /// From the cache, or from its place. Many who ask at once are one question.
    /// While the place fails, an old value is given up to a bound.
    pub async fn get(&self, reference: &Reference) -> Result<Value, SecretError> {
        self.entry(reference)?.get(&self.shared).await
    }

    /// From its place now: whoever was handed the secret did not accept it, so
    /// that it may have been rotated. Within a few seconds of the last such
    /// question the cached value is given. Never an old one for a failure.
    pub async fn again(&self, reference: &Reference) -> Result<Value, SecretError> {
        self.entry(reference)?.again(&self.shared).await
    }

    /// Follows a secret: told only when it changes. Its place is looked at every
    /// while as long as somebody holds the receiver; when it fails, the last
    /// value stays.
    pub async fn watch(
        &self,
        reference: &Reference,
    ) -> Result<watch::Receiver<Value>, SecretError> {
        let entry = self.entry(reference)?;
        let value = entry.get(&self.shared).await?;
        let receiver = entry.subscribe(value);
        if entry.begin_polling() {
            tokio::spawn(poll(Arc::downgrade(&self.shared), entry));
        }
        Ok(receiver)
    }

    fn entry(&self, reference: &Reference) -> Result<Arc<Entry>, SecretError> {
        let entries = self.shared.entries.lock();
        let mut entries = entries.unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(reference) {
            return Ok(Arc::clone(entry));
        }
        if entries.len() >= MOST_REFERENCES {
            return Err(SecretError::new(
                Category::BadReference,
                reference,
                format!("more than {MOST_REFERENCES} references are in use"),
                "use fewer",
            ));
        }
        let entry = Arc::new(Entry::new(reference.clone()));
        entries.insert(reference.clone(), Arc::clone(&entry));
        Ok(entry)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("timing", &self.shared.timing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
