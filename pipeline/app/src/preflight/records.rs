//! Whether this release can read what was written last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaSettings, Position};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::Found;
use crate::failure::Failure;

/// So far back in each partition.
const NEWEST: i64 = 20;
/// Read for so long at most, and until nothing came for so long.
const READ_WITHIN: Duration = Duration::from_secs(10);
const IDLE_FOR: Duration = Duration::from_millis(500);

pub(super) fn newest(kafka: &KafkaSettings) -> Result<Found, Failure> {
    let names = kafka.names();
    let mut reader = BatchReader::new(kafka, &names.group("preflight"))?;
    let last = last_of_all(kafka, &mut reader)?;
    reader.assign(&last)?;
    let until = Instant::now() + READ_WITHIN;
    let mut read = 0;
    let mut strange: BTreeMap<Topic, String> = BTreeMap::new();
    while Instant::now() < until {
        let batch = reader.fetch(1024, IDLE_FOR)?;
        let before = read;
        for message in batch.messages() {
            read += 1;
            let Some(topic) = names.resolve(message.topic.name) else {
                continue;
            };
            if let Err(refusal) = Event::decode(topic, message.value) {
                strange.insert(topic, refusal.message);
            }
        }
        if read == before {
            break;
        }
    }
    Ok(told(read, &strange))
}

fn last_of_all(kafka: &KafkaSettings, reader: &mut BatchReader) -> Result<Vec<Position>, Failure> {
    let names = kafka.names();
    let mut positions = Vec::new();
    for topic in Topic::ALL {
        let name = names.topic(*topic);
        for partition in 0..kafka.partitions(topic.spec().group).cast_signed() {
            let (low, end) = reader.range(name, partition)?;
            let from = low.max(end.saturating_sub(NEWEST));
            positions.push(Position::new(name, partition, from));
        }
    }
    Ok(positions)
}

fn told(read: usize, strange: &BTreeMap<Topic, String>) -> Found {
    let Some((topic, message)) = strange.first_key_value() else {
        return Found::pass(format!("the {read} newest records can be read"));
    };
    let more = match strange.len() - 1 {
        0 => String::new(),
        others => format!(" (and in {others} other topics)"),
    };
    Found::fail(
        format!("{topic} holds what this release cannot read{more}: {message}"),
        "`tapeline deadletters list` shows them; a newer release reads newer schemas",
    )
}
