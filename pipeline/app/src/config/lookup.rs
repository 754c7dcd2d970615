//! Looking secrets up that are not on this machine, from code that may not wait
//! asynchronously.

use std::sync::{Arc, Mutex, PoisonError};

use tapeline_secrets::{Category, Reference, SecretError, Secrets, Value};
use tokio::runtime::Runtime;

use super::Places;
use super::fault::Fault;

/// With a thread of its own, which renews what has to be renewed.
pub(crate) struct Lookup {
    secrets: Secrets,
    /// Only taken when it is dropped.
    runtime: Option<Runtime>,
}

/// One for the whole process, so that many settings need one login.
static LAST: Mutex<Option<(Places, Arc<Lookup>)>> = Mutex::new(None);

impl Lookup {
    pub fn of(places: &Places) -> Result<Arc<Self>, Vec<Fault>> {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, lookup)) = &*last
            && known == places
        {
            return Ok(Arc::clone(lookup));
        }
        let failed = |message: String| vec![Fault::new("secrets", message)];
        let secrets =
            Secrets::new(&places.settings()?).map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("secrets")
            .enable_all()
            .build()
            .map_err(|error| failed(format!("no thread for looking them up: {error}")))?;
        let lookup = Arc::new(Self {
            secrets,
            runtime: Some(runtime),
        });
        *last = Some((places.clone(), Arc::clone(&lookup)));
        Ok(lookup)
    }

    /// Waits for the answer, also on a thread of another runtime.
    pub fn get(&self, reference: &Reference) -> Result<Value, SecretError> {
        let gone = || SecretError {
            category: Category::Unreachable,
            place: reference.to_string(),
            what: "the thread that looks secrets up ended".to_owned(),
            remedy: "see what it said before".to_owned(),
        };
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        std::thread::scope(|scope| {
            let ask = || runtime.block_on(self.secrets.get(reference));
            scope.spawn(ask).join().unwrap_or_else(|_| Err(gone()))
        })
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // A runtime that is dropped inside another one panics.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
