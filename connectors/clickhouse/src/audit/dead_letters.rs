//! Which records the sink itself sent to the dead letters.

use std::collections::HashMap;

use tapeline_kafka::{BatchReader, KafkaSettings, Message};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::{AuditError, AuditOptions, extents};
use crate::rows;
use crate::sink::DEAD_LETTER_SOURCE;

/// Sorted offsets by topic and partition.
#[derive(Debug, Default)]
pub(super) struct SinkDeadLetters {
    offsets: HashMap<(Topic, u32), Vec<u64>>,
}

impl SinkDeadLetters {
    /// Reads the dead-letter topic to its end.
    pub(super) fn read(
        kafka: &KafkaSettings,
        options: &AuditOptions,
        most: usize,
    ) -> Result<Self, AuditError> {
        let mut letters = Self::default();
        let mut count = 0;
        let mut reader = BatchReader::new(kafka, &kafka.names().group("audit"))?;
        for extent in extents(kafka, &[Topic::DeadLetters])? {
            let topic = kafka.names().topic(Topic::DeadLetters).to_owned();
            let partition = extent.partition as i32;
            reader.read_to_end(
                &topic,
                partition,
                None,
                options.partition_within,
                |message| {
                    count += usize::from(letters.add(extent.partition, message));
                    if count > most {
                        Err(AuditError::TooManyLetters)
                    } else {
                        Ok(())
                    }
                },
            )?;
        }
        letters.sort();
        Ok(letters)
    }

    pub(super) fn of(&self, topic: Topic, partition: u32) -> &[u64] {
        self.offsets
            .get(&(topic, partition))
            .map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, partition: u32, message: &Message<'_>) -> bool {
        let offset = u64::try_from(message.offset).unwrap_or_default();
        let about = about(partition, offset, message.value);
        if let Some((topic, partition, offset)) = about {
            self.offsets
                .entry((topic, partition))
                .or_default()
                .push(offset);
        }
        about.is_some()
    }

    fn sort(&mut self) {
        for offsets in self.offsets.values_mut() {
            offsets.sort_unstable();
            offsets.dedup();
        }
    }
}

/// The record without a row that a letter speaks of. One that cannot be read
/// has no row itself, and no letter but itself.
fn about(partition: u32, offset: u64, value: Option<&[u8]>) -> Option<(Topic, u32, u64)> {
    let itself = Some((Topic::DeadLetters, partition, offset));
    let Ok(event) = Event::decode(Topic::DeadLetters, value) else {
        return itself;
    };
    if rows::write(&event, partition, offset, &mut Vec::new()).is_err() {
        return itself;
    }
    let Event::DeadLetter(letter) = event else {
        return None;
    };
    if letter.source != DEAD_LETTER_SOURCE {
        return None;
    }
    let topic = Topic::from_name(&letter.topic)?;
    Some((
        topic,
        u32::try_from(letter.partition).ok()?,
        u64::try_from(letter.offset).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::dead_letter;

    fn encoded(event: &Event<'_>) -> Vec<u8> {
        let mut wire = Vec::new();
        event.encode(&mut wire).unwrap();
        wire
    }

    #[test]
    fn only_letters_of_the_sink_excuse_a_missing_row() {
        let ours = encoded(&dead_letter("broker.fills", 2, 17, "sink"));
        assert_eq!(about(0, 5, Some(&ours)), Some((Topic::BrokerFills, 2, 17)));
        let theirs = encoded(&dead_letter("broker.fills", 2, 17, "risk"));
        assert_eq!(about(0, 5, Some(&theirs)), None);
        let elsewhere = encoded(&dead_letter("gone.topic", 2, 17, "sink"));
        assert_eq!(about(0, 5, Some(&elsewhere)), None);
    }

    #[test]
    fn a_letter_that_cannot_be_read_is_its_own() {
        for value in [None, Some(&b"junk"[..])] {
            assert_eq!(about(3, 5, value), Some((Topic::DeadLetters, 3, 5)));
        }
        let unstorable = encoded(&dead_letter("broker.fills", -1, 17, "sink"));
        assert_eq!(
            about(3, 5, Some(&unstorable)),
            Some((Topic::DeadLetters, 3, 5))
        );
    }

    #[test]
    fn a_letter_written_twice_counts_once() {
        let mut letters = SinkDeadLetters::default();
        letters.offsets.insert((Topic::Alerts, 0), vec![9, 4, 9]);
        letters.sort();
        assert_eq!(letters.of(Topic::Alerts, 0), [4, 9]);
        assert_eq!(letters.of(Topic::Alerts, 1), [0u64; 0]);
    }
}
