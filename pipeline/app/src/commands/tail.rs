//! Records as they come, read as any other consumer would: committed ones only.

use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, Message, Names, Position};
use tapeline_model::{Event, Micros};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use crate::failure::Failure;

/// A cluster that is busy making topics may not answer at first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Where reading begins.
#[derive(Clone, Copy)]
pub(crate) enum Begin {
    Oldest,
    Newest,
    /// By the times that the brokers keep.
    Since(Micros),
}

/// Records of some topics, whatever they hold.
pub(crate) struct RecordTail {
    reader: BatchReader,
    names: Names,
    /// What was there at the beginning and is not read yet, by its end.
    unread: Vec<Position>,
}

impl RecordTail {
    /// With a key, only of the partition that has it.
    pub fn open(
        kafka: &KafkaSettings,
        topics: &[Topic],
        begin: Begin,
        key: Option<&str>,
    ) -> Result<Self, Failure> {
        let names = kafka.names();
        let mut reader = BatchReader::new(kafka, &names.group("tail"))?;
        let (mut positions, mut unread) = (Vec::new(), Vec::new());
        for topic in topics {
            let name = names.topic(*topic);
            let count = kafka.partitions(topic.spec().group);
            let partitions = match key {
                Some(key) => vec![partition_of(key.as_bytes(), count)],
                None => (0..count).collect(),
            };
            for partition in partitions {
                let partition = partition as i32;
                let (low, end) = range(&reader, name, partition)?;
                let offset = match begin {
                    Begin::Oldest => low,
                    Begin::Newest => end,
                    Begin::Since(time) => {
                        let found = reader.since(&[(name.to_owned(), partition)], time.millis())?;
                        found.first().map_or(end, |position| position.offset)
                    }
                };
                positions.push(Position::new(name, partition, offset));
                if offset < end {
                    unread.push(Position::new(name, partition, end));
                }
            }
        }
        reader.assign(&positions)?;
        Ok(Self {
            reader,
            names,
            unread,
        })
    }

    /// All that was there at the beginning is read.
    pub fn is_at_the_end(&self) -> bool {
        self.unread.is_empty()
    }

    /// Hands over what came within this time.
    pub fn next(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(Topic, &Message<'_>),
    ) -> Result<(), Failure> {
        let batch = self.reader.fetch(256, wait)?;
        for message in batch.messages() {
            if let Some(topic) = self.names.resolve(message.topic.name) {
                each(topic, &message);
            }
        }
        for (topic, partition, next) in batch.eofs() {
            self.unread.retain(|end| {
                let is_here = end.topic == topic && end.partition == partition;
                !is_here || next < end.offset
            });
        }
        Ok(())
    }
}

/// The same, decoded; what cannot be read is left out.
pub(crate) struct EventTail(RecordTail);

impl EventTail {
    pub fn open(kafka: &KafkaSettings, topics: &[Topic], begin: Begin) -> Result<Self, Failure> {
        RecordTail::open(kafka, topics, begin, None).map(Self)
    }

    /// Hands over what came within this time.
    pub fn next(&mut self, wait: Duration, mut each: impl FnMut(Event<'_>)) -> Result<(), Failure> {
        self.0.next(wait, |topic, message| {
            match Event::decode(topic, message.value) {
                Ok(event) => each(event),
                Err(refusal) => {
                    let (partition, offset) = (message.partition, message.offset);
                    let reason = refusal.message;
                    tracing::warn!(%topic, partition, offset, "a record cannot be read: {reason}");
                }
            }
        })
    }
}

fn range(reader: &BatchReader, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
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
