use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::backends::{Backends, Settings};
use crate::entry::{Entry, poll};
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Source};
use crate::reference::Reference;
use crate::secret::Value;
use crate::timing::Timing;

/// A configuration that names more is none.
const MOST_REFERENCES: usize = 4096;

/// Looks references up. Clones share what they found.
#[derive(Clone)]
pub struct Secrets {
    shared: Arc<Shared>,
}

struct Shared {
    source: Arc<Source>,
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

    pub(crate) fn over(backends: Box<dyn Fetch>, timing: Timing) -> Self {
        Self {
            shared: Arc::new(Shared {
                source: Arc::new(Source { backends, timing }),
                entries: Mutex::default(),
            }),
        }
    }

    /// From the cache, or from its place. Many who ask at once are one question.
    /// While the place fails, an old value is given up to a bound.
    pub async fn get(&self, reference: &Reference) -> Result<Value, SecretError> {
        self.entry(reference)?.get(&self.shared.source).await
    }

    /// From its place now: whoever was handed the secret did not accept it, so
    /// that it may have been rotated. Within a few seconds of the last such
    /// question the cached value is given. Never an old one for a failure.
    pub async fn again(&self, reference: &Reference) -> Result<Value, SecretError> {
        self.entry(reference)?.again(&self.shared.source).await
    }

    /// Follows a secret: told only when it changes. Its place is looked at every
    /// while as long as somebody holds the receiver; when it fails, the last
    /// value stays.
    pub async fn watch(
        &self,
        reference: &Reference,
    ) -> Result<watch::Receiver<Value>, SecretError> {
        let entry = self.entry(reference)?;
        let value = entry.get(&self.shared.source).await?;
        let receiver = entry.subscribe(value);
        if entry.begin_polling() {
            tokio::spawn(poll(Arc::downgrade(&self.shared.source), entry));
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
            .field("timing", &self.shared.source.timing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
