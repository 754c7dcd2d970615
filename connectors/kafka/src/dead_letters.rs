//! The raw pieces of a record that was refused, for the dead-letter topic.
//!
//! The record of the dead-letter topic is built by the caller; this module only
//! says what to keep, so that it fits and can be replayed.

use crate::batch::Message;
use crate::names::Names;

/// Header on a record that was produced again from the dead-letter topic:
/// `<topic>/<partition>/<offset>` of the refused original.
pub const REPLAYED_FROM: &str = "tapeline-replayed-from";

/// How many bytes of a refused value are kept: with its key, its reason and the
/// envelope it must fit into one record of the brokers' default limit (1 MiB).
pub const MAX_DEAD_LETTER_BYTES: usize = 900_000;

/// A record that was refused, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedRecord<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// The part of some bytes that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated<'a> {
    pub kept: &'a [u8],
    /// Bytes of the original; larger than `kept` if it was cut, and then the
    /// letter cannot be replayed, only its original while its topic holds it.
    pub original: usize,
}

impl Truncated<'_> {
    pub fn is_truncated(&self) -> bool {
        self.kept.len() < self.original
    }
}

/// Keeps at most `limit` bytes from the start.
pub fn truncate(bytes: &[u8], limit: usize) -> Truncated<'_> {
    Truncated {
        kept: &bytes[..bytes.len().min(limit)],
        original: bytes.len(),
    }
}

impl<'a> RefusedRecord<'a> {
    /// The value as far as a dead letter can hold it, after the key.
    pub fn value_to_keep(&self) -> Option<Truncated<'a>> {
        let room = MAX_DEAD_LETTER_BYTES - self.key_to_keep().map_or(0, |key| key.kept.len());
        self.value.map(|value| truncate(value, room))
    }

    /// The key as far as a dead letter can hold it; real keys are short.
    pub fn key_to_keep(&self) -> Option<Truncated<'a>> {
        self.key
            .map(|key| truncate(key, MAX_DEAD_LETTER_BYTES / 10))
    }

    /// What the header [`REPLAYED_FROM`] says when this record is produced again.
    pub fn replayed_from(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }

    /// The topic's name without the deployment's prefix, where it is one of ours.
    pub fn short_topic(&self, names: &Names) -> &'a str {
        self.topic
            .strip_prefix(names.prefix())
            .unwrap_or(self.topic)
    }
}

impl<'a> From<&Message<'a>> for RefusedRecord<'a> {
    fn from(message: &Message<'a>) -> Self {
        Self {
            topic: message.topic.name,
            partition: message.partition,
            offset: message.offset,
            timestamp_ms: message.timestamp_ms,
            key: message.key,
            value: message.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: &'a [u8], value: &'a [u8]) -> RefusedRecord<'a> {
        RefusedRecord {
            topic: "p.broker.fills",
            partition: 2,
            offset: 17,
            timestamp_ms: None,
            key: Some(key),
            value: Some(value),
        }
    }

    #[test]
    fn small_records_are_kept_whole() {
        let refused = record(b"k", b"value");
        let kept = refused.value_to_keep().unwrap();
        assert_eq!((kept.kept, kept.is_truncated()), (&b"value"[..], false));
        assert_eq!(refused.replayed_from(), "p.broker.fills/2/17");
        assert_eq!(refused.short_topic(&Names::new("p.", "a")), "broker.fills");
    }

    #[test]
    fn key_and_value_together_never_exceed_the_limit() {
        let large = vec![7u8; 2_000_000];
        let refused = record(&large, &large);
        let (key, value) = (
            refused.key_to_keep().unwrap(),
            refused.value_to_keep().unwrap(),
        );
        assert_eq!(key.kept.len() + value.kept.len(), MAX_DEAD_LETTER_BYTES);
        assert!(key.is_truncated() && value.is_truncated());
        assert_eq!(value.original, 2_000_000);
    }
}
