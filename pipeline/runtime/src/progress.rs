//! How far the tasks of a processor are, and going on behind records that are
//! gone, if a person says so in writing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, TaskProducer, TxError};
use tapeline_model::ids::output_id;
use tapeline_model::records::{Alert, Journal, Progress, Severity};
use tapeline_model::{Event, Micros};
use tapeline_processors::Input;
use tapeline_schemas::codec::{self, DecodeError, EncodeError};
use tapeline_schemas::topics::Topic;

use crate::changelog;
use crate::journal::Fingerprint;

const READ_WITHIN: Duration = Duration::from_secs(600);
const MOST_REASON: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Transaction(#[from] TxError),
    #[error(
        "the progress in {topic}[{task}] cannot be read: {source}; was it written by a newer release?"
    )]
    Decode {
        topic: String,
        task: u32,
        source: DecodeError,
    },
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("task {0} has not read anything yet: there is nothing to accept")]
    NotBegun(u32),
    #[error(
        "task {task} does not read {topic}[{partition}]; `tapeline tasks list` shows what it reads"
    )]
    NotRead {
        task: u32,
        topic: Topic,
        partition: u32,
    },
    #[error(
        "there is no gap: task {task} goes on at offset {next} of {topic}[{partition}], which holds {first} to {end}"
    )]
    NoGap {
        task: u32,
        topic: Topic,
        partition: u32,
        next: i64,
        first: i64,
        end: i64,
    },
    #[error(
        "a reason must be given, in at most {MOST_REASON} characters: it is what readers of the alert will see"
    )]
    Reason,
}

/// One input of a task: what it reads next, and what the topic holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProgress {
    pub topic: &'static str,
    pub partition: u32,
    /// None before its first record.
    pub next: Option<i64>,
    pub first: i64,
    pub end: i64,
}

impl InputProgress {
    /// Offsets not yet read; markers of transactions count.
    pub fn behind(&self) -> i64 {
        self.end - self.next.unwrap_or(self.first)
    }

    /// What comes next is not there any more.
    pub fn is_gap(&self) -> bool {
        self.next
            .is_some_and(|next| !(self.first..=self.end).contains(&next))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskProgress {
    pub processor: &'static str,
    pub task: u32,
    pub transactions: i64,
    pub inputs: Vec<InputProgress>,
}

/// How far a task is; asks nobody but the topics.
pub fn progress(
    kafka: &KafkaSettings,
    processor: &'static str,
    inputs: &[Input],
    task: u32,
) -> Result<TaskProgress, ProgressError> {
    let names = kafka.names();
    let mut reader = BatchReader::new(kafka, &names.group("progress"))?;
    let record = read(kafka, &mut reader, processor, task)?.unwrap_or_default();
    let known: BTreeMap<(&str, i32), i64> = record
        .inputs
        .iter()
        .map(|input| ((input.topic.as_str(), input.partition), input.next_offset))
        .collect();
    let mut shown = Vec::new();
    for input in inputs {
        let count = kafka.partitions(input.topic.spec().group);
        for partition in input.partitions(task, count) {
            let topic = input.topic.name();
            let (first, end) = reader.range(names.topic(input.topic), partition as i32)?;
            shown.push(InputProgress {
                topic,
                partition,
                next: known.get(&(topic, partition as i32)).copied(),
                first,
                end,
            });
        }
    }
    Ok(TaskProgress {
        processor,
        task,
        transactions: record.transactions,
        inputs: shown,
    })
}

fn read(
    kafka: &KafkaSettings,
    reader: &mut BatchReader,
    processor: &str,
    task: u32,
) -> Result<Option<Progress>, ProgressError> {
    let topic = kafka.names().changelog(processor);
    let mut found = None;
    reader.read_to_end(&topic, task as i32, None, READ_WITHIN, |message| {
        if message.key == Some(changelog::PROGRESS) {
            found = message.value.map(<[u8]>::to_vec);
        }
        Ok::<(), KafkaError>(())
    })?;
    found
        .map(|value| codec::decode(&value))
        .transpose()
        .map_err(|source| ProgressError::Decode {
            topic,
            task,
            source,
        })
}

/// Who accepts what, and why.
#[derive(Debug, Clone)]
pub struct Acceptance<'a> {
    pub topic: Topic,
    pub partition: u32,
    pub by: &'a str,
    pub reason: &'a str,
    pub now: Micros,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    pub processor: &'static str,
    pub task: u32,
    pub topic: &'static str,
    pub partition: u32,
    pub from: i64,
    pub to: i64,
}

/// Moves a task behind a gap, in a transaction of its own that also says so in an
/// alert. Whoever runs the task at this moment is fenced, and takes it again.
pub fn accept_gap(
    kafka: &KafkaSettings,
    processor: &'static str,
    inputs: &[Input],
    task: u32,
    acceptance: &Acceptance<'_>,
) -> Result<Accepted, ProgressError> {
    let reason = acceptance.reason.trim();
    if reason.is_empty() || reason.chars().count() > MOST_REASON {
        return Err(ProgressError::Reason);
    }
    // Fencing a healthy task for nothing would stop it for a while: look first.
    find_gap(kafka, processor, inputs, task, acceptance)?;
    let names = kafka.names();
    let producer = TaskProducer::new(kafka, &names.transactional_id(processor, task))?;
    producer.fence()?;
    let (mut record, accepted) = find_gap(kafka, processor, inputs, task, acceptance)?;
    for input in &mut record.inputs {
        if input.topic == accepted.topic && input.partition == accepted.partition as i32 {
            input.next_offset = accepted.to;
        }
    }
    record.transactions += 1;
    write(kafka, &producer, &record, &accepted, acceptance)?;
    Ok(accepted)
}

fn find_gap(
    kafka: &KafkaSettings,
    processor: &'static str,
    inputs: &[Input],
    task: u32,
    acceptance: &Acceptance<'_>,
) -> Result<(Progress, Accepted), ProgressError> {
    let mut reader = BatchReader::new(kafka, &kafka.names().group("progress"))?;
    let record = read(kafka, &mut reader, processor, task)?.ok_or(ProgressError::NotBegun(task))?;
    let (topic, partition) = (acceptance.topic, acceptance.partition);
    let found = progress(kafka, processor, inputs, task)?;
    let mut inputs = found.inputs.iter();
    let input = inputs.find(|i| i.topic == topic.name() && i.partition == partition);
    let Some((input, next)) = input.and_then(|input| Some((input, input.next?))) else {
        return Err(ProgressError::NotRead {
            task,
            topic,
            partition,
        });
    };
    if !input.is_gap() {
        return Err(ProgressError::NoGap {
            task,
            topic,
            partition,
            next,
            first: input.first,
            end: input.end,
        });
    }
    let accepted = Accepted {
        processor,
        task,
        topic: topic.name(),
        partition,
        from: next,
        to: input.first,
    };
    Ok((record, accepted))
}

fn write(
    kafka: &KafkaSettings,
    producer: &TaskProducer,
    record: &Progress,
    accepted: &Accepted,
    acceptance: &Acceptance<'_>,
) -> Result<(), ProgressError> {
    let names = kafka.names();
    let own = Some(accepted.task as i32);
    // It read nothing and the processor put nothing out: a replay comes to the same.
    let nothing = Fingerprint::default();
    let journal = Journal {
        transaction: record.transactions,
        steps: Vec::new(),
        sealed_at: acceptance.now,
        outputs: nothing.count(),
        output_hash: nothing.finish(),
        state_hash: None,
        logic: record.logic.clone(),
    };
    let alert = Event::Alert(alert(accepted, acceptance, record.transactions));
    let mut value = Vec::new();
    producer.begin()?;
    alert.encode(&mut value)?;
    let (topic, key) = (names.topic(alert.topic()), alert.key());
    producer.send(topic, None, key.as_bytes(), Some(&value), &[], None)?;
    codec::encode(&journal, &mut value)?;
    let (topic, key) = (
        names.journal(accepted.processor),
        record.transactions.to_be_bytes(),
    );
    producer.send(&topic, own, &key, Some(&value), &[], None)?;
    codec::encode(record, &mut value)?;
    let topic = names.changelog(accepted.processor);
    producer.send(&topic, own, changelog::PROGRESS, Some(&value), &[], None)?;
    producer.commit()?;
    Ok(())
}

fn alert(accepted: &Accepted, acceptance: &Acceptance<'_>, transaction: i64) -> Alert {
    let Accepted {
        processor,
        task,
        topic,
        partition,
        from,
        to,
    } = accepted;
    let what = match to - from {
        count @ 1.. => format!("{count} offsets were never read"),
        _ => "the topic was made anew".to_owned(),
    };
    let rule = format!("alert/gap_accepted/{transaction}");
    Alert {
        alert_id: output_id(topic, *partition, (*to).max(0) as u64, &rule, *task),
        key: format!("{processor}/{task}/gap_accepted"),
        subject: (*processor).to_owned(),
        rule: "gap_accepted".to_owned(),
        severity: Severity::Warning,
        message: format!(
            "{processor} task {task} goes on at offset {to} of {topic}[{partition}] instead of {from}: {what}; \
             accepted by {}: {}",
            acceptance.by,
            acceptance.reason.trim()
        ),
        value: None,
        limit: None,
        procedure: "accepted-gap".to_owned(),
        cause_topic: (*topic).to_owned(),
        cause_partition: *partition as i32,
        cause_offset: *to,
        event_time: acceptance.now,
        ingest_time: acceptance.now,
        source: (*processor).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(next: Option<i64>) -> InputProgress {
        InputProgress {
            topic: "market.marks",
            partition: 0,
            next,
            first: 100,
            end: 200,
        }
    }

    #[test]
    fn a_gap_is_whatever_lies_outside_of_what_the_topic_holds() {
        assert!(!input(None).is_gap(), "it begins at the first there is");
        assert!(!input(Some(100)).is_gap() && !input(Some(200)).is_gap());
        assert!(input(Some(99)).is_gap() && input(Some(201)).is_gap());
        assert_eq!(input(Some(150)).behind(), 50);
        assert_eq!(input(None).behind(), 100);
    }

    #[test]
    fn the_alert_says_who_accepted_what_and_why() {
        let accepted = Accepted {
            processor: "risk",
            task: 2,
            topic: "market.marks",
            partition: 1,
            from: 40,
            to: 100,
        };
        let acceptance = Acceptance {
            topic: Topic::MarketMarks,
            partition: 1,
            by: "ada",
            reason: " the disk was full ",
            now: Micros(5),
        };
        let text = alert(&accepted, &acceptance, 9).message;
        let expected = "risk task 2 goes on at offset 100 of market.marks[1] instead of 40: 60 offsets were \
                        never read; accepted by ada: the disk was full";
        assert_eq!(text, expected);
        let anew = Accepted {
            from: 500,
            to: 0,
            ..accepted
        };
        assert!(alert(&anew, &acceptance, 9).message.contains("made anew"));
    }
}
