//! Whether this release can read what was written last.

use std::collections::BTreeMap;
use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaSettings, Position, Span};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::Finding;
use crate::failure::Failure;

/// So far back in each partition.
const NEWEST: i64 = 20;
const READ_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn newest(kafka: &KafkaSettings) -> Result<Finding, Failure> {
    let names = kafka.names();
    let mut reader = BatchReader::new(kafka, &names.group("preflight"))?;
    let newest = newest_of_all(kafka, &mut reader)?;
    let mut read = 0;
    let mut strange: BTreeMap<Topic, String> = BTreeMap::new();
    reader.read_spans(&newest, READ_WITHIN, |message| {
        read += 1;
        if let Some(topic) = names.resolve(message.topic.name)
            && let Err(refusal) = Event::decode(topic, message.value)
        {
            strange.insert(topic, refusal.message);
        }
        Ok::<(), Failure>(())
    })?;
    Ok(finding_of(read, &strange))
}

fn newest_of_all(kafka: &KafkaSettings, reader: &mut BatchReader) -> Result<Vec<Span>, Failure> {
    let names = kafka.names();
    let mut spans = Vec::new();
    for topic in Topic::ALL {
        let name = names.topic(*topic);
        for partition in 0..kafka.partitions(topic.spec().group).cast_signed() {
            let (low, end) = reader.range(name, partition)?;
            let from = low.max(end.saturating_sub(NEWEST));
            let from = Position::new(name, partition, from);
            spans.push(Span { from, end });
        }
    }
    Ok(spans)
}

fn finding_of(read: usize, strange: &BTreeMap<Topic, String>) -> Finding {
    let Some((topic, message)) = strange.first_key_value() else {
        return Finding::pass(format!("the {read} newest records can be read"));
    };
    let more = match strange.len() - 1 {
        0 => String::new(),
        others => format!(" (and in {others} other topics)"),
    };
    Finding::fail(
        format!("{topic} holds what this release cannot read{more}: {message}"),
        "`tapeline deadletters list` shows them; a newer release reads newer schemas",
    )
}
