//! Reading a whole partition, or its newest records, with a reader of its own.

use std::collections::VecDeque;
use std::time::Duration;

use crate::batch::Message;
use crate::error::KafkaError;
use crate::reader::BatchReader;
use crate::settings::KafkaSettings;

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
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
        }
    }
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
        reader.read_to_end(
            topic,
            partition,
            Some(from),
            settings.request_timeout,
            |message| {
                if newest.len() == count {
                    newest.pop_front();
                }
                if count > 0 {
                    newest.push_back(OwnedMessage::from(message));
                }
                Ok::<(), KafkaError>(())
            },
        )?;
        if newest.len() == count || from == low {
            return Ok(newest.into());
        }
        window = window.saturating_mul(4);
    }
}
