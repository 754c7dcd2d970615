//! Reading assigned partitions in batches, and partitions to their end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::batch::{Batch, BatchQueue, Message, Notice};
use crate::context::Context;
use crate::error::{KafkaError, is_denied, is_transient};
use crate::settings::KafkaSettings;

/// Batches of a read to the end; large, since nothing waits for the first record.
const READ_TO_END_BATCH: usize = 4096;
/// A read to the end checks its deadline this often.
const SLICE: Duration = Duration::from_millis(50);

/// How often a partition without a leader is asked for again.
const LEADER_POLL: Duration = Duration::from_millis(20);

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
        Self { topic: topic.into(), partition, offset }
    }
}

/// A record that outlives its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedMessage {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl From<&Message<'_>> for OwnedMessage {
    fn from(message: &Message<'_>) -> Self {
        let headers = message.headers().into_iter();
        Self {
            topic: message.topic.name.to_owned(),
            partition: message.partition,
            offset: message.offset,
            timestamp_ms: message.timestamp_ms,
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.map(<[u8]>::to_vec),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        }
    }
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
        Self::create(settings, group, true)
    }

    /// A reader that can pause and tell its positions. It has no news of the end
    /// of a partition: librdkafka counts that news as a record when it is read in
    /// batches, and a resumed partition would skip one.
    pub(crate) fn without_ends(settings: &KafkaSettings, group: &str) -> Result<Self, KafkaError> {
        Self::create(settings, group, false)
    }

    fn create(settings: &KafkaSettings, group: &str, ends: bool) -> Result<Self, KafkaError> {
        let tuned = [
            // One fetch in flight and a queue that is refilled while it is read:
            // enough for the full rate, and bounded.
            ("queued.min.messages", "20000"),
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.wait.max.ms", "10"),
            ("fetch.queue.backoff.ms", "2"),
            ("fetch.error.backoff.ms", "100"),
        ];
        let timeout = settings.request_timeout_ms();
        let fixed = [
            ("group.id", group),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", if ends { "true" } else { "false" }),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("socket.timeout.ms", timeout.as_str()),
        ];
        let config = settings.client("reader", &tuned, &fixed);
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context::new(group))
            .map_err(|error| KafkaError::creation(&error))?;
        let queue = BatchQueue::new(consumer)
            .ok_or_else(|| KafkaError::Client { reason: "it has no queues".to_owned() })?;
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
        self.must_exist(positions)?;
        self.know(positions.iter().map(|p| p.topic.as_str()));
        self.pending = None;
        let list = self.list(positions)?;
        self.consumer().assign(&list).map_err(|error| self.failed("assigning partitions", &error))
    }

    /// Reads these partitions besides the ones it reads already.
    pub(crate) fn add(&mut self, positions: &[Position]) -> Result<(), KafkaError> {
        self.know(positions.iter().map(|p| p.topic.as_str()));
        let list = self.list(positions)?;
        self.consumer().incremental_assign(&list).map_err(|error| self.failed("adding partitions", &error))
    }

    /// Stops reading these partitions; what was fetched of them is dropped.
    pub(crate) fn remove(&mut self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        let list = list_of(partitions);
        self.consumer()
            .incremental_unassign(&list)
            .map_err(|error| self.failed("removing partitions", &error))
    }

    /// Stops fetching these partitions until [`resume`](Self::resume).
    pub(crate) fn pause(&self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        self.consumer()
            .pause(&list_of(partitions))
            .map_err(|error| self.failed("pausing partitions", &error))
    }

    pub(crate) fn resume(&self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        self.consumer()
            .resume(&list_of(partitions))
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
        let failed = batch.notices().find(|notice| notice.code != Code::PartitionEOF);
        let Some(error) = failed.map(|notice| self.explain(&notice)) else {
            return Ok(batch);
        };
        if batch.messages().next().is_none() {
            return Err(error);
        }
        self.pending = Some(error);
        Ok(batch)
    }

    /// A batch of nothing.
    pub(crate) fn nothing(&self) -> Batch {
        self.queue.nothing(&self.topics)
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

    /// The next offset of each assigned partition; markers of transactions count.
    pub(crate) fn positions(&self) -> Result<Vec<Position>, KafkaError> {
        let list = self.consumer().position().map_err(|error| self.failed("asking for positions", &error))?;
        let known = list.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some(Position::new(element.topic(), element.partition(), offset)),
            _ => None,
        });
        Ok(known.collect())
    }

    /// The first offset a partition holds and the end of its committed records.
    pub fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let started = Instant::now();
        loop {
            let left = self.settings.request_timeout.saturating_sub(started.elapsed());
            let found = self.consumer().fetch_watermarks(topic, partition, left);
            match found {
                // A partition that was just made or moved has no leader for a moment.
                Err(error) if is_leaderless(&error) && !left.is_zero() => std::thread::sleep(LEADER_POLL.min(left)),
                other => return other.map_err(|error| self.request_failed(topic, partition, &error)),
            }
        }
    }

    /// Reads one partition from `from`, or its first record, to the end it has
    /// now, in place of what was assigned. Ends at the *position*: the last
    /// offsets may be markers. Returns the end; what follows is unread.
    pub fn read_to_end<E: From<KafkaError>>(
        &mut self,
        topic: &str,
        partition: i32,
        from: Option<i64>,
        within: Duration,
        mut each: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<i64, E> {
        let started = Instant::now();
        let (low, end) = self.range(topic, partition)?;
        let start = from.unwrap_or(low);
        if start < low || start > end {
            let topic = topic.to_owned();
            return Err(KafkaError::OffsetGone { topic, partition, offset: start, held: Some((low, end)) }.into());
        }
        if start == end {
            return Ok(end);
        }
        self.assign(&[Position::new(topic, partition, start)])?;
        let mut next = start;
        while next < end {
            if started.elapsed() >= within {
                let what = format!("reading {topic}[{partition}] to offset {end} (now at {next})");
                return Err(KafkaError::Timeout { what, waited: within }.into());
            }
            let batch = self.fetch(READ_TO_END_BATCH, SLICE)?;
            for message in batch.messages().filter(|message| message.offset < end) {
                each(&message)?;
            }
            next = next.max(reached(&batch));
        }
        self.assign(&[])?;
        Ok(end)
    }

    /// librdkafka would wait for a missing topic, silently and for ever.
    fn must_exist(&self, positions: &[Position]) -> Result<(), KafkaError> {
        let mut counts: Vec<(&str, i32)> = Vec::new();
        for Position { topic, partition, .. } in positions {
            let known = counts.iter().find(|(known, _)| known == topic).map(|(_, count)| *count);
            let count = match known {
                Some(count) => count,
                None => self.partition_count(topic)?,
            };
            counts.push((topic, count));
            if *partition >= count {
                return Err(KafkaError::PartitionMissing { topic: topic.clone(), partition: *partition });
            }
        }
        Ok(())
    }

    fn partition_count(&self, topic: &str) -> Result<i32, KafkaError> {
        let asked = self.consumer().fetch_metadata(Some(topic), self.settings.request_timeout);
        let metadata = asked.map_err(|error| self.request_failed(topic, 0, &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((None, count)) if count > 0 => Ok(count as i32),
            Some((Some(error), _)) if is_denied(error.into()) => Err(KafkaError::Denied {
                action: format!("reading {topic}"),
                reason: Code::from(error).to_string(),
            }),
            _ => Err(KafkaError::TopicMissing { topic: topic.to_owned() }),
        }
    }

    fn know<'a>(&mut self, topics: impl Iterator<Item = &'a str>) {
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
        KafkaError::request(&self.settings, &format!("{what} ({})", self.group), error, &reason)
    }

    fn request_failed(&self, topic: &str, partition: i32, error: &rdkafka::error::KafkaError) -> KafkaError {
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                KafkaError::TopicMissing { topic: topic.to_owned() }
            }
            Some(Code::UnknownPartition) => {
                KafkaError::PartitionMissing { topic: topic.to_owned(), partition }
            }
            _ => {
                self.failed(&format!("asking for the range of {topic}[{partition}]"), error)
            }
        }
    }

    fn explain(&self, notice: &Notice<'_>) -> KafkaError {
        let (topic, partition, offset) = (notice.topic.to_owned(), notice.partition, notice.offset);
        match notice.code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::NoOffset => {
                let held = self.range(&topic, partition).ok();
                KafkaError::OffsetGone { topic, partition, offset, held }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => KafkaError::TopicMissing { topic },
            Code::UnknownPartition => KafkaError::PartitionMissing { topic, partition },
            code if is_denied(code) => {
                KafkaError::Denied { action: format!("reading {topic}"), reason: code.to_string() }
            }
            Code::Fatal => KafkaError::Dead { reason: notice.reason.clone() },
            code => KafkaError::Read {
                reason: notice.reason.clone(),
                retryable: is_transient(code),
                topic,
                partition,
                offset,
            },
        }
    }
}

/// How far the only assigned partition was read with this batch. Where its last
/// offsets are markers, the news of its end or a later record tells.
fn reached(batch: &Batch) -> i64 {
    let last = batch.messages().map(|message| message.offset + 1).max();
    last.max(batch.eofs().map(|(_, _, offset)| offset).max()).unwrap_or(0)
}

fn is_leaderless(error: &rdkafka::error::KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable))
}

pub(crate) fn list_of(partitions: &[(String, i32)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// [`BatchReader::read_to_end`] with a reader of its own.
pub fn read_to_end<E: From<KafkaError>>(
    settings: &KafkaSettings,
    topic: &str,
    partition: i32,
    from: Option<i64>,
    within: Duration,
    each: impl FnMut(&Message<'_>) -> Result<(), E>,
) -> Result<i64, E> {
    let mut reader = BatchReader::new(settings, &settings.names().group("reader"))?;
    reader.read_to_end(topic, partition, from, within, each)
}

/// The newest records of a partition, newest last, at most `count`: for
/// connectors that resume where they stopped.
pub fn tail(
    settings: &KafkaSettings,
    topic: &str,
    partition: i32,
    count: usize,
) -> Result<Vec<OwnedMessage>, KafkaError> {
    let mut reader = BatchReader::new(settings, &settings.names().group("reader"))?;
    let (low, end) = reader.range(topic, partition)?;
    // Markers, aborted and compacted records occupy offsets: look further back
    // until enough real ones are found.
    let mut window = (count as i64).saturating_mul(2).saturating_add(8);
    loop {
        let from = low.max(end.saturating_sub(window));
        let mut newest = VecDeque::with_capacity(count.min(1024));
        reader.read_to_end(topic, partition, Some(from), settings.request_timeout, |message| {
            if newest.len() == count {
                newest.pop_front();
            }
            if count > 0 {
                newest.push_back(OwnedMessage::from(message));
            }
            Ok::<(), KafkaError>(())
        })?;
        if newest.len() == count || from == low {
            return Ok(newest.into());
        }
        window = window.saturating_mul(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Cluster, nobody_listens, until};

    const WAIT: Duration = Duration::from_millis(500);

    fn values(batch: &Batch) -> Vec<String> {
        batch.messages().map(|m| String::from_utf8_lossy(m.value.unwrap()).into_owned()).collect()
    }

    #[test]
    fn batches_hold_every_record_once_and_in_order() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 5000);
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("t", 0, Position::BEGINNING)]).unwrap();
        let mut read = Vec::new();
        let end = until(|| {
            let batch = reader.fetch(700, WAIT).unwrap();
            read.extend(values(&batch));
            batch.eofs().map(|(topic, partition, next)| (topic.to_owned(), partition, next)).next()
        });
        assert_eq!(end, ("t".to_owned(), 0, 5000));
        let expected: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
        assert!(read == expected, "{} records read", read.len());
    }

    #[test]
    fn closing_does_not_wait_for_records_nobody_read() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 5000);
        for _ in 0..10 {
            let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
            reader.assign(&[Position::new("t", 0, 0)]).unwrap();
            let batch = until(|| Some(reader.fetch(1, WAIT).unwrap()).filter(|batch| !batch.is_empty()));
            drop(reader);
            let started = Instant::now();
            drop(batch);
            assert!(started.elapsed() < Duration::from_secs(5));
        }
    }

    #[test]
    fn a_full_batch_is_not_waited_for() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 1);
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("t", 0, 0)]).unwrap();
        let started = Instant::now();
        let batch = reader.fetch(1000, Duration::from_secs(25)).unwrap();
        assert_eq!(values(&batch), ["0"]);
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_batch_outlives_its_reader_and_messages_show_all_they_hold() {
        let cluster = Cluster::with_topic("t", 1);
        let publisher = crate::Publisher::new(&cluster.settings, "p").unwrap();
        let headers: [(&str, &[u8]); 2] = [("traceparent", b"00-1"), ("empty", b"")];
        publisher.publish("t", b"k", b"v", &headers, Some(1_700_000_000_000)).unwrap();
        publisher.replay("t", None, None, &[]).unwrap();
        publisher.flush(Duration::from_secs(20)).unwrap();

        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("t", 0, 0)]).unwrap();
        let mut batches = Vec::new();
        until(|| {
            batches.push(reader.fetch(10, WAIT).unwrap());
            let read: usize = batches.iter().map(|batch| batch.messages().count()).sum();
            (read == 2).then_some(())
        });
        drop(reader);
        let messages: Vec<Message<'_>> = batches.iter().flat_map(Batch::messages).collect();
        let first = OwnedMessage::from(&messages[0]);
        assert_eq!(first.key.as_deref(), Some(&b"k"[..]));
        assert_eq!(first.timestamp_ms, Some(1_700_000_000_000));
        let expected = [("traceparent".to_owned(), b"00-1".to_vec()), ("empty".to_owned(), Vec::new())];
        assert_eq!(first.headers, expected);
        assert_eq!(messages[0].topic, crate::TopicRef { index: 0, name: "t" });
        assert_eq!((messages[1].key, messages[1].value, messages[1].offset), (None, None, 1));
        assert_eq!(messages[1].headers(), []);
    }

    #[test]
    fn two_topics_keep_their_names_and_indexes() {
        let cluster = Cluster::with_topic("a", 1);
        cluster.mock.create_topic("b", 1, 1).unwrap();
        cluster.fill("a", 3);
        cluster.fill("b", 3);
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("a", 0, 0)]).unwrap();
        reader.assign(&[Position::new("b", 0, 1), Position::new("a", 0, 2)]).unwrap();
        let mut seen = Vec::new();
        until(|| {
            let batch = reader.fetch(10, WAIT).unwrap();
            seen.extend(batch.messages().map(|m| (m.topic.index, m.topic.name.to_owned(), m.offset)));
            (seen.len() == 3).then_some(())
        });
        seen.sort();
        assert_eq!(seen, [(0, "a".to_owned(), 2), (1, "b".to_owned(), 1), (1, "b".to_owned(), 2)]);
    }

    #[test]
    fn partitions_are_added_and_removed_without_disturbing_the_others() {
        let cluster = Cluster::with_topic("a", 1);
        cluster.mock.create_topic("b", 1, 1).unwrap();
        cluster.fill("a", 2);
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.add(&[Position::new("a", 0, 0)]).unwrap();
        let mut seen = Vec::new();
        let mut read = |reader: &mut BatchReader, count: usize| {
            until(|| {
                let batch = reader.fetch(10, WAIT).unwrap();
                seen.extend(batch.messages().map(|m| (m.topic.name.to_owned(), m.offset)));
                (seen.len() >= count).then_some(())
            });
            seen.clone()
        };
        read(&mut reader, 2);
        reader.add(&[Position::new("b", 0, Position::BEGINNING)]).unwrap();
        cluster.fill("b", 1);
        read(&mut reader, 3);
        reader.remove(&[("a".to_owned(), 0)]).unwrap();
        cluster.fill("a", 1);
        cluster.fill("b", 1);
        let all = read(&mut reader, 4);
        let expected = [("a", 0), ("a", 1), ("b", 0), ("b", 1)].map(|(t, o)| (t.to_owned(), o));
        assert_eq!(all, expected);
    }

    #[test]
    fn an_offset_that_is_gone_is_an_error_that_says_so() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 3);
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("t", 0, 99)]).unwrap();
        let error = until(|| reader.fetch(10, WAIT).err());
        assert!(matches!(error, KafkaError::OffsetGone { offset: 99, held: Some((0, 3)), .. }), "{error:?}");
        assert!(error.to_string().contains("offset 99 of t[0]"), "{error}");
        assert!(!error.retryable());
    }

    #[test]
    fn reading_to_the_end_stops_there_and_tells_where() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 300);
        let within = Duration::from_secs(20);
        let mut offsets = Vec::new();
        let mut collect = |message: &Message<'_>| {
            offsets.push(message.offset);
            Ok::<(), KafkaError>(())
        };
        assert_eq!(read_to_end(&cluster.settings, "t", 0, Some(298), within, &mut collect).unwrap(), 300);
        assert_eq!(read_to_end(&cluster.settings, "t", 0, Some(300), within, &mut collect).unwrap(), 300);
        assert_eq!(offsets, [298, 299]);
        let gone = read_to_end(&cluster.settings, "t", 0, Some(301), within, |_| Ok::<(), KafkaError>(()));
        assert!(matches!(gone, Err(KafkaError::OffsetGone { offset: 301, .. })));
    }

    #[test]
    fn the_tail_is_the_newest_records_oldest_first() {
        let cluster = Cluster::with_topic("t", 1);
        cluster.fill("t", 50);
        let newest = tail(&cluster.settings, "t", 0, 3).unwrap();
        let offsets: Vec<i64> = newest.iter().map(|message| message.offset).collect();
        assert_eq!(offsets, [47, 48, 49]);
        assert_eq!(tail(&cluster.settings, "t", 0, 100).unwrap().len(), 50);
        assert_eq!(tail(&cluster.settings, "t", 0, 0).unwrap(), []);
    }

    #[test]
    fn a_cluster_that_is_not_there_is_named_within_the_bound() {
        let settings = nobody_listens();
        let started = Instant::now();
        let error = tail(&settings, "t", 0, 1).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&settings.bootstrap), "{error}");
    }
}
