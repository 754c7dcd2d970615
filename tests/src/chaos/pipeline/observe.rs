//! Reads back everything a run left in topics, log files and tables.

use std::collections::BTreeMap;
use std::time::Duration;

use tapeline_kafka::{KafkaError, KafkaSettings, read_to_end};
use tapeline_schemas::topics::Topic;

use super::checker::{CommittedRecord, Observed};
use super::feed::{self, FedRecords};
use super::segments;
use super::world::World;
use crate::chaos::failure::{Failure, Outcome};

const PARTITION_WITHIN: Duration = Duration::from_secs(120);

pub(crate) fn observe(world: &World, fed: FedRecords) -> Outcome<Observed> {
    let mut observed = Observed {
        accounts: feed::accounts(world.kafka.portfolio_partitions),
        fed,
        ..Observed::default()
    };
    let names = world.kafka.names();
    for topic in Topic::ALL {
        let full = names.topic(*topic);
        let mut seen = Vec::new();
        for partition in 0..world.kafka.partitions(topic.spec().group) as i32 {
            read(&world.kafka, full, partition, &mut seen)
                .map_err(Failure::while_doing(format!("reading {full}[{partition}]")))?;
            let states = segments::read_longest(&world.log_dirs, full, partition).map_err(
                Failure::while_doing(format!("reading the log files of {full}[{partition}]")),
            )?;
            observed.states.insert((*topic, partition), states);
        }
        observed.topics.insert(*topic, seen);
        observed.rows.insert(*topic, rows(world, *topic)?);
    }
    Ok(observed)
}

fn read(
    settings: &KafkaSettings,
    topic: &str,
    partition: i32,
    seen: &mut Vec<CommittedRecord>,
) -> Result<(), KafkaError> {
    read_to_end(
        settings,
        topic,
        partition,
        None,
        PARTITION_WITHIN,
        |message| {
            seen.push(CommittedRecord {
                partition,
                offset: message.offset,
                value: message.value.unwrap_or_default().to_vec(),
            });
            Ok::<(), KafkaError>(())
        },
    )?;
    Ok(())
}

/// How often each record is in the topic's table.
fn rows(world: &World, topic: Topic) -> Outcome<BTreeMap<(i32, i64), u64>> {
    let table = topic.table();
    let sql = format!("SELECT _partition, _offset, count() FROM {table} GROUP BY 1, 2");
    let answer = world
        .query(&sql)
        .ok_or_else(|| Failure::Outside(format!("the store did not answer: {sql}")))?;
    let parsed: Option<BTreeMap<(i32, i64), u64>> = answer.lines().map(parse_row).collect();
    parsed.ok_or_else(|| Failure::Outside(format!("unreadable answer to: {sql}")))
}

fn parse_row(line: &str) -> Option<((i32, i64), u64)> {
    let mut fields = line.split('\t');
    let partition = fields.next()?.parse().ok()?;
    let offset = fields.next()?.parse().ok()?;
    let copies = fields.next()?.parse().ok()?;
    Some(((partition, offset), copies))
}
