//! Partitions, positions in them, and the lists of them that librdkafka takes.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as Native;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::Context;

/// A partition of a topic.
pub type Partition = (String, i32);

/// The next record to read of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl Position {
    /// Reads from the first record that the partition holds.
    pub const BEGINNING: i64 = -2;

    pub fn new(topic: impl Into<String>, partition: i32, offset: i64) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
        }
    }
}

pub(crate) fn partition_list(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

pub(crate) fn partitions_of(partitions: &TopicPartitionList) -> Vec<Partition> {
    let elements = partitions.elements().into_iter();
    elements
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect()
}

/// Offsets and notes that the consumer's group last committed, where there are any.
pub(crate) fn committed(
    consumer: &BaseConsumer<Context>,
    partitions: &[Partition],
    within: Duration,
) -> Result<Vec<(Position, String)>, Native> {
    let found = consumer.committed_offsets(partition_list(partitions), within)?;
    let elements = found.elements();
    for element in &elements {
        element.error()?;
    }
    let known = elements
        .iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(offset) => {
                let position = Position::new(element.topic(), element.partition(), offset);
                Some((position, element.metadata().to_owned()))
            }
            _ => None,
        });
    Ok(known.collect())
}
