//! What can go wrong, whose fault it is, and what to do about it.

use std::time::Duration;

use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode as Code};
use tapeline_model::Fault;
use thiserror::Error;

use crate::settings::KafkaSettings;

#[derive(Clone, Debug, Error)]
pub enum KafkaError {
    #[error(
        "no Kafka broker answered at {bootstrap} within {waited:.1?}{}; \
         start the broker, or check [kafka] bootstrap",
        detail(.reason)
    )]
    Unreachable {
        bootstrap: String,
        waited: Duration,
        reason: String,
    },
    #[error("Kafka refuses the setting {property}: {reason}; correct it under [kafka.properties]")]
    Setting { property: String, reason: String },
    #[error("the Kafka client could not be created: {reason}; check [kafka]")]
    Client { reason: String },
    #[error("topic {topic} does not exist; create it with `tapeline topics apply`")]
    TopicMissing { topic: String },
    #[error("topic {topic} has no partition {partition}; compare it with `tapeline topics plan`")]
    PartitionMissing { topic: String, partition: i32 },
    #[error(
        "topic {topic} has {found} partitions and must have {wanted}: adding partitions would move \
         keys; set {key} to {found}, or make the topic anew under another [kafka] topic_prefix"
    )]
    PartitionCount {
        topic: String,
        found: u32,
        wanted: u32,
        key: &'static str,
    },
    #[error(
        "offset {offset} of {topic}[{partition}] does not exist{}; restore the topic, or accept the gap",
        gap(*.offset, *.held)
    )]
    OffsetGone {
        topic: String,
        partition: i32,
        offset: i64,
        held: Option<(i64, i64)>,
    },
    #[error("the cluster denies {action}: {reason}; grant the right to this client's user")]
    Denied { action: String, reason: String },
    #[error("reading {topic}[{partition}] at offset {offset} failed: {reason}")]
    Read {
        topic: String,
        partition: i32,
        offset: i64,
        reason: String,
        retryable: bool,
    },
    #[error(
        "{what} took longer than {waited:.1?}; the cluster is slow or partly down: try again, or raise [kafka] request_timeout"
    )]
    Timeout { what: String, waited: Duration },
    #[error(
        "the queue towards {topic} stayed full for {waited:.1?}: the cluster does not keep up; publish more slowly and check the brokers"
    )]
    QueueFull { topic: String, waited: Duration },
    #[error(
        "a record of {bytes} bytes is too large for {topic}; split it, or raise message.max.bytes and the topic's max.message.bytes"
    )]
    TooLarge { topic: String, bytes: usize },
    #[error(
        "{failed} records were not taken by the cluster, the first for {topic}: {reason}; publish again from the last record that the topic holds"
    )]
    Delivery {
        topic: String,
        failed: u64,
        reason: String,
        retryable: bool,
    },
    #[error("committing offsets of group {group} failed: {reason}{}", lost_hint(*.lost))]
    Commit {
        group: String,
        reason: String,
        lost: bool,
    },
    #[error("{what} failed: {reason}")]
    Admin {
        what: String,
        reason: String,
        retryable: bool,
    },
    #[error("the Kafka client stopped for good: {reason}; make a new one")]
    Dead { reason: String },
}

fn detail(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    }
}

fn gap(offset: i64, held: Option<(i64, i64)>) -> String {
    match held {
        Some((low, high)) if offset < low => format!(
            " any more: the topic holds {low} to {high}, and {} offsets were removed before they were read",
            low - offset
        ),
        Some((low, high)) => format!(
            ": the topic holds {low} to {high}, so its end was lost, or it was made anew, after this offset was read"
        ),
        None => String::new(),
    }
}

fn lost_hint(lost: bool) -> &'static str {
    if lost {
        "; another member owns the partitions now, so drop what was read"
    } else {
        ""
    }
}

impl KafkaError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Setting { .. }
            | Self::Client { .. }
            | Self::TopicMissing { .. }
            | Self::PartitionMissing { .. }
            | Self::PartitionCount { .. }
            | Self::OffsetGone { .. }
            | Self::Denied { .. } => Fault::User,
            Self::TooLarge { .. } => Fault::Internal,
            Self::Unreachable { .. }
            | Self::Read { .. }
            | Self::Timeout { .. }
            | Self::QueueFull { .. }
            | Self::Delivery { .. }
            | Self::Commit { .. }
            | Self::Admin { .. }
            | Self::Dead { .. } => Fault::External,
        }
    }

    /// The same for what runs on, once its topics were there: what these lack by then is no
    /// setting of its own.
    pub fn fault_while_running(&self) -> Fault {
        match self {
            Self::TopicMissing { .. }
            | Self::PartitionMissing { .. }
            | Self::PartitionCount { .. }
            | Self::OffsetGone { .. } => Fault::External,
            error => error.fault(),
        }
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::QueueFull { .. } => true,
            Self::Read { retryable, .. }
            | Self::Delivery { retryable, .. }
            | Self::Admin { retryable, .. } => *retryable,
            Self::Commit { lost, .. } => !lost,
            _ => false,
        }
    }

    /// An error while a client is made: nearly always a property.
    pub(crate) fn creation(error: &Native) -> Self {
        match error {
            // The value stays out of the text: it may be a secret.
            Native::ClientConfig(_, _, property, _) => Self::Setting {
                property: property.clone(),
                reason: "unknown property or wrong value".to_owned(),
            },
            other => Self::Client {
                reason: other.to_string(),
            },
        }
    }

    /// An error of a metadata, watermark or admin request.
    pub(crate) fn request(
        settings: &KafkaSettings,
        what: &str,
        error: &Native,
        reason: &str,
    ) -> Self {
        let Some(code) = error.rdkafka_error_code() else {
            return Self::Admin {
                what: what.to_owned(),
                reason: error.to_string(),
                retryable: false,
            };
        };
        match code {
            Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve => {
                Self::unreachable(settings, reason)
            }
            // A connection error in the meantime is why nothing came.
            Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue
                if !reason.is_empty() =>
            {
                Self::unreachable(settings, reason)
            }
            Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
                Self::Timeout {
                    what: what.to_owned(),
                    waited: settings.request_timeout,
                }
            }
            code => Self::coded(what, code),
        }
    }

    pub(crate) fn coded(what: &str, code: Code) -> Self {
        if is_denied(code) {
            return Self::Denied {
                action: what.to_owned(),
                reason: code.to_string(),
            };
        }
        Self::Admin {
            what: what.to_owned(),
            reason: code.to_string(),
            retryable: is_transient(code),
        }
    }

    pub(crate) fn unreachable(settings: &KafkaSettings, reason: &str) -> Self {
        Self::Unreachable {
            bootstrap: settings.bootstrap.clone(),
            waited: settings.request_timeout,
            reason: reason.to_owned(),
        }
    }
}

pub(crate) fn is_denied(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

/// A partition that was just made or moved, or whose broker just came back, has no leader for a
/// moment, or brokers and client do not agree yet who that is.
pub(crate) fn is_leaderless(code: Code) -> bool {
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::ReplicaNotAvailable
    )
}

/// Errors that pass by themselves.
pub(crate) fn is_transient(code: Code) -> bool {
    if is_leaderless(code) {
        return true;
    }
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::NetworkException
            | Code::OffsetNotAvailable
            | Code::DestroyBroker
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotController
            | Code::BrokerNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_and_what_to_do() {
        let settings = KafkaSettings::default();
        let error = KafkaError::unreachable(&settings, "connection refused");
        let text = error.to_string();
        for part in [
            "127.0.0.1:9092",
            "10.0s",
            "connection refused",
            "[kafka] bootstrap",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(error.retryable());
        assert_eq!(error.fault(), Fault::External);
    }

    #[test]
    fn a_refused_property_is_named_without_its_value() {
        let config = settings_config("no.such.property", "hunter2");
        let error = config
            .create::<rdkafka::producer::BaseProducer>()
            .err()
            .unwrap();
        let text = KafkaError::creation(&error).to_string();
        assert!(
            text.contains("no.such.property") && !text.contains("hunter2"),
            "{text}"
        );
    }

    fn settings_config(property: &str, value: &str) -> rdkafka::ClientConfig {
        let settings = KafkaSettings {
            properties: [(property.to_owned(), value.to_owned())].into(),
            ..KafkaSettings::default()
        };
        settings.client("test", &[], &[])
    }
}
