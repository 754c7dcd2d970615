//! All that happened in a life, as somebody would see it who sees everything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tapeline_auth::{LoginCategory, Step};
use tapeline_model::records::AuthEventKind;

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
    /// What a session was to be renewed with.
    pub(super) renewal: Option<String>,
    /// The credentials again, once a challenge was met: the end of a login, not another.
    pub(super) is_behind: bool,
    /// What was wrong with it; none, if nothing.
    pub(super) truth: Option<LoginCategory>,
    pub(super) made: Made,
    /// Whether the answer came to who asked, while it still ran.
    pub(super) is_answered: bool,
}

/// What a venue made of a request, also where its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Nothing,
    /// It counts among what locks an account.
    Counted,
    /// A session was given.
    Opened,
    /// Refused for the secret of the program, whatever else was right.
    WrongClient,
}

impl Exchange {
    pub(super) fn is_opened(&self) -> bool {
        self.made == Made::Opened
    }
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
    /// A person wants it tried again.
    Wanted {
        machine: usize,
    },
    /// A person brought something, or nothing, and what was wrong with that.
    Brought {
        machine: usize,
        at: i64,
        truth: Option<LoginCategory>,
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

    /// Whether a machine takes itself for logged in.
    pub(super) fn is_in(&self, machine: usize) -> bool {
        let entries = self.open();
        let said = entries.iter().rev().find_map(|entry| match entry {
            Entry::Told {
                machine: of, step, ..
            } if *of == machine => is_in(step),
            Entry::Began { machine: of } if *of == machine => Some(false),
            _ => None,
        });
        said.unwrap_or(false)
    }

    fn open(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None where a step does not say.
fn is_in(step: &Step) -> Option<bool> {
    match step.kind {
        AuthEventKind::LoginSucceeded | AuthEventKind::Healthy => Some(true),
        AuthEventKind::SessionLost | AuthEventKind::Expired | AuthEventKind::LoginFailed => {
            Some(false)
        }
        _ if step.stopped => Some(false),
        _ => None,
    }
}
