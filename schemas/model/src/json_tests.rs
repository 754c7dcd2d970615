use serde_json::json;

use super::*;
use crate::Event;
use crate::event::tests::samples;
use tapeline_schemas::topics::Topic;

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

fn quote() -> Map<String, Json> {
    object(json!({
        "symbol": "AAPL", "venue": "XNAS", "seq": 7,
        "bid_price": "189.12", "ask_price": 189.13, "bid_size": 100, "ask_size": "250.5",
        "event_time": "2026-11-21T09:30:00.000001Z", "ingest_time": 1_795_253_400_000_002_i64,
        "source": "mine",
    }))
}

#[test]
fn every_record_comes_back_as_it_was() {
    for event in samples() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        let fields = to_json(&bytes).unwrap();
        let again = from_json(event.topic().spec().record, &fields).unwrap();
        assert_eq!(
            Event::decode(event.topic(), Some(&again)).unwrap(),
            event,
            "{fields:?}"
        );
    }
}

#[test]
fn decimals_and_times_are_text_and_may_be_numbers() {
    let bytes = from_json("quote", &quote()).unwrap();
    let Event::Quote(read) = Event::decode(Topic::MarketQuotes, Some(&bytes)).unwrap() else {
        panic!("another record");
    };
    assert_eq!(read.ask_price.to_string(), "189.13");
    let shown = Json::Object(to_json(&bytes).unwrap());
    assert_eq!(shown["bid_size"], "100");
    assert_eq!(shown["event_time"], "2026-11-21T09:30:00.000001Z");
    assert_eq!(shown["ingest_time"], "2026-11-21T09:30:00.000002Z");
}

#[test]
fn what_is_left_out_has_its_default() {
    let command = object(json!({
        "command_id": "c-1", "portfolio": "growth", "kind": "HALT", "author": "maria",
        "reason": "lunch", "event_time": 1, "ingest_time": 1, "source": "mine",
    }));
    let bytes = from_json("command", &command).unwrap();
    let Event::Command(read) = Event::decode(Topic::ControlCommands, Some(&bytes)).unwrap() else {
        panic!("another record");
    };
    assert_eq!((read.overrides.len(), read.limit), (0, None));
}

#[test]
fn what_is_wrong_is_told_with_its_field_and_what_is_wanted() {
    let decimal = "must be a decimal as text, like \"189.12\", with at most 8 places";
    for (field, value, told) in [
        (
            "symbol",
            json!(7),
            "`symbol` is 7, but must be a text".to_owned(),
        ),
        (
            "seq",
            json!(1.5),
            "`seq` is 1.5, but must be a whole number".to_owned(),
        ),
        (
            "bid_price",
            json!("a lot"),
            format!("`bid_price` is \"a lot\", but {decimal}"),
        ),
        (
            "bid_price",
            json!("0.000000001"),
            format!("`bid_price` is \"0.000000001\", but {decimal}"),
        ),
        (
            "bid_price",
            json!(123_456_789.123_456_78),
            format!("`bid_price` is 123456789.12345678, but {decimal}"),
        ),
        (
            "event_time",
            json!("yesterday"),
            "`event_time` is \"yesterday\", but must be a time".to_owned(),
        ),
        (
            "event_time",
            json!(-1),
            "`event_time` is -1, but must be a time".to_owned(),
        ),
        (
            "bid",
            json!("1"),
            "`bid` is no field of this record; there are symbol, venue".to_owned(),
        ),
    ] {
        let mut fields = quote();
        fields.insert(field.to_owned(), value);
        let error = from_json("quote", &fields).unwrap_err().to_string();
        assert!(error.starts_with(&told), "{error}");
    }
    let mut fields = quote();
    fields.remove("ask_price");
    let error = from_json("quote", &fields).unwrap_err().to_string();
    assert!(
        error.starts_with("`ask_price` is missing; it is a decimal"),
        "{error}"
    );
    assert_eq!(
        from_json("nothing", &fields).unwrap_err().to_string(),
        "there is no record nothing"
    );
}

#[test]
fn bytes_that_are_no_record_are_an_error() {
    for bytes in [
        &b""[..],
        b"{}",
        &[0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ] {
        assert!(to_json(bytes).is_err(), "{bytes:?}");
    }
}
