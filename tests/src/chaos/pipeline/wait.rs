//! Waits until a run is where it should be, as the tables show it.

use std::time::{Duration, Instant};

use tapeline_schemas::topics::Topic;

use super::PARTITIONS;
use super::feed::{self, FedRecords};
use super::world::World;
use crate::chaos::failure::Outcome;

/// After a fault, everything flows again within this, or the run is stuck.
const FLOWS_WITHIN: Duration = Duration::from_secs(120);
const WHOLE_WITHIN: Duration = Duration::from_secs(180);
/// After the last record, everything is counted and in the tables within this.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);
/// No new row for so long is the end.
const QUIET: Duration = Duration::from_secs(3);
/// Between two questions to the store.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Nothing is taken away any more, and everything flows.
pub(crate) fn recovers(world: &mut World) -> Outcome<bool> {
    Ok(world.until(WHOLE_WITHIN, |world| world.is_whole())? && flows(world)?)
}

/// Waits until every task has committed something after this moment, and the tables show it.
pub(crate) fn flows(world: &mut World) -> Outcome<bool> {
    let since = feed::now().0;
    let sql = format!(
        "SELECT (SELECT count(DISTINCT _partition) FROM positions WHERE ingest_time > fromUnixTimestamp64Micro({since})), \
         (SELECT count(DISTINCT symbol) FROM marks WHERE ingest_time > fromUnixTimestamp64Micro({since}))"
    );
    let expected = format!("{PARTITIONS}\t{}", feed::SYMBOLS.len());
    asks(world, FLOWS_WITHIN, &sql, |answer| answer == expected)
}

/// Asks the store now and then until the answer is right; false if it never is.
fn asks(
    world: &mut World,
    within: Duration,
    sql: &str,
    mut is_right: impl FnMut(&str) -> bool,
) -> Outcome<bool> {
    let mut next = Instant::now();
    world.until(within, |world| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + ASK_EVERY;
        world.query(sql).is_some_and(|answer| is_right(&answer))
    })
}

/// Waits until what was acknowledged is counted, and then until nothing is added any more.
pub(crate) fn settles(world: &mut World, fed: &FedRecords) -> Outcome<bool> {
    let count = |topic| {
        let fed: &[feed::FedRecord] = fed.get(&topic).map_or(&[], Vec::as_slice);
        fed.iter().filter(|fed| fed.acknowledged).count()
    };
    let fills = count(Topic::BrokerFills);
    let quotes = count(Topic::MarketQuotes);
    let sql = format!(
        "SELECT (SELECT count() FROM fills) >= {fills} AND (SELECT count() FROM positions) >= {fills} \
         AND (SELECT count() FROM quotes) >= {quotes} \
         AND (SELECT sum(q) FROM (SELECT max(quotes) AS q FROM marks GROUP BY symbol)) >= {quotes} \
         AND (SELECT count() FROM account_events) >= {} \
         AND (SELECT sum(c) FROM (SELECT max(cash_flow) AS c FROM equity WHERE account IS NULL GROUP BY portfolio)) \
           >= (SELECT sum(amount) FROM account_events)",
        count(Topic::BrokerAccounts)
    );
    let arrived = asks(world, SETTLES_WITHIN, &sql, |answer| answer == "1")?;
    let tables: Vec<String> = Topic::ALL
        .iter()
        .map(|topic| format!("(SELECT count() FROM {})", topic.table()))
        .collect();
    let sql = format!("SELECT {}", tables.join(" + "));
    let mut last = (String::new(), Instant::now());
    let quiet = asks(world, SETTLES_WITHIN, &sql, |answer| {
        if last.0 != answer {
            last = (answer.to_owned(), Instant::now());
        }
        last.1.elapsed() >= QUIET
    })?;
    Ok(arrived && quiet)
}
