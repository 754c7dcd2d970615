//! Fills a table anew from its topic while the sink goes on writing it.
//!
//! A table of the same columns is filled beside it with what the sink is done with, until little
//! is left. Then writes are held: the table changes places with one that shows the same rows and
//! takes none, so that reading goes on and the sink waits. When the inserts that were under way
//! have ended, the rest is filled, also the range that the sink has announced, and the new table
//! takes the place. It knows the token of that range, and the sink looks which rows are there
//! before it repeats an insert, so none is there twice.

mod fill;
mod fill_plan;
mod write_block;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tapeline_kafka::{KafkaError, KafkaSettings};
use tapeline_model::Fault;
use tapeline_schemas::topics::Topic;
use thiserror::Error;
use tokio::runtime::Handle;

use crate::audit::{Extent, extents};
use crate::client::Store;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::sink::{GroupOffset, GroupOffsets};
use fill::Filler;
use fill_plan::FillPlan;

/// The new table, until it takes the place.
pub(crate) const NEW: &str = "__new";
/// The old table, while writes are held and until it is dropped.
const OLD: &str = "__old";

const LOCK_WITHIN: Duration = Duration::from_secs(10);
/// Writes are held once so few records are left, or after so many rounds.
const LITTLE: u64 = 20_000;
const ROUNDS: usize = 20;

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    pub topic: &'static str,
    pub table: &'static str,
    /// Rows that the table had when writes were held …
    pub rows_before: u64,
    /// … and has in their place.
    pub rows: u64,
    /// Of those, older than what the topic still holds, and taken over as they were.
    pub rows_taken_over: u64,
    /// Rows that the store refused; an audit counts those that have no dead letter as lost.
    pub rows_refused: u64,
    /// How long the sink had to wait.
    pub held_ms: u64,
}

#[derive(Debug, Clone, Error)]
pub enum RebuildError {
    #[error("the rebuild stopped before the table was replaced: {0}")]
    Store(#[from] StoreError),
    #[error("the rebuild stopped before the table was replaced: {0}")]
    Kafka(#[from] KafkaError),
    #[error(
        "the table was filled from its topic, but what the rebuild leaves behind could not be dropped ({0}); \
         the next rebuild drops it"
    )]
    Leftover(StoreError),
    #[error(
        "the rebuild stopped, and the table is as it was: the sink still works on offsets of {topic}[{partition}] \
         before {low}, which the topic no longer holds; run it again when the sink is done with them"
    )]
    Behind {
        topic: &'static str,
        partition: u32,
        low: u64,
    },
    #[error(
        "the rebuild stopped, and the table is as it was: an insert into it is still under way after {waited:.0?}"
    )]
    Busy { waited: Duration },
    #[error(
        "the rebuild stopped, and the table is as it was: the group of the sinks was set back from offset {from} to {to} \
         in {topic}[{partition}] meanwhile; run it again"
    )]
    SetBack {
        topic: &'static str,
        partition: u32,
        from: u64,
        to: u64,
    },
    #[error(
        "{table} holds offset {newest} of {topic}[{partition}], which ends at {end}, so the topic was made a second time \
         and cannot fill the table; keep the rows with `tapeline store export`, truncate the table and run it again"
    )]
    OtherTopic {
        table: &'static str,
        topic: &'static str,
        partition: u32,
        newest: u64,
        end: u64,
    },
    #[error(
        "the rebuild stopped while writes were held ({cause}), and they could not be let go ({error}); \
         run it again as soon as the store answers: the sink waits for it"
    )]
    StillHeld {
        cause: Box<RebuildError>,
        error: Box<RebuildError>,
    },
}

impl RebuildError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) | Self::Leftover(error) => error.fault(),
            Self::StillHeld { error, .. } => error.fault(),
            Self::Kafka(error) => error.fault(),
            Self::Busy { .. } | Self::SetBack { .. } | Self::Behind { .. } => Fault::External,
            Self::OtherTopic { .. } => Fault::User,
        }
    }
}

/// Blocks, so it must not be called on an async worker; `progress` hears of (records filled,
/// records to fill).
pub fn rebuild(
    kafka: &KafkaSettings,
    store: &Store,
    topic: Topic,
    runtime: &Handle,
    progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, RebuildError> {
    let what = format!("rebuild of {}", topic.table());
    let lock = runtime.block_on(Lock::acquire(store, &what, LOCK_WITHIN))?;
    let mut rebuild = Rebuild {
        kafka,
        store,
        topic,
        runtime,
    };
    let rebuilt = rebuild.run(progress);
    let released = runtime.block_on(lock.release());
    let rebuilt = rebuilt?;
    released?;
    Ok(rebuilt)
}

/// The group that writes the table, and where it may be.
struct Sinks {
    group_offsets: GroupOffsets,
    partitions: Vec<u32>,
}

struct Rebuild<'a> {
    kafka: &'a KafkaSettings,
    store: &'a Store,
    topic: Topic,
    runtime: &'a Handle,
}

/// The first offset that each partition of the topic still holds.
pub fn first_offsets(
    kafka: &KafkaSettings,
    topic: Topic,
) -> Result<BTreeMap<u32, u64>, KafkaError> {
    Ok(first_offsets_of(&extents(kafka, &[topic])?))
}

fn first_offsets_of(extents: &[Extent]) -> BTreeMap<u32, u64> {
    let low = |extent: &Extent| (extent.partition, extent.low);
    extents.iter().map(low).collect()
}

#[derive(Row, Deserialize)]
struct Newest {
    partition: u32,
    offset: u64,
}

impl Rebuild<'_> {
    fn run(&mut self, progress: impl FnMut(u64, u64)) -> Result<Rebuilt, RebuildError> {
        let table = self.topic.table();
        self.clear()?;
        let lows = self.checked_first_offsets()?;
        self.execute(&format!("CREATE TABLE {table}{NEW} AS {table}"))?;
        let sinks = Sinks {
            group_offsets: GroupOffsets::new(self.kafka)?,
            partitions: lows.keys().copied().collect(),
        };
        let mut filler = Filler::new(self.kafka, self.store, self.topic, self.runtime, progress)?;
        let mut plan = FillPlan::new(self.topic, &lows);
        for _ in 0..ROUNDS {
            let left = filler.fill(&plan.done(&self.group_offsets(&sinks)?))?;
            if left <= LITTLE {
                break;
            }
        }
        let rows_taken_over = self.take_over(&lows)?;
        self.execute(&format!(
            "CREATE TABLE {table}{OLD} AS {table} ENGINE = Merge(currentDatabase(), '^{table}{OLD}$')"
        ))?;
        let held = Instant::now();
        let filled = self.exchange(OLD).map_err(RebuildError::from);
        let filled = filled.and_then(|()| self.fill_the_rest(&mut filler, &mut plan, &sinks));
        let (rows_before, rows) = match filled {
            Ok(counted) => counted,
            Err(cause) => return Err(self.unblock_writes(cause)),
        };
        let held = held.elapsed();
        for leftover in [NEW, OLD] {
            self.drop_table(leftover).map_err(RebuildError::Leftover)?;
        }
        Ok(Rebuilt {
            topic: self.topic.name(),
            table,
            rows_before,
            rows,
            rows_taken_over,
            rows_refused: filler.refused(),
            held_ms: u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Writes are held: nothing comes after what is there once the inserts have ended.
    fn fill_the_rest(
        &self,
        filler: &mut Filler<'_, impl FnMut(u64, u64)>,
        plan: &mut FillPlan,
        sinks: &Sinks,
    ) -> Result<(u64, u64), RebuildError> {
        let table = self.topic.table();
        self.wait_for_inserts()?;
        let old = format!("{table}{OLD}");
        let rest = plan.rest(&self.group_offsets(sinks)?, &self.newest(&old)?)?;
        filler.fill(&rest)?;
        let counted = (self.count(&old)?, self.count(&format!("{table}{NEW}"))?);
        self.swap_in_new()?;
        Ok(counted)
    }

    /// Rows older than what the topic still holds.
    fn take_over(&self, lows: &BTreeMap<u32, u64>) -> Result<u64, RebuildError> {
        let table = self.topic.table();
        let mut taken = 0;
        for (partition, low) in lows {
            let older = format!("{table} WHERE _partition = {partition} AND _offset < {low}");
            let count = self.count(&older)?;
            if count > 0 {
                self.execute(&format!("INSERT INTO {table}{NEW} SELECT * FROM {older}"))?;
                taken += count;
            }
        }
        Ok(taken)
    }

    /// The first offset that each partition of the topic still holds. A topic that ends before
    /// the newest row is another one than the rows are of, and would be waited for.
    fn checked_first_offsets(&self) -> Result<BTreeMap<u32, u64>, RebuildError> {
        let table = self.topic.table();
        let newest = self.newest(table)?;
        let extents = extents(self.kafka, &[self.topic])?;
        for Extent { partition, end, .. } in &extents {
            if let Some(newest) = newest.get(partition).filter(|newest| *newest >= end) {
                return Err(RebuildError::OtherTopic {
                    table,
                    topic: self.topic.name(),
                    partition: *partition,
                    newest: *newest,
                    end: *end,
                });
            }
        }
        Ok(first_offsets_of(&extents))
    }

    fn group_offsets(&self, sinks: &Sinks) -> Result<BTreeMap<u32, GroupOffset>, KafkaError> {
        let partitions = sinks.partitions.iter().copied();
        sinks.group_offsets.of(self.topic, partitions)
    }

    /// The last offset of each partition that the table has a row of.
    fn newest(&self, table: &str) -> Result<BTreeMap<u32, u64>, StoreError> {
        let sql = format!(
            "SELECT _partition AS partition, max(_offset) AS offset FROM {table} GROUP BY partition"
        );
        let newest = self.rows::<Newest>(&sql)?;
        Ok(newest
            .into_iter()
            .map(|row| (row.partition, row.offset))
            .collect())
    }

    fn count(&self, from: &str) -> Result<u64, StoreError> {
        self.runtime.block_on(self.store.count(from))
    }

    fn exchange(&self, with: &str) -> Result<(), StoreError> {
        let table = self.topic.table();
        self.execute(&format!("EXCHANGE TABLES {table} AND {table}{with}"))
    }

    fn drop_table(&self, suffix: &str) -> Result<(), StoreError> {
        let table = format!("{}{suffix}", self.topic.table());
        self.runtime.block_on(self.store.drop_own_table(&table))
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.runtime.block_on(self.store.execute_long(sql))
    }

    fn rows<T: Row + clickhouse::RowOwned + clickhouse::RowRead>(
        &self,
        sql: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.runtime.block_on(self.store.rows(sql))
    }
}
