//! How far the sinks are, by what their group committed. A table alone does not tell: its newest
//! rows may be refused, past their time, or lost.

use std::collections::BTreeMap;

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, Names};
use tapeline_schemas::topics::Topic;

use super::ROLE;
use super::range::{Note, Range};

/// Where the group is in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    /// Everything below was brought into the table or refused.
    pub(crate) done: u64,
    /// The range that was announced from there on: its rows may be in the table, be on their
    /// way, or not have been sent yet.
    pub(crate) begun: Option<Range>,
}

impl GroupOffset {
    /// A note that no sink wrote announces nothing, as for the sink itself.
    fn read(offset: i64, note: &str) -> Option<Self> {
        let done = u64::try_from(offset).ok()?;
        let begun = match Note::read(done, note) {
            Note::Begun { end } => Some(Range { start: done, end }),
            Note::Nothing | Note::Foreign => None,
        };
        Some(Self { done, begun })
    }
}

pub(crate) struct GroupOffsets {
    reader: BatchReader,
    names: Names,
}

impl GroupOffsets {
    pub(crate) fn new(kafka: &KafkaSettings) -> Result<Self, KafkaError> {
        let names = kafka.names();
        let reader = BatchReader::new(kafka, &names.group(ROLE))?;
        Ok(Self { reader, names })
    }

    /// Where the group is, by partition; nothing for one in which it never committed.
    pub(crate) fn of(
        &self,
        topic: Topic,
        partitions: impl IntoIterator<Item = u32>,
    ) -> Result<BTreeMap<u32, GroupOffset>, KafkaError> {
        let name = self.names.topic(topic);
        let asked: Vec<(String, i32)> = partitions
            .into_iter()
            .map(|partition| (name.to_owned(), partition as i32))
            .collect();
        let committed = self.reader.committed(&asked)?;
        let group_offsets = committed.into_iter().filter_map(|(position, note)| {
            let partition = u32::try_from(position.partition).ok()?;
            Some((partition, GroupOffset::read(position.offset, &note)?))
        });
        Ok(group_offsets.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_range_is_announced_and_not_done() {
        let begun = Some(Range { start: 5, end: 9 });
        assert_eq!(
            GroupOffset::read(5, "end=9"),
            Some(GroupOffset { done: 5, begun })
        );
        for nothing in ["", "end=4", "of somebody"] {
            let begun = None;
            assert_eq!(
                GroupOffset::read(5, nothing),
                Some(GroupOffset { done: 5, begun })
            );
        }
        assert_eq!(GroupOffset::read(-1001, "end=9"), None);
    }
}
