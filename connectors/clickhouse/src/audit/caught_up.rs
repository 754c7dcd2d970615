//! Waits until the sink has reached the ends of the topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;
use tapeline_kafka::{KafkaError, KafkaSettings, tail};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tokio::runtime::Handle;

use super::{AuditError, Extent, extents};
use crate::client::Store;
use crate::error::StoreError;
use crate::rows::{self, table};
use crate::sink::{LETTER_SOURCE, Reached};

const AGAIN: Duration = Duration::from_millis(200);

/// Waits until every record that the topics hold now is in the store or among
/// its dead letters. Blocks, so it must not be called on an async worker.
pub fn wait_caught_up(
    kafka: &KafkaSettings,
    store: &Store,
    only: Option<Topic>,
    within: Duration,
    runtime: &Handle,
) -> Result<(), AuditError> {
    let topics = only.map_or_else(|| Topic::ALL.to_vec(), |only| vec![only]);
    wait_for(kafka, store, &extents(kafka, &topics)?, within, runtime)
}

/// A partition's last record. Ranges of a partition go in one after the other,
/// so once it is there, all before it are.
#[derive(Debug, Clone, Copy)]
struct Last {
    topic: Topic,
    partition: u32,
    offset: u64,
}

#[derive(Row, Deserialize)]
struct Reach {
    partition: u32,
    reaches: u64,
}

pub(super) fn wait_for(
    kafka: &KafkaSettings,
    store: &Store,
    extents: &[Extent],
    within: Duration,
    runtime: &Handle,
) -> Result<(), AuditError> {
    let started = Instant::now();
    let mut missing = Vec::new();
    for extent in extents.iter().filter(|extent| extent.low < extent.end) {
        missing.extend(last_record(kafka, *extent)?);
    }
    let sinks = Reached::new(kafka)?;
    loop {
        missing = runtime.block_on(still_missing(store, missing))?;
        missing = not_done(&sinks, missing)?;
        let Some(first) = missing.first() else {
            return Ok(());
        };
        if started.elapsed() >= within {
            let Last {
                topic,
                partition,
                offset,
            } = *first;
            let topic = topic.name().to_owned();
            return Err(AuditError::Behind {
                topic,
                partition,
                offset,
                waited: within,
            });
        }
        std::thread::sleep(AGAIN);
    }
}

fn by_topic(wanted: &[Last]) -> BTreeMap<Topic, Vec<Last>> {
    let mut by_topic = BTreeMap::<Topic, Vec<Last>>::new();
    for last in wanted {
        by_topic.entry(last.topic).or_default().push(*last);
    }
    by_topic
}

/// Without those that the sinks are done with: whether their rows are there is for the audit to say.
fn not_done(sinks: &Reached, wanted: Vec<Last>) -> Result<Vec<Last>, KafkaError> {
    let mut left = Vec::new();
    for (topic, wanted) in by_topic(&wanted) {
        let done = sinks.of(topic, wanted.iter().map(|last| last.partition))?;
        let is_done = |last: &Last| {
            done.get(&last.partition)
                .is_some_and(|standing| standing.done > last.offset)
        };
        left.extend(wanted.into_iter().filter(|last| !is_done(last)));
    }
    Ok(left)
}

fn last_record(kafka: &KafkaSettings, extent: Extent) -> Result<Option<Last>, AuditError> {
    let Extent {
        topic, partition, ..
    } = extent;
    let newest = tail(kafka, kafka.names().topic(topic), partition as i32, 1)?;
    let Some(record) = newest.first() else {
        return Ok(None);
    };
    // The sink leaves an unreadable letter out: nothing of it will ever be there.
    if topic == Topic::DeadLetters && !has_row(record.value.as_deref()) {
        return Ok(None);
    }
    let offset = u64::try_from(record.offset).unwrap_or_default();
    Ok(Some(Last {
        topic,
        partition,
        offset,
    }))
}

fn has_row(letter: Option<&[u8]>) -> bool {
    let event = Event::decode(Topic::DeadLetters, letter);
    event.is_ok_and(|event| rows::write(&event, 0, 0, &mut Vec::new()).is_ok())
}

async fn still_missing(store: &Store, wanted: Vec<Last>) -> Result<Vec<Last>, StoreError> {
    let mut missing = Vec::new();
    for (topic, wanted) in by_topic(&wanted) {
        let rows = reaches(store, &format!("SELECT _partition AS partition, max(_offset) AS reaches FROM {} GROUP BY partition", table(topic))).await?;
        let letters = reaches(
            store,
            &format!(
                "SELECT partition, max(offset) AS reaches FROM {} WHERE source = '{LETTER_SOURCE}' AND topic = '{}' GROUP BY partition",
                table(Topic::DeadLetters),
                topic.name()
            ),
        )
        .await?;
        let is_there = |last: &Last| {
            rows.iter()
                .chain(&letters)
                .any(|at| at.partition == last.partition && at.reaches >= last.offset)
        };
        missing.extend(wanted.into_iter().filter(|last| !is_there(last)));
    }
    Ok(missing)
}

async fn reaches(store: &Store, sql: &str) -> Result<Vec<Reach>, StoreError> {
    store.rows::<Reach>(sql).await
}
