//! Publishing from connectors: every record once and in order, or an error.

use std::time::Duration;

use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{KafkaError, is_denied, is_transient};
use crate::sender::{Outgoing, Refusal, Sender, TUNED};
use crate::settings::KafkaSettings;

/// An idempotent producer. May be shared between threads.
///
/// Deliveries are asynchronous: a failure surfaces at the next
/// [`publish`](Self::publish), [`poll`](Self::poll) or [`flush`](Self::flush),
/// whichever comes first, and each failed record is counted.
pub struct Publisher {
    sender: Sender,
    settings: KafkaSettings,
}

impl Publisher {
    /// `name` tells publishers of one process apart in metrics.
    pub fn new(settings: &KafkaSettings, name: &str) -> Result<Self, KafkaError> {
        let tuned = [
            TUNED,
            &[("linger.ms", "5"), ("message.timeout.ms", "120000")],
        ]
        .concat();
        let fixed = [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("partitioner", "murmur2_random"),
        ];
        let config = settings.client(name, &tuned, &fixed);
        Ok(Self {
            sender: Sender::new(&config, name)?,
            settings: settings.clone(),
        })
    }

    /// Queues a record. Waits while the queue is full, at most the request
    /// timeout. On an error this record was *not* queued.
    pub fn publish(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: &[(&str, &[u8])],
        timestamp_ms: Option<i64>,
    ) -> Result<(), KafkaError> {
        let outgoing = Outgoing {
            topic,
            partition: None,
            key: Some(key),
            value: Some(value),
            headers,
            timestamp_ms,
        };
        self.queue(&outgoing)
    }

    /// Produces the bytes of a record that once was refused, to its own topic.
    pub fn replay(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> Result<(), KafkaError> {
        self.queue(&Outgoing {
            topic,
            partition: None,
            key,
            value,
            headers,
            timestamp_ms: None,
        })
    }

    fn queue(&self, outgoing: &Outgoing<'_>) -> Result<(), KafkaError> {
        self.poll()?;
        let topic = outgoing.topic.to_owned();
        let waited = self.settings.request_timeout;
        match self.sender.enqueue(outgoing, waited) {
            Ok(()) => Ok(()),
            Err(Refusal::Full) => Err(KafkaError::QueueFull { topic, waited }),
            Err(Refusal::Failed(error)) => Err(match error.rdkafka_error_code() {
                Some(Code::MessageSizeTooLarge) => KafkaError::TooLarge {
                    topic,
                    bytes: outgoing.value.map_or(0, <[u8]>::len),
                },
                Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                    KafkaError::TopicMissing { topic }
                }
                Some(Code::Fatal) => self.dead(),
                _ => KafkaError::request(
                    &self.settings,
                    &format!("publishing to {topic}"),
                    &error,
                    "",
                ),
            }),
        }
    }

    /// Serves deliveries; a connector without records calls it now and then.
    pub fn poll(&self) -> Result<(), KafkaError> {
        self.sender.serve();
        if self.sender.context().has_undelivered() {
            self.failed()
        } else {
            Ok(())
        }
    }

    /// Waits until everything queued was delivered.
    pub fn flush(&self, within: Duration) -> Result<(), KafkaError> {
        let drained = self.sender.drain(within);
        self.failed()?;
        match drained {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = self.sender.context().last_error();
                if reason.is_empty() {
                    return Err(KafkaError::Timeout {
                        what: "delivering records".to_owned(),
                        waited: within,
                    });
                }
                let bootstrap = self.settings.bootstrap.clone();
                Err(KafkaError::Unreachable {
                    bootstrap,
                    waited: within,
                    reason,
                })
            }
            Err(error) => Err(KafkaError::request(
                &self.settings,
                "delivering records",
                &error,
                "",
            )),
        }
    }

    /// Records queued and not yet delivered.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.sender.producer().in_flight_count()).unwrap_or(0)
    }

    fn failed(&self) -> Result<(), KafkaError> {
        let undelivered = self.sender.context().take_undelivered();
        let Some((topic, code)) = undelivered.first else {
            return Ok(());
        };
        if self.sender.producer().client().fatal_error().is_some() {
            return Err(self.dead());
        }
        if is_denied(code) {
            return Err(KafkaError::Denied {
                action: format!("writing to {topic}"),
                reason: code.to_string(),
            });
        }
        if matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition) {
            return Err(KafkaError::TopicMissing { topic });
        }
        let retryable = is_transient(code);
        Err(KafkaError::Delivery {
            topic,
            failed: undelivered.count,
            reason: code.to_string(),
            retryable,
        })
    }

    fn dead(&self) -> KafkaError {
        let fatal = self.sender.producer().client().fatal_error();
        KafkaError::Dead {
            reason: fatal.map_or_else(String::new, |(_, reason)| reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::tail::tail;
    use crate::testing::{Cluster, nobody_listens};

    #[test]
    fn what_is_flushed_is_there_and_waits_for_nothing_else() {
        let cluster = Cluster::with_topic("t", 4);
        let publisher = Publisher::new(&cluster.settings, "p").unwrap();
        publisher.publish("t", b"AAPL", b"1", &[], None).unwrap();
        publisher.publish("t", b"AAPL", b"2", &[], None).unwrap();
        assert!(publisher.waiting() > 0);
        publisher.flush(Duration::from_secs(20)).unwrap();
        assert_eq!(publisher.waiting(), 0);
        let partition = tapeline_schemas::partition_of(b"AAPL", 4);
        let found = tail(&cluster.settings, "t", partition as i32, 10).unwrap();
        let values: Vec<Vec<u8>> = found
            .into_iter()
            .filter_map(|message| message.value)
            .collect();
        assert_eq!(values, [b"1", b"2"]);
    }

    #[test]
    fn a_failed_delivery_surfaces_once_and_the_next_record_is_taken() {
        let cluster = Cluster::with_topic("t", 1);
        let publisher = Publisher::new(&cluster.settings, "p").unwrap();
        publisher.publish("t", b"k", b"warm", &[], None).unwrap();
        publisher.flush(Duration::from_secs(20)).unwrap();
        let refused =
            [rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
        cluster
            .mock
            .request_errors(rdkafka::types::RDKafkaApiKey::Produce, &refused);
        publisher.publish("t", b"k", b"refused", &[], None).unwrap();
        let error = publisher.flush(Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains('t'), "{error}");
        assert!(!error.retryable(), "{error:?}");
        assert!(publisher.poll().is_ok());
    }

    #[test]
    fn a_cluster_that_is_not_there_fails_the_flush_within_its_bound() {
        let settings = nobody_listens();
        let publisher = Publisher::new(&settings, "p").unwrap();
        publisher.publish("t", b"k", b"v", &[], None).unwrap();
        let started = Instant::now();
        let error = publisher.flush(Duration::from_secs(1)).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&settings.bootstrap));
        // What librdkafka has to say waits there, too.
        assert!(publisher.waiting() >= 1);
    }

    #[test]
    fn a_full_queue_is_back_pressure_with_an_end() {
        let mut settings = nobody_listens();
        settings
            .properties
            .insert("queue.buffering.max.messages".to_owned(), "10".to_owned());
        let publisher = Publisher::new(&settings, "p").unwrap();
        let started = Instant::now();
        let outcome = (0..11).try_for_each(|_| publisher.publish("t", b"k", b"v", &[], None));
        assert!(
            matches!(outcome, Err(KafkaError::QueueFull { .. })),
            "{outcome:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
