//! Publishes dead letters to Kafka.

use std::time::Duration;

use tapeline_kafka::{KafkaError, KafkaSettings, Publisher};
use tapeline_schemas::topics::Topic;

use super::batch::Refused;
use super::range::LaneId;
use super::{ROLE, SinkError, dead_letters};
use crate::clock;

pub(crate) struct DeadLetterPublisher {
    publisher: Publisher,
    topic: String,
    flush_within: Duration,
}

impl DeadLetterPublisher {
    pub(crate) fn new(kafka: &KafkaSettings) -> Result<Self, KafkaError> {
        Ok(Self {
            publisher: Publisher::new(kafka, ROLE)?,
            topic: kafka.names().topic(Topic::DeadLetters).to_owned(),
            flush_within: kafka.request_timeout,
        })
    }

    /// Publishes letters and waits until Kafka has them. The inner error passes by itself:
    /// then all of them are to be sent again.
    pub(crate) fn send<'a>(
        &self,
        refused: impl IntoIterator<Item = (LaneId, &'a Refused)>,
    ) -> Result<Result<(), KafkaError>, SinkError> {
        match self.publish(refused) {
            Ok(()) => Ok(Ok(())),
            Err(SinkError::Kafka(error)) if error.retryable() => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    fn publish<'a>(
        &self,
        refused: impl IntoIterator<Item = (LaneId, &'a Refused)>,
    ) -> Result<(), SinkError> {
        let mut refused = refused.into_iter().peekable();
        if refused.peek().is_none() {
            return Ok(());
        }
        let now = clock::wall();
        let mut value = Vec::new();
        for (lane, refused) in refused {
            let letter = dead_letters::dead_letter(lane, refused, now);
            letter
                .encode(&mut value)
                .map_err(|error| SinkError::Letter {
                    reason: error.to_string(),
                })?;
            let key = letter.key().as_bytes();
            self.publisher
                .publish(&self.topic, key, &value, &[], None)?;
        }
        Ok(self.publisher.flush(self.flush_within)?)
    }
}
