//! The bytes of rows: what each committed version of a record becomes in its table, with the
//! optional fields set and with all of them null.

use apache_avro::types::Value;
use tapeline_schemas::{codec, golden};

use super::super::*;

fn without_optionals(framed: &[u8]) -> Vec<u8> {
    let (schema, mut datum) = codec::unframe(framed).unwrap();
    let Value::Record(mut fields) =
        apache_avro::from_avro_datum(&schema.avro, &mut datum, None).unwrap()
    else {
        panic!("{} is not a record", schema.record);
    };
    for (_, value) in &mut fields {
        if matches!(value, Value::Union(..)) {
            *value = Value::Union(0, Box::new(Value::Null));
        }
    }
    let datum = apache_avro::to_avro_datum(&schema.avro, Value::Record(fields)).unwrap();
    [&framed[..5], &datum].concat()
}

fn row(topic: Topic, framed: &[u8]) -> Vec<u8> {
    let event = Event::decode(topic, Some(framed)).unwrap();
    let mut row = Vec::new();
    write(&event, 3, 99, &mut row).unwrap();
    row
}

/// Every committed record of a topic: its name and version, the topic, its bytes.
fn records() -> Vec<(&'static str, Topic, Vec<u8>)> {
    let lines = golden::lines("record ").into_iter();
    let records = lines.filter_map(|line| {
        let (version, framed) = line.strip_prefix("record ")?.rsplit_once(' ')?;
        let record = version.split(' ').next()?;
        let mut topics = Topic::ALL.iter();
        let topic = topics.find(|topic| topic.spec().record == record)?;
        Some((version, *topic, hex::decode(framed).unwrap()))
    });
    records.collect()
}

/// A row of each, and one in which all that may be null is.
pub(super) fn rows() -> Vec<(Topic, Vec<u8>)> {
    let records = records().into_iter();
    let rows = records.flat_map(|(_, topic, framed)| {
        [framed.clone(), without_optionals(&framed)].map(|framed| (topic, row(topic, &framed)))
    });
    rows.collect()
}

#[test]
fn rows_have_their_golden_bytes() {
    let mut lines = Vec::new();
    for (version, topic, framed) in records() {
        let nulls = without_optionals(&framed);
        lines.push(format!(
            "row {version} {}",
            hex::encode(row(topic, &framed))
        ));
        lines.push(format!(
            "nulls {version} {}",
            hex::encode(row(topic, &nulls))
        ));
    }
    lines.retain(|line| !golden::holds(line));
    assert!(lines.is_empty(), "not golden:\n{}", lines.join("\n"));
}
