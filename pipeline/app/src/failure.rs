use std::fmt;

use tapeline_clickhouse::{ArchiveError, AuditError, RebuildError, SinkError, StoreError};
use tapeline_kafka::KafkaError;
use tapeline_model::Fault;
use tapeline_runtime::RuntimeError;
use tapeline_secrets::ReferenceError;
use tapeline_venue::VenueError;

use crate::config::{self, ConfigError};

/// Why a command did not end well, as its exit code says it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: the thing checked is not so.
    CheckFailed(String),
    /// 2: wrong usage or configuration.
    Usage(String),
    /// 3: an outside system failed.
    External(String),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::CheckFailed(_) => 1,
            Self::Usage(_) => 2,
            Self::External(_) => 3,
        }
    }

    pub fn external(error: impl fmt::Display) -> Self {
        Self::External(error.to_string())
    }

    /// Who has to act decides: the person who runs it, or somebody else.
    pub fn from_fault(fault: Fault, error: impl fmt::Display) -> Self {
        match fault {
            Fault::User => Self::Usage(error.to_string()),
            Fault::External | Fault::Internal => Self::External(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::CheckFailed(text) | Self::Usage(text) | Self::External(text)) = self;
        f.write_str(text)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Vec<config::Fault>> for Failure {
    fn from(faults: Vec<config::Fault>) -> Self {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Self::Usage(lines.join("\n"))
    }
}

impl From<config::OpenError> for Failure {
    fn from(error: config::OpenError) -> Self {
        match error {
            config::OpenError::Settings(faults) => faults.into(),
            config::OpenError::Client(error) => Self::external(error),
        }
    }
}

impl From<ReferenceError> for Failure {
    fn from(error: ReferenceError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<config::Fault> for Failure {
    fn from(fault: config::Fault) -> Self {
        Self::Usage(fault.to_string())
    }
}

/// Errors that say whose fault they are.
macro_rules! keep_fault {
    ($($error:ty)*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::from_fault(error.fault(), error)
            }
        }
    )*};
}

keep_fault! {
    ArchiveError
    AuditError
    KafkaError
    RebuildError
    RuntimeError
    SinkError
    StoreError
    VenueError
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tapeline_venue::Retry;

    use super::*;

    /// Whose fault an error is decides the exit code, wherever it came from.
    #[test]
    fn the_exit_code_says_who_has_to_act() {
        let again = Retry::After(Duration::from_secs(1));
        let code = |error: VenueError| Failure::from(error).code();
        assert_eq!(code(VenueError::user("alpha", "the key was revoked")), 2);
        assert_eq!(code(VenueError::external("alpha", again, "closed")), 3);
        assert_eq!(code(VenueError::internal("alpha", "a bug")), 3);
        let login = StoreError::Login {
            user: "writer".to_owned(),
            code: 516,
        };
        assert_eq!(Failure::from(login.clone()).code(), 2);
        assert_eq!(Failure::from(SinkError::Store(login)).code(), 2);
    }

    /// A part that runs was configured well enough to begin: topics that are gone are not its
    /// user's fault, settings that the cluster refuses are.
    #[test]
    fn what_topics_lack_is_the_fault_of_the_cluster_for_a_running_part() {
        let gone = || KafkaError::TopicMissing {
            topic: "market.quotes".to_owned(),
        };
        let denied = || KafkaError::Denied {
            action: "reading market.quotes".to_owned(),
            reason: "no right".to_owned(),
        };
        let processor = |source| {
            let processor = "risk";
            Failure::from(RuntimeError::Kafka { processor, source }).code()
        };
        let sink = |error| Failure::from(SinkError::Kafka(error)).code();
        assert_eq!((processor(gone()), sink(gone())), (3, 3));
        assert_eq!((processor(denied()), sink(denied())), (2, 2));
    }
}
