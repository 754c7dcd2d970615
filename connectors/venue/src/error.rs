use std::fmt;
use std::time::Duration;

use tapeline_model::Fault;

use crate::feed::FeedError;

/// Whether starting the connector again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    After(Duration),
}

/// Why a connector ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("venue {venue}: {message} ({fault}, {retry})")]
pub struct VenueError {
    pub venue: String,
    pub fault: Fault,
    pub retry: Retry,
    /// What went wrong and what to do about it. Never holds a secret.
    pub message: String,
}

impl VenueError {
    /// Nothing changes until a person changes it.
    pub fn user(venue: &str, message: impl Into<String>) -> Self {
        Self::new(venue, Fault::User, Retry::Never, message)
    }

    pub fn external(venue: &str, retry: Retry, message: impl Into<String>) -> Self {
        Self::new(venue, Fault::External, retry, message)
    }

    pub fn internal(venue: &str, message: impl Into<String>) -> Self {
        Self::new(venue, Fault::Internal, Retry::Never, message)
    }

    /// The connector could not hand a record over.
    pub fn feed(venue: &str, error: FeedError) -> Self {
        Self::internal(venue, error.to_string())
    }

    pub fn fault(&self) -> Fault {
        self.fault
    }

    fn new(venue: &str, fault: Fault, retry: Retry, message: impl Into<String>) -> Self {
        Self {
            venue: venue.to_owned(),
            fault,
            retry,
            message: message.into(),
        }
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("not tried again"),
            Self::After(wait) => write!(f, "tried again after {wait:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_comes_next() {
        let wait = Retry::After(Duration::from_secs(5));
        let error = VenueError::external("alpha", wait, "the session was closed; log in again");
        assert_eq!(
            error.to_string(),
            "venue alpha: the session was closed; log in again \
             (the venue or the network, tried again after 5s)"
        );
        let error = VenueError::feed("alpha", FeedError::Closed);
        assert_eq!((error.fault, error.retry), (Fault::Internal, Retry::Never));
    }
}
