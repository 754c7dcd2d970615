//! Records as they come, read as any other consumer would: committed ones only.

use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, Names, Position};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use crate::failure::Failure;

/// A cluster that is busy making topics may not answer at first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct EventTail {
    reader: BatchReader,
    names: Names,
}

impl EventTail {
    pub fn open(
        kafka: &KafkaSettings,
        topics: &[Topic],
        from_the_oldest: bool,
    ) -> Result<Self, Failure> {
        let names = kafka.names();
        let mut reader = BatchReader::new(kafka, &names.group("tail"))?;
        let mut positions = Vec::new();
        for topic in topics {
            let name = names.topic(*topic);
            for partition in 0..kafka.partitions(topic.spec().group) as i32 {
                let (low, end) = range(&mut reader, name, partition)?;
                let offset = if from_the_oldest { low } else { end };
                positions.push(Position::new(name, partition, offset));
            }
        }
        reader.assign(&positions)?;
        Ok(Self { reader, names })
    }

    /// Hands over what came within this time.
    pub fn next(&mut self, wait: Duration, mut each: impl FnMut(Event<'_>)) -> Result<(), Failure> {
        let batch = self.reader.fetch(256, wait)?;
        for message in batch.messages() {
            let Some(topic) = self.names.resolve(message.topic.name) else {
                continue;
            };
            match Event::decode(topic, message.value) {
                Ok(event) => each(event),
                Err(refusal) => {
                    let (partition, offset) = (message.partition, message.offset);
                    let reason = refusal.message;
                    tracing::warn!(%topic, partition, offset, "a record cannot be read: {reason}");
                }
            }
        }
        Ok(())
    }
}

fn range(reader: &mut BatchReader, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    let until = Instant::now() + ANSWERED_WITHIN;
    loop {
        match reader.range(topic, partition) {
            Err(error @ KafkaError::Timeout { .. }) if Instant::now() < until => {
                tracing::debug!(topic, partition, %error, "asking again");
            }
            answered => return answered,
        }
    }
}
