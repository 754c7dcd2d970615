use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::faults::Faults;
use crate::serve;
use crate::settings::Settings;

/// A venue with its state. Clones are one.
#[derive(Clone)]
pub struct Simulator<B> {
    /// Empty, where it is not on a socket.
    pub address: String,
    pub(crate) settings: Settings,
    state: Arc<Mutex<B>>,
}

impl<B: Clone> Simulator<B> {
    /// Not on a socket.
    pub(crate) fn with(settings: Settings, state: B) -> Self {
        Self {
            address: String::new(),
            settings,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// On a free port, without encryption.
    pub(crate) async fn listen(mut self, router: fn(&Self) -> Router) -> io::Result<Self> {
        self.address = serve::plain(router(&self)).await?;
        Ok(self)
    }

    pub fn state(&self) -> B {
        self.open().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut B)) {
        change(&mut self.open());
    }

    pub fn faults(&self) -> &Faults {
        &self.settings.faults
    }

    /// A test that failed elsewhere does not matter here.
    pub(crate) fn open(&self) -> MutexGuard<'_, B> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
