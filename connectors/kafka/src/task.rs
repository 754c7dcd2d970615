//! The transactional producer of one task.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use rdkafka::error::KafkaError as Native;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;

use crate::error::{KafkaError, is_denied};
use crate::metric_names as names;
use crate::sender::{Outgoing, Refusal, Sender, TUNED};
use crate::settings::KafkaSettings;

/// Why a transaction did not happen, as what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TxError {
    /// Another owner of the task exists: stop quietly.
    #[error("another producer took over this task")]
    Fenced,
    /// Nothing was written: abort, and do the same records again. After a record
    /// that the broker refused, the next transaction may have to be aborted, too.
    #[error("the transaction must be aborted: {0}")]
    Abort(String),
    /// The outcome is unknown or the producer unusable: drop it and take the
    /// task anew from the log. Its epoch fences whatever is still on its way.
    #[error("the transactional producer is lost: {0}")]
    Lost(String),
    /// The cluster will never take this: stop, and tell a person.
    #[error("{0}")]
    Refused(String),
}

/// How long the parts of a commit took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitTimes {
    /// Until the brokers had every record.
    pub deliver: Duration,
    /// From there until they had ended the transaction.
    pub end: Duration,
}

/// Writes one transaction after the other. Every call blocks, for a bounded
/// time; lives on its task's thread.
pub struct TaskProducer {
    sender: Sender,
    id: String,
    settings: KafkaSettings,
    /// A full queue at least waits this long before the transaction is given up.
    max_wait: Duration,
}

impl TaskProducer {
    pub fn new(settings: &KafkaSettings, transactional_id: &str) -> Result<Self, KafkaError> {
        let tuned = [
            TUNED,
            &[
                ("linger.ms", "0"),
                // Each wait for a marker of the former transaction is one back-off.
                ("retry.backoff.ms", "5"),
                ("retry.backoff.max.ms", "250"),
            ],
        ]
        .concat();
        let timeout = settings.transaction_timeout.as_millis().to_string();
        let request = settings.request_timeout_ms();
        let fixed = [
            ("transactional.id", transactional_id),
            ("transaction.timeout.ms", timeout.as_str()),
            // A record that waits longer than its transaction lives is no use.
            ("message.timeout.ms", timeout.as_str()),
            ("socket.timeout.ms", request.as_str()),
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
        ];
        let config = settings.client("task", &tuned, &fixed);
        Ok(Self {
            sender: Sender::new(&config, transactional_id)?,
            id: transactional_id.to_owned(),
            settings: settings.clone(),
            max_wait: settings.request_timeout,
        })
    }

    pub fn transactional_id(&self) -> &str {
        &self.id
    }

    /// Fences every other producer of this task and ends what they left open.
    /// Only after this may the task's progress be read.
    pub fn fence(&self) -> Result<(), TxError> {
        let outcome = self
            .sender
            .producer()
            .init_transactions(self.settings.request_timeout);
        outcome.map_err(|error| self.lost("taking over the task", &error))
    }

    pub fn begin(&self) -> Result<(), TxError> {
        self.sender.context().take_undelivered();
        let outcome = self.sender.producer().begin_transaction();
        outcome.map_err(|error| self.lost("beginning a transaction", &error))
    }

    /// Adds a record. Waits while the queue is full, at most the request timeout.
    /// Without a partition the key decides, as murmur2 does everywhere; without a
    /// time it carries the one of now.
    pub fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: &[u8],
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
        timestamp_ms: Option<i64>,
    ) -> Result<(), TxError> {
        let outgoing = Outgoing {
            topic,
            partition,
            key: Some(key),
            value,
            headers,
            timestamp_ms,
        };
        match self.sender.enqueue(&outgoing, self.max_wait) {
            Ok(()) => Ok(()),
            Err(Refusal::Full) => {
                let topic = topic.to_owned();
                Err(self.ended(TxError::Abort(
                    KafkaError::QueueFull {
                        topic,
                        waited: self.max_wait,
                    }
                    .to_string(),
                )))
            }
            Err(Refusal::Failed(error)) => Err(self.not_queued(&outgoing, &error)),
        }
    }

    /// Serves deliveries and statistics; worth a call when nothing else happens.
    pub fn poll(&self) {
        self.sender.serve();
    }

    /// Waits until the brokers have every record since [`begin`](Self::begin);
    /// whether they are ever seen is still open.
    pub fn deliver(&self) -> Result<(), TxError> {
        let max_wait = self
            .settings
            .transaction_timeout
            .min(self.settings.request_timeout);
        match self.sender.drain(max_wait) {
            Ok(true) => self.delivered(),
            Ok(false) => {
                Err(self.ended(TxError::Lost(self.unanswered("delivering a transaction"))))
            }
            Err(error) => Err(self.classify("delivering a transaction", &error)),
        }
    }

    /// Makes everything since [`begin`](Self::begin) visible at once.
    pub fn commit(&self) -> Result<CommitTimes, TxError> {
        let started = Instant::now();
        // Everything must be delivered before the commit: inside it, rdkafka
        // would wait in steps of 100 ms.
        self.deliver()?;
        let delivered = started.elapsed();
        let left = self
            .settings
            .request_timeout
            .saturating_sub(started.elapsed())
            .max(Duration::from_millis(100));
        let outcome = self.sender.producer().commit_transaction(left);
        outcome.map_err(|error| self.classify("committing a transaction", &error))?;
        counter!(names::TRANSACTIONS, "client" => self.id.clone(), "outcome" => "committed")
            .increment(1);
        histogram!(names::COMMIT_SECONDS, "client" => self.id.clone())
            .record(started.elapsed().as_secs_f64());
        Ok(CommitTimes {
            deliver: delivered,
            end: started.elapsed().saturating_sub(delivered),
        })
    }

    /// Makes everything since [`begin`](Self::begin) as if it never happened.
    pub fn abort(&self) -> Result<(), TxError> {
        let outcome = self
            .sender
            .while_serving(|producer| producer.abort_transaction(self.settings.request_timeout));
        self.sender.context().take_undelivered();
        outcome.map_err(|error| self.lost("aborting a transaction", &error))?;
        counter!(names::TRANSACTIONS, "client" => self.id.clone(), "outcome" => "aborted")
            .increment(1);
        Ok(())
    }

    fn delivered(&self) -> Result<(), TxError> {
        let undelivered = self.sender.context().take_undelivered();
        let Some((topic, code)) = undelivered.first else {
            return Ok(());
        };
        if is_fenced(code) || self.fatal_code().is_some_and(is_fenced) {
            return Err(self.ended(TxError::Fenced));
        }
        if matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition) {
            return Err(self.ended(TxError::Refused(
                KafkaError::TopicMissing { topic }.to_string(),
            )));
        }
        let reason = format!(
            "{} records were not taken, the first for {topic}: {code}",
            undelivered.count
        );
        if is_denied(code) || code == Code::MessageSizeTooLarge {
            return Err(self.ended(TxError::Refused(reason)));
        }
        match self.sender.producer().client().fatal_error() {
            Some((_, fatal)) => Err(self.ended(TxError::Lost(format!("{reason} ({fatal})")))),
            None => Err(self.ended(TxError::Abort(reason))),
        }
    }

    fn not_queued(&self, outgoing: &Outgoing<'_>, error: &Native) -> TxError {
        let topic = outgoing.topic.to_owned();
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge) => {
                let bytes = outgoing.value.map_or(0, <[u8]>::len);
                self.ended(TxError::Refused(
                    KafkaError::TooLarge { topic, bytes }.to_string(),
                ))
            }
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => self.ended(
                TxError::Refused(KafkaError::TopicMissing { topic }.to_string()),
            ),
            Some(Code::UnknownPartition) => {
                let partition = outgoing.partition.unwrap_or(-1);
                self.ended(TxError::Refused(
                    KafkaError::PartitionMissing { topic, partition }.to_string(),
                ))
            }
            _ => self.classify(&format!("adding a record for {topic}"), error),
        }
    }

    /// What an error inside a transaction means.
    fn classify(&self, what: &str, error: &Native) -> TxError {
        match error {
            Native::Transaction(native)
                if native.txn_requires_abort() && self.fatal_code().is_none() =>
            {
                self.ended(TxError::Abort(format!("{what}: {}", native.string())))
            }
            _ => self.lost(what, error),
        }
    }

    /// What an error outside a transaction means; there is nothing to abort.
    fn lost(&self, what: &str, error: &Native) -> TxError {
        self.sender.serve();
        let code = match error {
            Native::Transaction(native) => Some(native.code()),
            other => other.rdkafka_error_code(),
        };
        let text = match error {
            Native::Transaction(native) => format!("{what}: {}", native.string()),
            other => format!("{what}: {other}"),
        };
        let lost = match self.fatal_code().or(code) {
            Some(code) if is_fenced(code) => TxError::Fenced,
            Some(Code::InvalidTransactionTimeout) => TxError::Refused(format!(
                "the broker refuses a transaction timeout of {:.0?}; lower [kafka] transaction_timeout, \
                 or raise the broker's transaction.max.timeout.ms",
                self.settings.transaction_timeout
            )),
            Some(Code::UnsupportedFeature | Code::UnsupportedVersion) => TxError::Refused(format!(
                "the broker has no transactions ({text}); Tapeline needs Apache Kafka 2.5 or newer"
            )),
            Some(code) if is_denied(code) => TxError::Refused(
                KafkaError::Denied {
                    action: format!("transactions as {}", self.id),
                    reason: text,
                }
                .to_string(),
            ),
            Some(Code::OperationTimedOut) => TxError::Lost(self.unanswered(what)),
            _ => TxError::Lost(text),
        };
        self.ended(lost)
    }

    fn unanswered(&self, what: &str) -> String {
        let reason = self.sender.context().last_error();
        if reason.is_empty() {
            let what = what.to_owned();
            return KafkaError::Timeout {
                what,
                waited: self.settings.request_timeout,
            }
            .to_string();
        }
        format!(
            "{what}: {}",
            KafkaError::unreachable(&self.settings, &reason)
        )
    }

    fn fatal_code(&self) -> Option<Code> {
        self.sender
            .producer()
            .client()
            .fatal_error()
            .map(|(code, _)| code)
    }

    fn ended(&self, error: TxError) -> TxError {
        let outcome = match &error {
            TxError::Fenced => "fenced",
            TxError::Refused(_) => "refused",
            TxError::Lost(_) => "lost",
            // Counted by the abort that follows.
            TxError::Abort(_) => return error,
        };
        counter!(names::TRANSACTIONS, "client" => self.id.clone(), "outcome" => outcome)
            .increment(1);
        error
    }
}

fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::FencedInstanceId
    )
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
