//! Reading as a member of a group: for sinks.

use std::time::{Duration, Instant};

use crate::batch::{Batch, Message};
use crate::error::KafkaError;
use crate::member::Membership;
use crate::position::{Partition, Position};
use crate::reader::BatchReader;
use crate::settings::KafkaSettings;

/// A change of the group is noticed this soon, even while waiting for records.
const SLICE: Duration = Duration::from_millis(50);

/// Where a partition stood when it was gained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub topic: String,
    pub partition: i32,
    /// The next record to read; None if this group never committed, and then
    /// reading begins at the partition's first record.
    pub offset: Option<i64>,
    /// The note committed with it.
    pub metadata: String,
}

/// Records, or a change of what is ours; never both.
pub struct GroupBatch {
    pub gained: Vec<Committed>,
    /// Nothing of these follows. They are given away at the next fetch: commit
    /// what is done before it, and drop what is buffered.
    pub lost: Vec<Partition>,
    /// The lost partitions belong to somebody else already: drop their work.
    pub assignment_lost: bool,
    batch: Batch,
}

impl GroupBatch {
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.batch.messages()
    }

    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.batch.is_empty()
    }
}

/// A member of a group that reads what it owns, in batches. Lives on a thread of
/// its own and is fetched from every few seconds, also while it is paused.
pub struct GroupReader {
    member: Membership,
    reader: BatchReader,
}

impl GroupReader {
    pub fn join(
        settings: &KafkaSettings,
        group: &str,
        topics: &[String],
    ) -> Result<Self, KafkaError> {
        Ok(Self {
            member: Membership::join(settings, group, topics)?,
            reader: BatchReader::without_ends(settings, group)?,
        })
    }

    /// Waits up to `wait` for records or a change of what is ours.
    pub fn fetch(&mut self, max: usize, wait: Duration) -> Result<GroupBatch, KafkaError> {
        let started = Instant::now();
        loop {
            if let Some(change) = self.change()? {
                return Ok(change);
            }
            let left = wait.saturating_sub(started.elapsed());
            let batch = self.reader.fetch(max, SLICE.min(left))?;
            if !batch.is_empty() || left.is_zero() {
                return Ok(GroupBatch {
                    gained: Vec::new(),
                    lost: Vec::new(),
                    assignment_lost: false,
                    batch,
                });
            }
        }
    }

    fn change(&mut self) -> Result<Option<GroupBatch>, KafkaError> {
        let change = self.member.poll(Duration::ZERO)?;
        if change.is_empty() {
            return Ok(None);
        }
        if !change.lost.is_empty() {
            self.reader.remove(&change.lost)?;
        }
        let gained = if change.gained.is_empty() {
            Vec::new()
        } else {
            self.begin(&change.gained)?
        };
        let batch = self.reader.empty();
        Ok(Some(GroupBatch {
            gained,
            lost: change.lost,
            assignment_lost: change.assignment_lost,
            batch,
        }))
    }

    /// Reads gained partitions from where the group left them.
    fn begin(&mut self, gained: &[Partition]) -> Result<Vec<Committed>, KafkaError> {
        let found = self.member.committed(gained)?;
        let committed = gained.iter().map(|(topic, partition)| {
            let known = found
                .iter()
                .find(|(at, _)| at.topic == *topic && at.partition == *partition);
            Committed {
                topic: topic.clone(),
                partition: *partition,
                offset: known.map(|(at, _)| at.offset),
                metadata: known.map_or_else(String::new, |(_, note)| note.clone()),
            }
        });
        let committed: Vec<Committed> = committed.collect();
        let starts = committed.iter().map(|at| {
            Position::new(
                &at.topic,
                at.partition,
                at.offset.unwrap_or(Position::BEGINNING),
            )
        });
        self.reader.add(&starts.collect::<Vec<_>>())?;
        Ok(committed)
    }

    /// Offsets and notes last committed by the group, where there are any.
    pub fn committed(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Position, String)>, KafkaError> {
        self.member.committed(partitions)
    }

    /// Commits offsets, each with a note, and waits for the answer. Refused if
    /// another member owns the partitions.
    pub fn commit(&self, offsets: &[(Position, String)]) -> Result<(), KafkaError> {
        self.member.commit(offsets)
    }

    /// The next offset of each partition that is read.
    pub fn positions(&self) -> Result<Vec<Position>, KafkaError> {
        self.reader.positions()
    }

    /// Reads a partition from another offset on.
    pub fn seek(&mut self, position: &Position) -> Result<(), KafkaError> {
        self.reader
            .remove(&[(position.topic.clone(), position.partition)])?;
        self.reader.add(std::slice::from_ref(position))
    }

    /// Stops fetching without giving the partitions away: back-pressure.
    pub fn pause(&self, partitions: &[Partition]) -> Result<(), KafkaError> {
        self.reader.pause(partitions)
    }

    pub fn resume(&self, partitions: &[Partition]) -> Result<(), KafkaError> {
        self.reader.resume(partitions)
    }

    /// The first offset a partition holds and the end of its committed records.
    pub fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        self.reader.range(topic, partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Cluster, until};

    const WAIT: Duration = Duration::from_millis(200);

    fn join(cluster: &Cluster) -> GroupReader {
        GroupReader::join(&cluster.settings, "sink", &["t".to_owned()]).unwrap()
    }

    fn gained(reader: &mut GroupReader) -> Vec<Committed> {
        until(|| {
            let batch = reader.fetch(100, WAIT).unwrap();
            (!batch.gained.is_empty()).then(|| batch.gained.clone())
        })
    }

    fn read(reader: &mut GroupReader, count: usize) -> Vec<(i32, i64)> {
        let mut seen = Vec::new();
        until(|| {
            let batch = reader.fetch(100, WAIT).unwrap();
            seen.extend(
                batch
                    .messages()
                    .map(|message| (message.partition, message.offset)),
            );
            (seen.len() >= count).then_some(())
        });
        seen
    }

    #[test]
    fn a_new_group_reads_from_the_start_and_its_successor_from_where_it_committed() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 5);
        let mut first = join(&cluster);
        let start = gained(&mut first);
        assert_eq!((start[0].offset, start[0].metadata.as_str()), (None, ""));
        assert_eq!(
            read(&mut first, 5),
            [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]
        );
        first
            .commit(&[(Position::new("t", 0, 3), "end=5".to_owned())])
            .unwrap();
        drop(first);

        let mut second = join(&cluster);
        let resumed = gained(&mut second);
        let expected = Committed {
            topic: "t".to_owned(),
            partition: 0,
            offset: Some(3),
            metadata: "end=5".to_owned(),
        };
        assert_eq!(resumed, [expected]);
        assert_eq!(read(&mut second, 2), [(0, 3), (0, 4)]);
        assert_eq!(second.range("t", 0).unwrap(), (0, 5));
    }

    #[test]
    fn a_paused_partition_waits_and_a_sought_one_is_read_again() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 2);
        let mut reader = join(&cluster);
        gained(&mut reader);
        assert_eq!(read(&mut reader, 2).len(), 2);
        let partition = [("t".to_owned(), 0)];
        reader.pause(&partition).unwrap();
        cluster.fill("t", 1);
        assert_eq!(reader.fetch(10, WAIT).unwrap().messages().count(), 0);
        assert_eq!(reader.positions().unwrap(), [Position::new("t", 0, 2)]);
        reader.resume(&partition).unwrap();
        assert_eq!(read(&mut reader, 1), [(0, 2)]);
        reader.seek(&Position::new("t", 0, 1)).unwrap();
        assert_eq!(read(&mut reader, 2), [(0, 1), (0, 2)]);
    }

    #[test]
    fn a_partition_that_was_paused_is_read_when_it_comes_back() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 2);
        let mut reader = join(&cluster);
        gained(&mut reader);
        assert_eq!(read(&mut reader, 2).len(), 2);
        let partition = [("t".to_owned(), 0)];
        reader.pause(&partition).unwrap();
        reader.reader.remove(&partition).unwrap();
        reader.reader.add(&[Position::new("t", 0, 1)]).unwrap();
        assert_eq!(read(&mut reader, 1), [(0, 1)]);
    }

    #[test]
    fn a_second_member_takes_over_what_the_first_was_told_to_finish() {
        let cluster = Cluster::with_topic("t", 2);
        let mut first = join(&cluster);
        let mut owned = gained(&mut first).len();
        let mut second = join(&cluster);
        let mut taken = 0;
        until(|| {
            let change = first.fetch(10, WAIT).unwrap();
            owned = owned + change.gained.len() - change.lost.len();
            // What is announced as lost can still be committed.
            for (topic, partition) in change.lost {
                first
                    .commit(&[(Position::new(topic, partition, 1), "handed over".to_owned())])
                    .unwrap();
            }
            let change = second.fetch(10, WAIT).unwrap();
            for at in &change.gained {
                assert_eq!((at.offset, at.metadata.as_str()), (Some(1), "handed over"));
            }
            taken += change.gained.len();
            (owned == 1 && taken == 1).then_some(())
        });
    }
}
