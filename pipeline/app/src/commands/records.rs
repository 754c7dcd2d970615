//! Records of any topic as JSON: read as any other consumer would, and written as processors
//! and sinks want them.

use std::io::BufRead;

use serde_json::{Map, Value, json};
use tapeline_kafka::{Message, Publisher};
use tapeline_model::{Event, Micros, json as record_json};
use tapeline_schemas::topics::Topic;

use super::quiet_logs;
use super::tail::{Begin, RecordTail};
use crate::cli::{Records, TailFrom, TailRecords};
use crate::config::{Config, Span};
use crate::console;
use crate::failure::Failure;
use crate::publish::now;
use crate::registry;

/// All lines are held until the last one is checked.
const MOST_BYTES: u64 = 64 << 20;
const DELIVER_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);
const POLL: std::time::Duration = std::time::Duration::from_millis(500);
const SOURCE: &str = "records";

pub(super) fn run(config: &Config, action: &Records) -> Result<(), Failure> {
    quiet_logs(config);
    match action {
        Records::Tail(wanted) => tail(config, wanted),
        Records::Produce { topic } => produce(config, *topic, std::io::stdin().lock()),
    }
}

fn tail(config: &Config, wanted: &TailRecords) -> Result<(), Failure> {
    let kafka = config.kafka_settings()?;
    let begin = match wanted.from {
        TailFrom::Oldest => Begin::Oldest,
        TailFrom::Newest => Begin::Newest,
        TailFrom::Ago(span) => Begin::Since(ago(span)),
    };
    let mut tail = RecordTail::open(&kafka, &[wanted.topic], begin, wanted.key.as_deref())?;
    let (mut seen, mut result) = (0, Ok(()));
    loop {
        tail.next(POLL, |topic, message| {
            let is_wanted = |key: &String| message.key == Some(key.as_bytes());
            let has_more = wanted.count.is_none_or(|most| seen < most);
            if has_more && wanted.key.as_ref().is_none_or(is_wanted) {
                seen += 1;
                let shown = show(topic, message, wanted.json);
                result = std::mem::replace(&mut result, Ok(())).and(shown);
            }
        })?;
        std::mem::replace(&mut result, Ok(()))?;
        let is_enough = wanted.count.is_some_and(|most| seen >= most);
        if is_enough || wanted.end && tail.is_at_the_end() {
            return Ok(());
        }
    }
}

fn ago(span: Span) -> Micros {
    let micros = i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX);
    Micros(now().0.saturating_sub(micros).max(0))
}

fn show(topic: Topic, message: &Message<'_>, as_json: bool) -> Result<(), Failure> {
    // The event's own reading is the strict one; what it refuses is a dead letter elsewhere.
    let value = match (Event::decode(topic, message.value), message.value) {
        (Ok(_), Some(bytes)) => record_json::to_json(bytes).map_err(|error| error.to_string()),
        (Err(refusal), _) => Err(refusal.message),
        (Ok(_), None) => Err("it has no value".to_owned()),
    };
    let key = message.key.map(String::from_utf8_lossy);
    let (partition, offset) = (message.partition, message.offset);
    if !as_json {
        let shown = match value {
            Ok(fields) => sentence(&fields),
            Err(why) => format!("cannot be read: {why}"),
        };
        console::line(format!("{topic} {partition}@{offset}  {shown}"));
        return Ok(());
    }
    let headers: Map<String, Value> = message
        .headers()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into()))
        .collect();
    let mut shown = json!({
        "topic": topic.name(), "partition": partition, "offset": offset,
        "timestamp_ms": message.timestamp_ms, "key": key, "headers": headers,
    });
    match value {
        Ok(fields) => shown["value"] = Value::Object(fields),
        Err(why) => shown["error"] = why.into(),
    }
    console::json(&shown)
}

/// `name=value` for what the record says, without what every record has.
fn sentence(fields: &Map<String, Value>) -> String {
    let time = fields.get("event_time").and_then(Value::as_str);
    let is_shown = |name: &str| !["event_time", "ingest_time", "source"].contains(&name);
    let shown = fields
        .iter()
        .filter(|(name, value)| is_shown(name) && !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => {
                format!("{name}={text}")
            }
            other => format!("{name}={other}"),
        });
    let words: Vec<String> = time.map(str::to_owned).into_iter().chain(shown).collect();
    words.join(" ")
}

fn produce(config: &Config, topic: Topic, input: impl BufRead) -> Result<(), Failure> {
    if let Some(processor) = registry::writer_of(config, topic) {
        return Err(Failure::Usage(format!(
            "{topic} is written by the processor {processor} alone: a record from elsewhere would \
             be in no journal and in no replay; write to the topics that it reads"
        )));
    }
    let kafka = config.kafka_settings()?;
    let records = read(topic, input)?;
    let publisher = Publisher::new(&kafka, SOURCE)?;
    let name = kafka.names().topic(topic).to_owned();
    for (key, value) in &records {
        publisher.publish(&name, key.as_bytes(), value, &[], None)?;
    }
    publisher.flush(DELIVER_WITHIN)?;
    console::say(format!(
        "{} written to {name}",
        console::count(records.len(), "record")
    ));
    Ok(())
}

/// Key and value of each line; none, if one of them is wrong.
fn read(topic: Topic, input: impl BufRead) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut records = Vec::new();
    let mut input = input.take(MOST_BYTES + 1);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::Usage(format!("line {number}: {why}; nothing was written"))
        };
        match input.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(wrong(&error)),
        }
        if input.limit() == 0 {
            let why = "the input is longer than 64 MiB; write it in parts";
            return Err(wrong(&why));
        }
        if line.trim().is_empty() {
            continue;
        }
        records.push(record(topic, &line).map_err(|why| wrong(&why))?);
    }
    Ok(records)
}

fn record(topic: Topic, line: &str) -> Result<(String, Vec<u8>), String> {
    let mut fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("it is no JSON object: {error}"))?;
    for (field, value) in [
        ("event_time", Value::from(now().0)),
        ("ingest_time", now().0.into()),
        ("source", SOURCE.into()),
    ] {
        fields.entry(field).or_insert(value);
    }
    let record = topic.spec().record;
    let value = record_json::from_json(record, &fields).map_err(|error| {
        format!("{error}; `tapeline schemas show {record}` lists what a {record} has")
    })?;
    let event = Event::decode(topic, Some(&value)).map_err(|refusal| refusal.message)?;
    let key = event.key().to_owned();
    if key.is_empty() {
        return Err("its key is empty: it could not be kept in order".to_owned());
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTE: &str = r#"{"symbol":"AAPL","venue":"mine","seq":1,"bid_price":"189.12","ask_price":"189.13","bid_size":"1","ask_size":2}"#;

    #[test]
    fn lines_become_records_with_their_keys() {
        let input = format!("{QUOTE}\n\n{}\n", QUOTE.replace("AAPL", "MSFT"));
        let records = read(Topic::MarketQuotes, input.as_bytes()).unwrap();
        let keys: Vec<&str> = records.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["AAPL", "MSFT"]);
        let Event::Quote(quote) = Event::decode(Topic::MarketQuotes, Some(&records[1].1)).unwrap()
        else {
            panic!("another record");
        };
        assert_eq!(
            (&*quote.source, quote.ask_size.to_string()),
            (SOURCE, "2".to_owned())
        );
        assert!(now().0 - quote.event_time.0 < 60_000_000);
    }

    #[test]
    fn one_wrong_line_writes_nothing() {
        for (line, told) in [
            ("[]", "line 2: it is no JSON object"),
            ("{\"symbol\":", "line 2: it is no JSON object"),
            ("{}", "line 2: `symbol` is missing"),
            (&QUOTE.replace("AAPL", ""), "line 2: its key is empty"),
            (
                &QUOTE.replace("\"189.12\"", "\"x\""),
                "line 2: `bid_price` is \"x\"",
            ),
        ] {
            let input = format!("{QUOTE}\n{line}\n");
            let failure = read(Topic::MarketQuotes, input.as_bytes()).unwrap_err();
            assert!(failure.to_string().starts_with(told), "{failure}");
            assert!(
                failure.to_string().ends_with("nothing was written"),
                "{failure}"
            );
            assert_eq!(failure.code(), 2);
        }
    }

    #[test]
    fn a_sentence_leaves_out_what_every_record_has() {
        let fields = json!({"symbol": "A B", "price": "1", "none": null, "source": "x",
            "event_time": "2026-11-21T09:30:00Z"});
        let Value::Object(fields) = fields else {
            panic!("no object");
        };
        let shown = sentence(&fields);
        assert_eq!(shown, "2026-11-21T09:30:00Z price=1 symbol=\"A B\"");
    }
}
