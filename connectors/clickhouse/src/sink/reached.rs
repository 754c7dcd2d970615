//! How far the sinks are, by what their group committed. A table alone does not tell: its newest
//! rows may be refused, past their time, or lost.

use std::collections::BTreeMap;

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings};
use tapeline_schemas::topics::Topic;

use super::ROLE;

/// Everything below these offsets was brought into the table or refused, by partition.
pub(crate) fn reached(
    kafka: &KafkaSettings,
    topic: Topic,
    partitions: impl IntoIterator<Item = u32>,
) -> Result<BTreeMap<u32, u64>, KafkaError> {
    let names = kafka.names();
    let reader = BatchReader::new(kafka, &names.group(ROLE))?;
    let name = names.topic(topic).to_owned();
    let asked: Vec<(String, i32)> = partitions
        .into_iter()
        .map(|partition| (name.clone(), partition as i32))
        .collect();
    let committed = reader.committed(&asked)?;
    let unsigned = committed.into_iter().filter_map(|position| {
        let partition = u32::try_from(position.partition).ok()?;
        Some((partition, u64::try_from(position.offset).ok()?))
    });
    Ok(unsigned.collect())
}
