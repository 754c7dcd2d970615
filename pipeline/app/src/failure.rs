use std::fmt;

use tapeline_clickhouse::StoreError;
use tapeline_kafka::{Fault, KafkaError};
use tapeline_local::StackError;
use tapeline_runtime::RuntimeError;
use tapeline_secrets::ReferenceError;

use crate::config::{self, ConfigError};

/// Why a command did not end well, as its exit code says it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: the thing checked is not so.
    NotSo(String),
    /// 2: wrong usage or configuration.
    Usage(String),
    /// 3: an outside system failed.
    Outside(String),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::NotSo(_) => 1,
            Self::Usage(_) => 2,
            Self::Outside(_) => 3,
        }
    }

    pub fn outside(error: impl fmt::Display) -> Self {
        Self::Outside(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotSo(text) | Self::Usage(text) | Self::Outside(text)) = self;
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

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        match error.fault() {
            Fault::User => Self::Usage(error.to_string()),
            Fault::External | Fault::Internal => Self::Outside(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Outside(error.to_string())
    }
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::PortInUse { .. } | StackError::DataInUse { .. } => {
                Self::Usage(error.to_string())
            }
            _ => Self::Outside(error.to_string()),
        }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::outside(error)
    }
}
