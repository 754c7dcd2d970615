//! What goes in and what comes out.

use std::time::Duration;

use tapeline_model::Micros;
use tapeline_model::records::{AuthEventKind, LoginCategory};

use crate::challenge::Method;
use crate::refusal::Refusal;
use crate::saved_state::{SavedState, Validity};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Somebody wants a session: the program at its start, or a person after a stop.
    Begin,
    /// What an earlier process kept; comes before `Begin`, once.
    CodeSearch(SavedState),
    /// The venue gave a session, or went on with one.
    Opened(Validity),
    /// The venue asks for a second factor.
    Challenged {
        method: Method,
        /// How often it still takes an answer, if it says so.
        left: Option<u32>,
    },
    /// A code is there, and is sent.
    CodeSeen,
    /// A person said yes elsewhere, and the login goes on.
    Approved,
    /// No code came in the time that was given.
    NoCode,
    Refused(Refusal),
    /// The venue answered a probe.
    Healthy,
    /// The venue does not take the session any more.
    Lost,
    /// A person ends the session.
    Revoked,
    /// It is `Login::due`.
    Tick,
}

/// What is to be done, in this order. At most one of `Open`, `Prove`, `Renew` and `Probe` is
/// under way at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Before anything that the venue may count.
    Keep(SavedState),
    /// Send the credentials.
    Open,
    /// Get a code that came after `asked`, by `until`, and send it.
    Prove {
        method: Method,
        asked: Micros,
        until: Micros,
    },
    Renew,
    Probe,
    /// Look the credentials up again: they may have been rotated.
    LookUpAgain,
    /// The session is of no use any more.
    Forget,
    /// Forget it, and end it at the venue.
    End,
    Tell(Step),
}

/// What `auth.events` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub kind: AuthEventKind,
    pub method: Option<&'static str>,
    /// Counts the requests for a session, with all their attempts.
    pub login: u32,
    pub attempt: u32,
    /// How long the venue took to answer what led to this; known to who asked.
    pub latency: Option<Duration>,
    pub category: Option<LoginCategory>,
    pub expires: Option<Micros>,
    /// Nothing more is tried until a person acts.
    pub stopped: bool,
    /// A sentence without a secret.
    pub detail: String,
}
