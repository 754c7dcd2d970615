use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::faults::Faults;

/// CodeChannel what a venue sends a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeChannel {
    Sms,
    Email,
}

/// Given each code that a venue sends, in place of a telephone or a mailbox.
pub type OnCode = Arc<dyn Fn(CodeChannel, &str) + Send + Sync>;

/// What a venue has to know again when its process ended, or its sessions end with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SavedSession {
    /// So many sessions were opened, renewed or ended.
    pub issued: u32,
    /// When the newest ends, in microseconds.
    pub expires: i64,
}

/// Given what a venue has to know again, before it is acted upon.
pub type OnSession = Arc<dyn Fn(SavedSession) + Send + Sync>;

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
