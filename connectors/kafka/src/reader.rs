//! Reading assigned partitions in batches, and partitions to their end.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::batch::{Batch, BatchQueue, PartitionEvent};
use crate::context::Context;
use crate::error::{KafkaError, is_denied, is_transient};
use crate::hanging::HangingTransaction;
use crate::position::{Partition, Position, committed, partition_list};
use crate::settings::KafkaSettings;

mod offsets;
mod spans;

pub use spans::Span;

/// What a reader makes of records of transactions that were not committed, and of
/// the end of a partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadMode {
    Committed,
    CommittedWithoutEnds,
    Uncommitted,
}

/// Reads partitions it is told to read, committed records only. An offset that
/// does not exist any more is an error, never a silent jump.
pub struct BatchReader {
    queue: Arc<BatchQueue>,
    settings: KafkaSettings,
    group: String,
    /// Every topic ever assigned; an index into it never changes its meaning.
    topics: Arc<[String]>,
    /// Found behind messages of the last batch; reported once those are read.
    pending: Option<KafkaError>,
}

impl BatchReader {
    /// `group` only names where [`store_progress`](Self::store_progress) commits;
    /// it must have no members.
    pub fn new(settings: &KafkaSettings, group: &str) -> Result<Self, KafkaError> {
        Self::create(settings, group, ReadMode::Committed)
    }

    /// A reader that is given what was aborted or is still open, too.
    pub fn read_uncommitted(settings: &KafkaSettings, group: &str) -> Result<Self, KafkaError> {
        Self::create(settings, group, ReadMode::Uncommitted)
    }

    /// A reader that can pause and tell its positions. It has no news of the end
    /// of a partition: librdkafka counts that news as a record when it is read in
    /// batches, and a resumed partition would skip one.
    pub(crate) fn without_ends(settings: &KafkaSettings, group: &str) -> Result<Self, KafkaError> {
        Self::create(settings, group, ReadMode::CommittedWithoutEnds)
    }

    fn create(settings: &KafkaSettings, group: &str, mode: ReadMode) -> Result<Self, KafkaError> {
        let isolation = match mode {
            ReadMode::Uncommitted => "read_uncommitted",
            ReadMode::Committed | ReadMode::CommittedWithoutEnds => "read_committed",
        };
        let ends = (mode != ReadMode::CommittedWithoutEnds).to_string();
        let tuned = [
            // One fetch in flight and a queue that is refilled while it is read:
            // enough for the full rate, and bounded.
            ("queued.min.messages", "20000"),
            ("queued.max.messages.kbytes", "16384"),
            // A waiting fetch is answered as soon as there is a record, so a longer
            // wait costs no latency; a shorter one costs the brokers CPU when idle.
            ("fetch.wait.max.ms", "100"),
            ("fetch.queue.backoff.ms", "2"),
            ("fetch.error.backoff.ms", "100"),
        ];
        let timeout = settings.request_timeout_ms();
        let fixed = [
            ("group.id", group),
            ("isolation.level", isolation),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", ends.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("socket.timeout.ms", timeout.as_str()),
        ];
        let config = settings.client("reader", &tuned, &fixed);
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context::new(group))
            .map_err(|error| KafkaError::creation(&error))?;
        let queue = BatchQueue::new(consumer).ok_or_else(|| KafkaError::Client {
            reason: "it has no queues".to_owned(),
        })?;
        Ok(Self {
            queue: Arc::new(queue),
            settings: settings.clone(),
            group: group.to_owned(),
            topics: Arc::new([]),
            pending: None,
        })
    }

    fn consumer(&self) -> &BaseConsumer<Context> {
        self.queue.consumer()
    }

    /// Reads exactly these partitions from now on, in place of all before.
    /// Refused if one of them does not exist.
    pub fn assign(&mut self, positions: &[Position]) -> Result<(), KafkaError> {
        self.check_exists(positions)?;
        self.remember_topics(positions.iter().map(|p| p.topic.as_str()));
        self.pending = None;
        let list = self.list(positions)?;
        self.consumer()
            .assign(&list)
            .map_err(|error| self.failed("assigning partitions", &error))
    }

    /// Reads these partitions besides the ones it reads already.
    pub(crate) fn add(&mut self, positions: &[Position]) -> Result<(), KafkaError> {
        self.remember_topics(positions.iter().map(|p| p.topic.as_str()));
        let list = self.list(positions)?;
        self.consumer()
            .incremental_assign(&list)
            // One that was paused when it went would come back paused.
            .and_then(|()| self.consumer().resume(&list))
            .map_err(|error| self.failed("adding partitions", &error))
    }

    /// Stops reading these partitions; what was fetched of them is dropped.
    pub(crate) fn remove(&mut self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        let list = partition_list(partitions);
        self.consumer()
            .incremental_unassign(&list)
            .map_err(|error| self.failed("removing partitions", &error))
    }

    /// Stops fetching these partitions until [`resume`](Self::resume).
    pub(crate) fn pause(&self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        self.consumer()
            .pause(&partition_list(partitions))
            .map_err(|error| self.failed("pausing partitions", &error))
    }

    pub(crate) fn resume(&self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        self.consumer()
            .resume(&partition_list(partitions))
            .map_err(|error| self.failed("resuming partitions", &error))
    }

    /// Waits up to `wait` for the first record, then takes what is there, at
    /// most `max`. A batch without messages is no error: nothing came, or a
    /// partition's end was reached.
    pub fn fetch(&mut self, max: usize, wait: Duration) -> Result<Batch, KafkaError> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        self.queue.serve_events();
        let batch = self.queue.read(&self.topics, max, wait);
        let failed = batch
            .partition_events()
            .find(|event| event.code != Code::PartitionEOF);
        let Some(error) = failed.map(|event| self.explain(&event)) else {
            return Ok(batch);
        };
        if batch.messages().next().is_none() {
            return Err(error);
        }
        self.pending = Some(error);
        Ok(batch)
    }

    /// A batch of nothing.
    pub(crate) fn empty(&self) -> Batch {
        self.queue.empty(&self.topics)
    }

    /// Commits offsets without waiting and without telling about a failure: for
    /// dashboards. What was read is known from elsewhere.
    pub fn store_progress(&self, positions: &[Position]) {
        let stored = self.list(positions).and_then(|list| {
            self.consumer()
                .commit(&list, CommitMode::Async)
                .map_err(|error| self.failed("committing offsets", &error))
        });
        if let Err(error) = stored {
            tracing::debug!(group = self.group, %error, "progress was not stored");
        }
    }

    /// Whether what it reads still exists. Reading tells nothing about a topic that
    /// was deleted: librdkafka waits for it to come back.
    pub fn check_assigned(&self) -> Result<(), KafkaError> {
        let assigned = self.consumer().assignment();
        let list = assigned.map_err(|error| self.failed("asking for the assignment", &error))?;
        let elements = list.elements();
        let positions: Vec<Position> = elements
            .iter()
            .map(|element| Position::new(element.topic(), element.partition(), 0))
            .collect();
        self.check_exists(&positions)
    }

    /// Partitions it reads whose committed end has not moved for so long, though
    /// more was written: a transaction there is not being ended.
    pub fn hanging(&self, longer_than: Duration) -> Vec<HangingTransaction> {
        self.consumer().client().context().hanging(longer_than)
    }

    /// The next offset of each assigned partition; markers of transactions count.
    pub(crate) fn positions(&self) -> Result<Vec<Position>, KafkaError> {
        let list = self
            .consumer()
            .position()
            .map_err(|error| self.failed("asking for positions", &error))?;
        let known = list
            .elements()
            .into_iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => {
                    Some(Position::new(element.topic(), element.partition(), offset))
                }
                _ => None,
            });
        Ok(known.collect())
    }

    /// Offsets and notes that the group of this reader's name last committed, where it did.
    pub fn committed(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Position, String)>, KafkaError> {
        committed(self.consumer(), partitions, self.settings.request_timeout)
            .map_err(|error| self.failed("asking for committed offsets", &error))
    }

    /// librdkafka would wait for a missing topic, silently and for ever.
    fn check_exists(&self, positions: &[Position]) -> Result<(), KafkaError> {
        let mut counts: Vec<(&str, i32)> = Vec::new();
        for Position {
            topic, partition, ..
        } in positions
        {
            let known = counts
                .iter()
                .find(|(known, _)| known == topic)
                .map(|(_, count)| *count);
            let count = match known {
                Some(count) => count,
                None => self.partition_count(topic)?,
            };
            counts.push((topic, count));
            if *partition >= count {
                return Err(KafkaError::PartitionMissing {
                    topic: topic.clone(),
                    partition: *partition,
                });
            }
        }
        Ok(())
    }

    fn partition_count(&self, topic: &str) -> Result<i32, KafkaError> {
        let asked = self
            .consumer()
            .fetch_metadata(Some(topic), self.settings.request_timeout);
        let metadata = asked.map_err(|error| self.request_failed(topic, 0, &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((None, count)) if count > 0 => Ok(count as i32),
            Some((Some(error), _)) if is_denied(error.into()) => Err(KafkaError::Denied {
                action: format!("reading {topic}"),
                reason: Code::from(error).to_string(),
            }),
            _ => Err(KafkaError::TopicMissing {
                topic: topic.to_owned(),
            }),
        }
    }

    fn remember_topics<'a>(&mut self, topics: impl Iterator<Item = &'a str>) {
        for topic in topics {
            if !self.topics.iter().any(|known| known == topic) {
                let grown = self.topics.iter().cloned().chain([topic.to_owned()]);
                self.topics = grown.collect();
            }
        }
    }

    fn list(&self, positions: &[Position]) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            let offset = match position.offset {
                Position::BEGINNING => Offset::Beginning,
                offset => Offset::Offset(offset),
            };
            list.add_partition_offset(&position.topic, position.partition, offset)
                .map_err(|error| self.failed("naming partitions", &error))?;
        }
        Ok(list)
    }

    fn failed(&self, what: &str, error: &rdkafka::error::KafkaError) -> KafkaError {
        self.queue.serve_events();
        let reason = self.consumer().client().context().last_error();
        KafkaError::request(
            &self.settings,
            &format!("{what} ({})", self.group),
            error,
            &reason,
        )
    }

    fn request_failed(
        &self,
        topic: &str,
        partition: i32,
        error: &rdkafka::error::KafkaError,
    ) -> KafkaError {
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => KafkaError::TopicMissing {
                topic: topic.to_owned(),
            },
            Some(Code::UnknownPartition) => KafkaError::PartitionMissing {
                topic: topic.to_owned(),
                partition,
            },
            _ => self.failed(
                &format!("asking for the range of {topic}[{partition}]"),
                error,
            ),
        }
    }

    fn explain(&self, event: &PartitionEvent<'_>) -> KafkaError {
        let (topic, partition, offset) = (event.topic.to_owned(), event.partition, event.offset);
        match event.code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::NoOffset => {
                let held = self.range(&topic, partition).ok();
                KafkaError::OffsetGone {
                    topic,
                    partition,
                    offset,
                    held,
                }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                KafkaError::TopicMissing { topic }
            }
            Code::UnknownPartition => KafkaError::PartitionMissing { topic, partition },
            code if is_denied(code) => KafkaError::Denied {
                action: format!("reading {topic}"),
                reason: code.to_string(),
            },
            Code::Fatal => KafkaError::Dead {
                reason: event.reason.clone(),
            },
            code => KafkaError::Read {
                reason: event.reason.clone(),
                retryable: is_transient(code),
                topic,
                partition,
                offset,
            },
        }
    }
}

#[cfg(test)]
mod tests;
