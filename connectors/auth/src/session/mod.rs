//! What a login gave, and how it outlives the process.

mod cache;
mod lease;
mod store;

use std::fmt;
use std::sync::Arc;

use tapeline_secrets::Secret;

use crate::saved_state::Validity;

pub use cache::{Cache, CacheError, Seal, Stored};
pub use lease::{LEASE, LeasedSessionStore, Log, sealed_in};
pub use store::{FileSessionStore, MemorySessionStore, SessionStore, StoreFuture, place_of};

/// What requests to the venue are made with.
#[derive(Clone)]
pub struct Session {
    pub token: Arc<Secret>,
    /// What it is renewed with.
    pub renewal: Option<Arc<Secret>>,
    pub until: Validity,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
