use std::fmt;
use std::sync::Arc;

use crate::{Clock, Faults, Kept};

/// By what a venue sends a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Sms,
    Email,
}

/// Given each code that a venue sends, in place of a telephone or a mailbox.
pub type OnCode = Arc<dyn Fn(By, &str) + Send + Sync>;

/// Given what a venue has to know again, before it is acted upon.
pub type OnSession = Arc<dyn Fn(Kept) + Send + Sync>;

/// What all venues have here.
#[derive(Clone)]
pub struct Settings {
    pub clock: Clock,
    pub faults: Faults,
    /// How long a code by time counts: a second where a test should not wait, 30 elsewhere.
    pub code_seconds: u64,
    pub on_code: OnCode,
    pub on_session: OnSession,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            faults: Faults::default(),
            code_seconds: 1,
            on_code: Arc::new(|_, _| {}),
            on_session: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("clock", &self.clock)
            .field("faults", &self.faults)
            .field("code_seconds", &self.code_seconds)
            .finish_non_exhaustive()
    }
}
