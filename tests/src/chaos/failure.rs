//! Why a run did not come to its report.

use std::fmt;

/// What ends the program early, as its exit code says it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 2
    Usage(String),
    /// 3: something outside of what is tested failed.
    Outside(String),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Outside(_) => 3,
        }
    }

    /// For `map_err`: says what was being done.
    pub(crate) fn while_doing<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self::Outside(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text) | Self::Outside(text)) = self;
        f.write_str(text)
    }
}
