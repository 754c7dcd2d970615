//! All that happened in a life, as somebody would see it who sees everything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tapeline_auth::{Category, Step};

/// What was asked of the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// With the credentials.
    Login,
    Renewal,
    /// An answer to a challenge.
    Proof,
    Other,
}

/// A request and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) machine: usize,
    pub(super) asked: Asked,
    pub(super) sent: i64,
    pub(super) ended: i64,
    pub(super) code: Option<String>,
    /// The credentials again, once a challenge was met: the end of a login, not another.
    pub(super) is_behind: bool,
    /// What was wrong with it; none, if nothing.
    pub(super) truth: Option<Category>,
    /// Whether the venue counts it among what locks an account, also where its answer was lost.
    pub(super) is_counted: bool,
    /// Whether a session was given.
    pub(super) is_opened: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Entry {
    Exchange(Exchange),
    Told {
        machine: usize,
        at: i64,
        step: Step,
    },
    /// A machine begins anew: what it was told before is forgotten.
    Began {
        machine: usize,
    },
}

#[derive(Clone, Default)]
pub(super) struct Logbook(Arc<Mutex<Vec<Entry>>>);

impl Logbook {
    pub(super) fn note(&self, entry: Entry) {
        self.open().push(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.open().clone()
    }

    fn open(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
