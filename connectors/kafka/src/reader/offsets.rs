//! Which offsets partitions hold.
//!
//! librdkafka's own query for both ends of a partition sends two requests and forgets the error
//! of one when the other succeeds: while a leader changes, it may call a full partition empty.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError as Native;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::BatchReader;
use crate::error::{KafkaError, is_leaderless};
use crate::position::{Partition, Position};

/// How often a partition without a leader is asked for again.
const LEADER_POLL: Duration = Duration::from_millis(20);

impl BatchReader {
    /// The first offset a partition holds and the end of what this reader sees.
    pub fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let asked = [(topic.to_owned(), partition)];
        let end_of = |at: Offset| {
            let found = self.offsets(&asked, at)?;
            found
                .first()
                .map(|position| position.offset)
                .ok_or_else(|| {
                    let nothing = Native::MetadataFetch(Code::BadMessage);
                    self.request_failed(topic, partition, &nothing)
                })
        };
        // In this order: what is read from the beginning on cannot have ended before it.
        Ok((end_of(Offset::Beginning)?, end_of(Offset::End)?))
    }

    /// The ranges of all partitions of a topic, in their order.
    pub fn ranges(&self, topic: &str) -> Result<Vec<(i32, i64, i64)>, KafkaError> {
        let range = |partition| {
            let (first, end) = self.range(topic, partition)?;
            Ok((partition, first, end))
        };
        (0..self.partition_count(topic)?).map(range).collect()
    }

    /// From where on these partitions can hold records of this time or later, as the brokers
    /// keep it; without those that hold none.
    pub fn since(
        &self,
        partitions: &[Partition],
        time_ms: i64,
    ) -> Result<Vec<Position>, KafkaError> {
        self.offsets(partitions, Offset::Offset(time_ms))
    }

    fn offsets(&self, partitions: &[Partition], at: Offset) -> Result<Vec<Position>, KafkaError> {
        let started = Instant::now();
        loop {
            let left = self
                .settings
                .request_timeout
                .saturating_sub(started.elapsed());
            let (topic, partition, error) = match self.ask(partitions, at, left) {
                Ok(found) => return Ok(found),
                Err(failed) => failed,
            };
            let code = error.rdkafka_error_code();
            // The client may not know yet that the cluster has the partition.
            let passes = code.is_some_and(is_leaderless)
                || code == Some(Code::UnknownPartition)
                    && partition < self.partition_count(topic)?;
            if left.is_zero() || !passes {
                return Err(self.request_failed(topic, partition, &error));
            }
            std::thread::sleep(LEADER_POLL.min(left));
        }
    }

    /// Asks once; an error is of one partition, or of the request and then of the first.
    fn ask<'p>(
        &self,
        partitions: &'p [Partition],
        at: Offset,
        within: Duration,
    ) -> Result<Vec<Position>, (&'p str, i32, Native)> {
        let Some((first, partition)) = partitions.first() else {
            return Ok(Vec::new());
        };
        let of_all = |error| (first.as_str(), *partition, error);
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            asked
                .add_partition_offset(topic, *partition, at)
                .map_err(of_all)?;
        }
        let found = self
            .consumer()
            .offsets_for_times(asked, within)
            .map_err(of_all)?;
        let mut positions = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            let Some(element) = found.find_partition(topic, *partition) else {
                continue;
            };
            element
                .error()
                .map_err(|error| (topic.as_str(), *partition, error))?;
            if let Offset::Offset(offset) = element.offset() {
                positions.push(Position::new(topic, *partition, offset));
            }
        }
        Ok(positions)
    }
}
