use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::faults::Faults;
use crate::serve;
use crate::settings::Settings;

/// A venue with its book. Clones are one.
#[derive(Clone)]
pub struct Local<B> {
    /// Empty, where it is not on a socket.
    pub address: String,
    pub(crate) settings: Settings,
    book: Arc<Mutex<B>>,
}

impl<B: Clone> Local<B> {
    /// Not on a socket.
    pub(crate) fn with(settings: Settings, book: B) -> Self {
        Self {
            address: String::new(),
            settings,
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// On a free port, without encryption.
    pub(crate) async fn listen(mut self, router: fn(&Self) -> Router) -> io::Result<Self> {
        self.address = serve::plain(router(&self)).await?;
        Ok(self)
    }

    pub fn book(&self) -> B {
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
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
