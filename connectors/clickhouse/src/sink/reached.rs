//! How far the sinks are, by what their group committed. A table alone does not tell: its newest
//! rows may be refused, past their time, or lost.

use std::collections::BTreeMap;

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, Names};
use tapeline_schemas::topics::Topic;

use super::ROLE;

pub(crate) struct Reached {
    reader: BatchReader,
    names: Names,
}

impl Reached {
    pub(crate) fn new(kafka: &KafkaSettings) -> Result<Self, KafkaError> {
        let names = kafka.names();
        let reader = BatchReader::new(kafka, &names.group(ROLE))?;
        Ok(Self { reader, names })
    }

    /// Everything below these offsets was brought into the table or refused, by partition.
    pub(crate) fn of(
        &self,
        topic: Topic,
        partitions: impl IntoIterator<Item = u32>,
    ) -> Result<BTreeMap<u32, u64>, KafkaError> {
        let name = self.names.topic(topic);
        let asked: Vec<(String, i32)> = partitions
            .into_iter()
            .map(|partition| (name.to_owned(), partition as i32))
            .collect();
        let committed = self.reader.committed(&asked)?;
        let unsigned = committed.into_iter().filter_map(|position| {
            let partition = u32::try_from(position.partition).ok()?;
            Some((partition, u64::try_from(position.offset).ok()?))
        });
        Ok(unsigned.collect())
    }
}
