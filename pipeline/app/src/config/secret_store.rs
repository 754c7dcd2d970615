//! The secrets of this process: opened once, by whoever needs one first, and handed on from there.

use std::sync::{Arc, Mutex, PoisonError};

use tapeline_secrets::{Category, Reference, SecretError, Secrets, Value};
use tokio::runtime::Runtime;

use super::Places;
use super::fault::Fault;

/// Belongs to `[secrets]`; clones of a configuration share it.
#[derive(Clone, Default)]
pub(crate) struct SecretStore(Arc<Mutex<Opened>>);

#[derive(Default)]
struct Opened {
    secrets: Option<Secrets>,
    runtime: Option<Arc<LookupRuntime>>,
}

/// Why no secret can be looked up.
#[derive(Debug)]
pub(crate) enum OpenError {
    Settings(Vec<Fault>),
    Client(SecretError),
}

impl Places {
    /// For who may wait asynchronously.
    pub fn open(&self) -> Result<Secrets, OpenError> {
        self.store.secrets(self)
    }

    /// For who may not.
    pub fn lookup(&self) -> Result<Lookup, Vec<Fault>> {
        let secrets = self.open().map_err(OpenError::into_faults)?;
        let runtime = self.store.runtime().map_err(|error| {
            let message = format!("no thread for looking them up: {error}");
            vec![Fault::new("secrets", message)]
        })?;
        Ok(Lookup { secrets, runtime })
    }
}

impl SecretStore {
    fn secrets(&self, places: &Places) -> Result<Secrets, OpenError> {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secrets) = &opened.secrets {
            return Ok(secrets.clone());
        }
        let settings = places.settings().map_err(OpenError::Settings)?;
        let secrets = Secrets::new(&settings).map_err(OpenError::Client)?;
        Ok(opened.secrets.insert(secrets).clone())
    }

    fn runtime(&self) -> std::io::Result<Arc<LookupRuntime>> {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &opened.runtime {
            return Ok(Arc::clone(runtime));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("secrets")
            .enable_all()
            .build()?;
        let runtime = Arc::new(LookupRuntime(Some(runtime)));
        Ok(Arc::clone(opened.runtime.insert(runtime)))
    }
}

impl std::fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretStore")
    }
}

/// What was looked up is no part of what was configured.
impl PartialEq for SecretStore {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl OpenError {
    pub fn into_faults(self) -> Vec<Fault> {
        match self {
            Self::Settings(faults) => faults,
            Self::Client(error) => vec![Fault::new("secrets", error.to_string())],
        }
    }
}

/// Looks secrets up from code that may not wait asynchronously.
pub(crate) struct Lookup {
    secrets: Secrets,
    runtime: Arc<LookupRuntime>,
}

impl Lookup {
    /// Waits for the answer, also on a thread of another runtime.
    pub fn get(&self, reference: &Reference) -> Result<Value, SecretError> {
        let gone = || SecretError {
            category: Category::Unreachable,
            place: reference.to_string(),
            what: "the thread that looks secrets up ended".to_owned(),
            remedy: "see what it said before".to_owned(),
        };
        let runtime = self.runtime.0.as_ref().ok_or_else(gone)?;
        std::thread::scope(|scope| {
            let ask = || runtime.block_on(self.secrets.get(reference));
            scope.spawn(ask).join().unwrap_or_else(|_| Err(gone()))
        })
    }
}

/// With a thread of its own, which renews what has to be renewed.
struct LookupRuntime(
    /// Only taken when it is dropped.
    Option<Runtime>,
);

impl Drop for LookupRuntime {
    fn drop(&mut self) {
        // A runtime that is dropped inside another one panics.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
