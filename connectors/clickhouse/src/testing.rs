//! Records for tests.

use tapeline_model::ids::output_id;
use tapeline_model::records::DeadLetter;
use tapeline_model::{Event, Micros};

pub(crate) fn dead_letter(topic: &str, partition: i32, offset: i64, source: &str) -> Event<'static> {
    Event::DeadLetter(DeadLetter {
        letter_id: output_id(topic, 0, 0, source, 0),
        topic: topic.to_owned(),
        partition,
        offset,
        key: None,
        value: Some(b"\x00\n\xff".to_vec()),
        reason: "CORRUPT".to_owned(),
        message: "bad".to_owned(),
        event_time: Micros(1),
        ingest_time: Micros(2),
        source: source.to_owned(),
    })
}
