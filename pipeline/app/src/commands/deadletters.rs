use std::collections::BTreeSet;
use std::time::Duration;

use tapeline_kafka::{
    KafkaError, KafkaSettings, MAX_DEAD_LETTER_BYTES, Publisher, REPLAYED_FROM, RefusedRecord,
    read_to_end,
};
use tapeline_model::Event;
use tapeline_model::records::DeadLetter;
use tapeline_schemas::topics::Topic;

use super::quiet_logs;
use crate::cli::DeadLetters;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

const READ_WITHIN: Duration = Duration::from_secs(120);
/// The newest this many are looked at.
const MAX_READ: usize = 100_000;

pub(super) fn run(config: &Config, action: &DeadLetters) -> Result<(), Failure> {
    quiet_logs(config);
    let kafka = config.kafka_settings()?;
    match action {
        DeadLetters::List {
            topic,
            reason,
            limit,
            json,
        } => {
            let mut dead_letters = read(
                &kafka,
                &Filter {
                    topic: topic.as_deref(),
                    reason: reason.as_deref(),
                    ids: &[],
                },
            )?;
            let skip = dead_letters.len().saturating_sub(*limit);
            dead_letters.drain(..skip);
            list(&dead_letters, *json)
        }
        DeadLetters::Show { id } => {
            let ids = [id.clone()];
            let dead_letters = read(
                &kafka,
                &Filter {
                    ids: &ids,
                    ..Filter::default()
                },
            )?;
            match dead_letters.last() {
                Some(letter) => {
                    show(letter);
                    Ok(())
                }
                None => Err(Failure::CheckFailed(format!(
                    "no dead letter has the id {id}"
                ))),
            }
        }
        DeadLetters::Replay {
            ids,
            reason,
            topic,
            yes,
        } => {
            let wanted = Filter {
                topic: topic.as_deref(),
                reason: reason.as_deref(),
                ids,
            };
            replay(&kafka, read(&kafka, &wanted)?, *yes)
        }
    }
}

#[derive(Default)]
struct Filter<'a> {
    topic: Option<&'a str>,
    reason: Option<&'a str>,
    ids: &'a [String],
}

impl Filter<'_> {
    fn matches(&self, letter: &DeadLetter) -> bool {
        let id = letter.letter_id.to_string();
        self.topic.is_none_or(|topic| topic == letter.topic)
            && self.reason.is_none_or(|reason| reason == letter.reason)
            && (self.ids.is_empty()
                || self
                    .ids
                    .iter()
                    .any(|wanted| id.starts_with(wanted.as_str())))
    }
}

/// Oldest first, each once, however often it was written.
fn read(kafka: &KafkaSettings, wanted: &Filter<'_>) -> Result<Vec<DeadLetter>, Failure> {
    let names = kafka.names();
    let topic = names.topic(Topic::DeadLetters);
    let mut dead_letters: Vec<DeadLetter> = Vec::new();
    for partition in 0..kafka.partitions(Topic::DeadLetters.spec().group) as i32 {
        read_to_end(kafka, topic, partition, None, READ_WITHIN, |message| {
            if let Ok(Event::DeadLetter(letter)) = Event::decode(Topic::DeadLetters, message.value)
                && wanted.matches(&letter)
                && dead_letters.len() < MAX_READ
            {
                dead_letters.push(letter);
            }
            Ok::<(), KafkaError>(())
        })?;
    }
    dead_letters.sort_by_key(|letter| (letter.event_time, letter.letter_id));
    dead_letters.dedup_by_key(|letter| letter.letter_id);
    Ok(dead_letters)
}

fn list(dead_letters: &[DeadLetter], json: bool) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = dead_letters.iter().map(as_json).collect();
        return console::json(&all);
    }
    let rows: Vec<Vec<String>> = dead_letters
        .iter()
        .map(|letter| {
            vec![
                letter.letter_id.to_string().chars().take(13).collect(),
                letter.event_time.to_string().chars().take(19).collect(),
                format!("{}/{}/{}", letter.topic, letter.partition, letter.offset),
                letter.source.clone(),
                letter.reason.clone(),
                letter.message.clone(),
            ]
        })
        .collect();
    if rows.is_empty() {
        console::line("no dead letters");
    } else {
        console::table(&["ID", "TIME", "FROM", "BY", "REASON", "MESSAGE"], &rows);
    }
    Ok(())
}

fn as_json(letter: &DeadLetter) -> serde_json::Value {
    serde_json::json!({
        "letter_id": letter.letter_id.to_string(),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key.as_deref().map(String::from_utf8_lossy),
        "value_hex": letter.value.as_deref().map(hex::encode),
        "reason": letter.reason,
        "message": letter.message,
        "source": letter.source,
        "time": letter.event_time.to_string(),
    })
}

fn show(letter: &DeadLetter) {
    console::line(format!("id       {}", letter.letter_id));
    console::line(format!(
        "from     {} partition {} offset {}",
        letter.topic, letter.partition, letter.offset
    ));
    console::line(format!(
        "refused  {} by {}",
        letter.event_time, letter.source
    ));
    console::line(format!("reason   {}: {}", letter.reason, letter.message));
    if let Some(key) = &letter.key {
        console::line(format!(
            "key      {}",
            String::from_utf8_lossy(key).escape_debug()
        ));
    }
    let value = letter.value.as_deref().unwrap_or_default();
    console::line(format!("value    {} bytes", value.len()));
    for (row, chunk) in value.chunks(16).take(64).enumerate() {
        let text: String = chunk
            .iter()
            .map(|b| {
                if b.is_ascii_graphic() || *b == b' ' {
                    char::from(*b)
                } else {
                    '.'
                }
            })
            .collect();
        console::line(format!(
            "  {:06x}  {:32}  {text}",
            row * 16,
            hex::encode(chunk)
        ));
    }
}

fn replay(
    kafka: &KafkaSettings,
    mut dead_letters: Vec<DeadLetter>,
    yes: bool,
) -> Result<(), Failure> {
    // A record that two consumers refused is sent once.
    let mut seen = BTreeSet::new();
    dead_letters.retain(|l| seen.insert((l.topic.clone(), l.partition, l.offset)));
    if dead_letters.is_empty() {
        return Err(Failure::CheckFailed("no dead letter fits".to_owned()));
    }
    if !yes {
        for letter in &dead_letters {
            console::line(format!(
                "would send {} to {}",
                letter.letter_id, letter.topic
            ));
        }
        console::line(format!(
            "{}; add --yes to send them",
            console::count(dead_letters.len(), "record")
        ));
        return Ok(());
    }
    let publisher = Publisher::new(kafka, "deadletters")?;
    let names = kafka.names();
    for letter in &dead_letters {
        let Some(topic) = Topic::from_name(&letter.topic) else {
            return Err(Failure::CheckFailed(format!(
                "{} is no topic of this release",
                letter.topic
            )));
        };
        if is_truncated(letter) {
            let message = format!(
                "{} holds only the first part of its record",
                letter.letter_id
            );
            return Err(Failure::CheckFailed(message));
        }
        let record = RefusedRecord {
            topic: &letter.topic,
            partition: letter.partition,
            offset: letter.offset,
            timestamp_ms: None,
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
        };
        let origin = record.replayed_from();
        let headers = [(REPLAYED_FROM, origin.as_bytes())];
        publisher.replay(names.topic(topic), record.key, record.value, &headers)?;
    }
    publisher.flush(READ_WITHIN)?;
    console::line(format!(
        "{} sent again",
        console::count(dead_letters.len(), "record")
    ));
    Ok(())
}

/// Dead letters of very large records hold only what fits.
fn is_truncated(letter: &DeadLetter) -> bool {
    let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    len(&letter.key) + len(&letter.value) >= MAX_DEAD_LETTER_BYTES
}
