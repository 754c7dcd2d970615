//! Dead letters of the sink: records that could not become a row, with their bytes.

use metrics::counter;
use tapeline_kafka::{
    BatchReader, KafkaError, KafkaSettings, Message, Position, RefusedRecord, Span,
};
use tapeline_model::ids::output_id;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::DeadLetter;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

use super::batch::Refused;
use super::insert::RefusedRow;
use super::range::LaneId;
use crate::metric_names as names;

/// What letters of the sink name as their source, and as the rule in their id.
pub(crate) const SOURCE: &str = "sink";

/// What to keep of a record without a row. None for a dead letter that cannot
/// be read: a letter about it would be read by the same sink, and it stays in
/// its topic anyway.
pub(crate) fn refuse(topic: Topic, message: &Message<'_>, refusal: Refusal) -> Option<Refused> {
    let reason = refusal.reason.code();
    counter!(names::SINK_REFUSED, "topic" => topic.name(), "reason" => reason).increment(1);
    if topic == Topic::DeadLetters {
        counter!(names::SINK_UNREADABLE_LETTERS).increment(1);
        tracing::error!(
            partition = message.partition,
            offset = message.offset,
            reason,
            error = refusal.message,
            "a dead letter cannot be read and is left out of the store"
        );
        return None;
    }
    Some(refused_record(&RefusedRecord::from(message), refusal))
}

/// The records of these rows, which the store refuses, as their topic holds them.
pub(crate) fn of_rows(
    kafka: &KafkaSettings,
    lane: LaneId,
    rows: &[RefusedRow],
) -> Result<Vec<Refused>, KafkaError> {
    let names = kafka.names();
    let topic = names.topic(lane.topic);
    let mut reader = BatchReader::new(kafka, &names.group("letters"))?;
    let mut found = Vec::new();
    for row in rows {
        let offset = row.offset as i64;
        let span = Span {
            from: Position::new(topic, lane.partition as i32, offset),
            end: offset + 1,
        };
        reader.read_spans(&[span], kafka.request_timeout, |message| {
            let refusal = Refusal::new(Reason::NotStorable, row.message.clone());
            found.extend(refuse(lane.topic, message, refusal));
            Ok::<(), KafkaError>(())
        })?;
    }
    Ok(found)
}

/// Keeps of a refused record what a letter can hold.
fn refused_record(record: &RefusedRecord<'_>, mut refusal: Refusal) -> Refused {
    let value = record.value_to_keep();
    if let Some(cut) = value.filter(tapeline_kafka::Truncated::is_truncated) {
        refusal.message = format!(
            "{} (only the first {} of {} bytes are kept here)",
            refusal.message,
            cut.kept.len(),
            cut.original
        );
    }
    Refused {
        offset: u64::try_from(record.offset).unwrap_or_default(),
        timestamp_ms: record.timestamp_ms,
        key: record.key_to_keep().map(|cut| cut.kept.to_vec()),
        value: value.map(|cut| cut.kept.to_vec()),
        refusal,
    }
}

/// The same record gives a letter with the same id whenever it is read.
pub(crate) fn dead_letter(lane: LaneId, refused: &Refused, now: Micros) -> Event<'static> {
    let topic = lane.topic.name();
    // Whatever clock its producer had, the letter itself must be storable.
    let event_time = refused
        .timestamp_ms
        .and_then(|millis| millis.checked_mul(1000))
        .map(Micros)
        .filter(|time| time.is_storable())
        .unwrap_or(now);
    Event::DeadLetter(DeadLetter {
        letter_id: output_id(topic, lane.partition, refused.offset, SOURCE, 0),
        topic: topic.to_owned(),
        partition: lane.partition as i32,
        offset: refused.offset as i64,
        key: refused.key.clone(),
        value: refused.value.clone(),
        reason: refused.refusal.reason.code().to_owned(),
        message: refused.refusal.message.clone(),
        event_time,
        ingest_time: now,
        source: SOURCE.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    const LANE: LaneId = LaneId {
        topic: Topic::BrokerFills,
        partition: 2,
    };
    const NOW: Micros = Micros(1_795_251_600_000_000);

    fn refused(value: &[u8], timestamp_ms: Option<i64>) -> Refused {
        let record = RefusedRecord {
            topic: "p.broker.fills",
            partition: 2,
            offset: 17,
            timestamp_ms,
            key: Some(b"k"),
            value: Some(value),
        };
        refused_record(&record, Refusal::new(Reason::Corrupt, "bad"))
    }

    #[test]
    fn a_letter_keeps_the_bytes_and_its_id_whenever_it_is_written() {
        let refused = refused(b"\x00\xff\n", Some(5));
        let (first, second) = (
            dead_letter(LANE, &refused, NOW),
            dead_letter(LANE, &refused, Micros(9)),
        );
        let (Event::DeadLetter(first), Event::DeadLetter(second)) = (first, second) else {
            panic!("letters expected");
        };
        assert_eq!(first.letter_id, second.letter_id);
        assert_eq!(first.value.as_deref(), Some(&b"\x00\xff\n"[..]));
        assert_eq!(
            (first.topic.as_str(), first.partition, first.offset),
            ("broker.fills", 2, 17)
        );
        assert_eq!(
            (first.reason.as_str(), first.source.as_str()),
            ("CORRUPT", "sink")
        );
        assert_eq!(first.event_time, Micros(5000));
    }

    #[test]
    fn a_letter_can_always_be_stored_so_it_never_causes_another() {
        for timestamp in [None, Some(-1), Some(i64::MAX), Some(i64::MIN), Some(5)] {
            let event = dead_letter(LANE, &refused(b"x", timestamp), NOW);
            let mut wire = Vec::new();
            event.encode(&mut wire).unwrap();
            let read = Event::decode(Topic::DeadLetters, Some(&wire)).unwrap();
            assert!(
                rows::write(&read, 0, 0, &mut Vec::new()).is_ok(),
                "{timestamp:?}"
            );
        }
    }

    #[test]
    fn a_huge_value_is_cut_and_the_letter_says_so() {
        let refused = refused(&vec![7; 2_000_000], None);
        assert!(refused.value.unwrap().len() < 1_000_000);
        assert!(
            refused.refusal.message.contains("of 2000000 bytes"),
            "{}",
            refused.refusal.message
        );
    }
}
