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
use crate::rows;
use crate::sink::{DEAD_LETTER_SOURCE, GroupOffset, GroupOffsets};

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

/// A partition's last record. Ranges of a partition go in one after the other, so once it is
/// there and no range is under way, all before it are.
#[derive(Debug, Clone, Copy)]
struct LastRecord {
    topic: Topic,
    partition: u32,
    offset: u64,
}

#[derive(Row, Deserialize)]
struct NewestOffset {
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
    let sinks = GroupOffsets::new(kafka)?;
    loop {
        // The rows before the notes: what is under way was announced before it is seen.
        let there = runtime.block_on(there(store, &missing))?;
        let group_offsets = group_offsets(&sinks, &missing)?;
        missing.retain(|last| {
            let at = group_offsets.get(&(last.topic, last.partition)).copied();
            let newest = there.get(&(last.topic, last.partition)).copied();
            !is_reached(last.offset, at, newest)
        });
        let Some(first) = missing.first() else {
            return Ok(());
        };
        if started.elapsed() >= within {
            let LastRecord {
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

/// Whether nothing up to this offset is still to come: the group is done with it, or its row or a
/// letter is there. Of a range that is under way, some rows and letters come before others.
fn is_reached(offset: u64, group_offset: Option<GroupOffset>, newest: Option<u64>) -> bool {
    let is_there = newest.is_some_and(|newest| newest >= offset);
    let Some(GroupOffset { done, begun }) = group_offset else {
        return is_there;
    };
    let is_under_way = begun.is_some_and(|range| range.start <= offset);
    !is_under_way && (is_there || done > offset)
}

fn by_topic(wanted: &[LastRecord]) -> BTreeMap<Topic, Vec<u32>> {
    let mut by_topic = BTreeMap::<Topic, Vec<u32>>::new();
    for last in wanted {
        by_topic.entry(last.topic).or_default().push(last.partition);
    }
    by_topic
}

fn group_offsets(
    sinks: &GroupOffsets,
    wanted: &[LastRecord],
) -> Result<BTreeMap<(Topic, u32), GroupOffset>, KafkaError> {
    let mut group_offsets = BTreeMap::new();
    for (topic, partitions) in by_topic(wanted) {
        let found = sinks.of(topic, partitions)?;
        group_offsets.extend(
            found
                .into_iter()
                .map(|(partition, at)| ((topic, partition), at)),
        );
    }
    Ok(group_offsets)
}

fn last_record(kafka: &KafkaSettings, extent: Extent) -> Result<Option<LastRecord>, AuditError> {
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
    Ok(Some(LastRecord {
        topic,
        partition,
        offset,
    }))
}

fn has_row(letter: Option<&[u8]>) -> bool {
    let event = Event::decode(Topic::DeadLetters, letter);
    event.is_ok_and(|event| rows::write(&event, 0, 0, &mut Vec::new()).is_ok())
}

/// The newest offset of each partition that has a row or a letter of the sink.
async fn there(
    store: &Store,
    wanted: &[LastRecord],
) -> Result<BTreeMap<(Topic, u32), u64>, StoreError> {
    let mut newest = BTreeMap::new();
    for topic in by_topic(wanted).into_keys() {
        let rows = reaches(store, &format!("SELECT _partition AS partition, max(_offset) AS reaches FROM {} GROUP BY partition", topic.table())).await?;
        let letters = reaches(
            store,
            &format!(
                "SELECT partition, max(offset) AS reaches FROM {} WHERE source = '{DEAD_LETTER_SOURCE}' AND topic = '{}' GROUP BY partition",
                Topic::DeadLetters.table(),
                topic.name()
            ),
        )
        .await?;
        for at in rows.iter().chain(&letters) {
            let known: &mut u64 = newest.entry((topic, at.partition)).or_default();
            *known = at.reaches.max(*known);
        }
    }
    Ok(newest)
}

async fn reaches(store: &Store, sql: &str) -> Result<Vec<NewestOffset>, StoreError> {
    store.rows::<NewestOffset>(sql).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Range;

    #[test]
    fn what_is_under_way_is_not_reached_though_its_last_row_is_there() {
        let at = |done: u64, end: Option<u64>| {
            let begun = end.map(|end| Range { start: done, end });
            Some(GroupOffset { done, begun })
        };
        for (group_offset, newest, expected) in [
            // The group never committed: the rows say it.
            (None, None, false),
            (None, Some(8), false),
            (None, Some(9), true),
            // Done, whatever became of the row.
            (at(10, None), None, true),
            (at(9, None), Some(8), false),
            (at(9, None), Some(9), true),
            // The range that holds it is under way, or only a later one.
            (at(5, Some(9)), Some(9), false),
            (at(9, Some(20)), Some(20), false),
            (at(10, Some(20)), Some(9), true),
        ] {
            assert_eq!(
                is_reached(9, group_offset, newest),
                expected,
                "{group_offset:?} {newest:?}"
            );
        }
    }
}
