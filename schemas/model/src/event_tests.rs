//! `apache-avro` is the oracle: what our fast path writes, it reads as the same
//! values, and the other way round. Golden pairs hold the bytes of each version.

use apache_avro::types::Value;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_schemas::codec::Record;
use tapeline_schemas::{golden as committed, registry};

use super::*;
use crate::money::{Price, Quantity};
use crate::records::{Journal, MarkBasis, Progress, StateMark};

#[path = "event_samples.rs"]
mod event_samples;

pub(crate) use event_samples::samples;
use event_samples::{history_samples, quote, state_samples};

fn golden_line(record: &str, bytes: &[u8]) -> String {
    let version = registry().newest(record).unwrap().version;
    format!("record {record} v{version} {}", hex::encode(bytes))
}

fn golden_state<T: Serialize + Record>(state: &T) -> String {
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).unwrap();
    golden_line(T::RECORD, &bytes)
}

#[test]
fn golden_bytes_of_every_version() {
    let mut lines: Vec<String> = samples()
        .iter()
        .map(|event| {
            let mut bytes = Vec::new();
            event.encode(&mut bytes).unwrap();
            golden_line(event.topic().spec().record, &bytes)
        })
        .collect();
    let (progress, mark, book, portfolio) = state_samples();
    let (journal, snapshot) = history_samples();
    lines.extend([
        golden_state(&journal),
        golden_state(&snapshot),
        golden_state(&progress),
        golden_state(&mark),
        golden_state(&book),
        golden_state(&portfolio),
    ]);
    lines.retain(|line| !committed::holds(line));
    assert!(lines.is_empty(), "not golden:\n{}", lines.join("\n"));
    assert_eq!(
        committed::lines("record ").len(),
        registry().all().len(),
        "one line a version"
    );
}

fn golden<T: DeserializeOwned + Record>(version: u32) -> T {
    let hex = committed::record(T::RECORD, version).unwrap();
    codec::decode(&hex::decode(hex).unwrap()).unwrap()
}

/// A new release goes on with what an old one left in its changelog.
#[test]
fn state_of_former_versions_is_read() {
    let (progress, mark, _, _) = state_samples();
    let second = StateMark {
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
        ..mark
    };
    assert_eq!(golden::<StateMark>(2), second);
    let first = StateMark {
        wide: false,
        ..second
    };
    assert_eq!(golden::<StateMark>(1), first);
    let second = Progress {
        logic: String::new(),
        ..progress
    };
    assert_eq!(golden::<Progress>(2), second);
    let first = Progress {
        snapshot_at: None,
        ..second
    };
    assert_eq!(golden::<Progress>(1), first);
    let (journal, _) = history_samples();
    let first = Journal {
        logic: String::new(),
        ..journal
    };
    assert_eq!(golden::<Journal>(1), first);
}

#[test]
fn logins_of_former_versions_are_read() {
    let Some(Event::Auth(third)) = samples().into_iter().find(|e| matches!(e, Event::Auth(_)))
    else {
        panic!("no login");
    };
    let second = AuthEvent {
        host: None,
        stopped: None,
        ..third
    };
    assert_eq!(golden::<AuthEvent>(2), second);
    let first = AuthEvent {
        login_id: None,
        latency_ms: None,
        ..second
    };
    assert_eq!(golden::<AuthEvent>(1), first);
}

#[test]
fn events_come_back_as_they_went() {
    for event in samples() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        assert_eq!(Event::decode(event.topic(), Some(&bytes)).unwrap(), event);
    }
}

#[test]
fn state_comes_back_as_it_went() {
    fn check<T: Serialize + DeserializeOwned + Record + PartialEq + std::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        codec::encode(value, &mut bytes).unwrap();
        assert_eq!(&codec::decode::<T>(&bytes).unwrap(), value);
    }
    let (progress, mark, book, portfolio) = state_samples();
    let (journal, snapshot) = history_samples();
    check(&journal);
    check(&snapshot);
    check(&progress);
    check(&mark);
    check(&book);
    check(&portfolio);
}

/// A mark of quotes alone is written so that programs of before can read it.
#[test]
fn a_plain_mark_is_written_in_its_first_version() {
    let Some(Event::Mark(full)) = samples().into_iter().find(|e| matches!(e, Event::Mark(_)))
    else {
        panic!("no mark");
    };
    let version = |mark: &Mark<'_>| {
        let mut bytes = Vec::new();
        codec::encode(mark, &mut bytes).unwrap();
        assert_eq!(codec::decode::<Mark<'_>>(&bytes).unwrap(), *mark);
        codec::unframe(&bytes).unwrap().0.version
    };
    assert_eq!(version(&full), 2);
    let plain = Mark {
        last_price: None,
        last_time: None,
        ..full
    };
    assert_eq!(version(&plain), 1);
    let one_sided = Mark {
        basis: MarkBasis::Ask,
        ..plain
    };
    assert_eq!(version(&one_sided), 2);
}

#[test]
fn every_topic_has_a_sample() {
    let topics: Vec<Topic> = samples().iter().map(Event::topic).collect();
    assert_eq!(topics, Topic::ALL);
}

#[test]
fn a_record_of_another_topic_is_refused() {
    let mut bytes = Vec::new();
    Event::Quote(quote()).encode(&mut bytes).unwrap();
    let refusal = Event::decode(Topic::BrokerFills, Some(&bytes)).unwrap_err();
    assert_eq!(refusal.reason, Reason::WrongRecord);
    let refusal = Event::decode(Topic::BrokerFills, None).unwrap_err();
    assert_eq!(refusal.reason, Reason::NoValue);
}

/// What `apache-avro` reads from our bytes.
fn oracle(bytes: &[u8]) -> Vec<(String, Value)> {
    let (schema, mut datum) = codec::unframe(bytes).unwrap();
    match apache_avro::from_avro_datum(&schema.avro, &mut datum, None).unwrap() {
        Value::Record(fields) => {
            assert!(datum.is_empty());
            fields
        }
        other => panic!("{other:?}"),
    }
}

fn unscaled(value: &Value) -> i128 {
    match value {
        Value::Decimal(d) => {
            let bytes: Vec<u8> = d.clone().try_into().unwrap();
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
            let mut wide = [sign; 16];
            wide[16 - bytes.len()..].copy_from_slice(&bytes);
            i128::from_be_bytes(wide)
        }
        Value::Union(_, inner) => unscaled(inner),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_oracle_reads_every_sample_and_writes_the_same_bytes() {
    for event in samples() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        let (schema, _) = codec::unframe(&bytes).unwrap();
        let written =
            apache_avro::to_avro_datum(&schema.avro, Value::Record(oracle(&bytes))).unwrap();
        assert_eq!(
            hex::encode(&written),
            hex::encode(&bytes[5..]),
            "{}",
            schema.record
        );
    }
}

proptest! {
    #[test]
    fn the_oracle_agrees_on_quotes(
        symbol in "\\PC{0,12}", seq: i64, time: i64,
        bid in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
        size in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
    ) {
        let written = Quote {
            symbol: symbol.as_str().into(),
            seq,
            bid_price: Price::from_raw(bid).unwrap(),
            ask_size: Quantity::from_raw(size).unwrap(),
            event_time: Micros(time),
            ..quote()
        };
        let mut bytes = Vec::new();
        codec::encode(&written, &mut bytes).unwrap();
        let read = oracle(&bytes);
        let field = |name: &str| &read.iter().find(|(n, _)| n == name).unwrap().1;
        prop_assert_eq!(field("symbol"), &Value::String(symbol.clone()));
        prop_assert_eq!(field("seq"), &Value::Long(seq));
        prop_assert_eq!(unscaled(field("bid_price")), i128::from(bid));
        prop_assert_eq!(unscaled(field("ask_size")), i128::from(size));
        prop_assert_eq!(field("event_time"), &Value::TimestampMicros(time));
        prop_assert_eq!(codec::decode::<Quote>(&bytes).unwrap(), written);
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>, topic in 0..Topic::ALL.len(), id in 0u32..40) {
        let mut framed = vec![0];
        framed.extend_from_slice(&id.to_be_bytes());
        framed.extend_from_slice(&bytes);
        let _ = Event::decode(Topic::ALL[topic], Some(&framed));
        let _ = Event::decode(Topic::ALL[topic], Some(&bytes));
    }
}
