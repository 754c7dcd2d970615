//! Waits until a run is where it should be.

use std::time::{Duration, Instant};

use tapeline_kafka::{BatchReader, KafkaError};
use tapeline_schemas::topics::Topic;

use super::world::{DATABASE, PARTITIONS, World};
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::pipeline::feed::{SYMBOLS, now};

/// After a fault, everything flows again within this, or the run is stuck.
const FLOWS_WITHIN: Duration = Duration::from_secs(120);
const WHOLE_WITHIN: Duration = Duration::from_secs(180);
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// No new record for so long is the end.
const QUIET: Duration = Duration::from_secs(2);

/// Nothing is taken away any more, and everything flows.
pub(crate) fn recovers(world: &mut World) -> Outcome<bool> {
    Ok(world.until(WHOLE_WITHIN, |world| world.is_whole())? && flows(world)?)
}

/// Waits until every partition of the fed topics has a row that was made after this moment.
pub(crate) fn flows(world: &mut World) -> Outcome<bool> {
    let since = format!("fromUnixTimestamp64Micro({})", now().0);
    let partitions = |table: &str| {
        format!("(SELECT count(DISTINCT _partition) FROM {table} WHERE ingest_time > {since})")
    };
    let sql = format!(
        "SELECT (SELECT count(DISTINCT symbol) FROM quotes WHERE ingest_time > {since}), {}, {}",
        partitions("fills"),
        partitions("positions"),
    );
    let expected = format!("{}\t{PARTITIONS}\t{PARTITIONS}", SYMBOLS.len());
    let mut next = Instant::now();
    world.until(FLOWS_WITHIN, |world| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + ASK_EVERY;
        world
            .ask(DATABASE, &sql)
            .is_ok_and(|answer| answer == expected)
    })
}

/// Waits until no topic grows any more: what follows from what was fed has been written.
pub(crate) fn topics_rest(world: &mut World) -> Outcome<bool> {
    let what = "asking for the ends of the topics";
    let names = world.kafka.names();
    let reader = BatchReader::new(&world.kafka, &names.group("chaos"))
        .map_err(Failure::while_doing(what))?;
    let ends = || -> Result<Vec<(i32, i64, i64)>, KafkaError> {
        let all = Topic::ALL.iter();
        let ends = all.map(|topic| reader.ranges(names.topic(*topic)));
        Ok(ends.collect::<Result<Vec<_>, _>>()?.concat())
    };
    let (mut last, mut next) = ((Vec::new(), Instant::now()), Instant::now());
    world.until(FLOWS_WITHIN, |_| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + ASK_EVERY;
        if let Ok(ends) = ends()
            && ends != last.0
        {
            last = (ends, Instant::now());
        }
        !last.0.is_empty() && last.1.elapsed() >= QUIET
    })
}
