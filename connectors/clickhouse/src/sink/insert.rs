//! Brings ranges into the store, however often it takes.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use clickhouse::Row;
use metrics::{counter, histogram};
use serde::Deserialize;
use tapeline_kafka::Names;
use tapeline_schemas::topics::Topic;
use tokio::sync::Semaphore;

use super::assembler::Work;
use super::progress::SinkProgress;
use super::range::{LaneId, Range};
use crate::client::Store;
use crate::error::StoreError;
use crate::metric_names as names;
use crate::rows::{insert_sql, table};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// For so long the store certainly remembers a token. After it, a retry first
/// asks which rows are there: other ranges may have pushed the token out.
const TOKEN_TRUSTED: Duration = Duration::from_secs(60);

/// What a task reports to the sink's thread.
#[derive(Debug)]
pub(crate) enum Outcome {
    Checked {
        lane: LaneId,
        epoch: u64,
        reaches: Option<u64>,
    },
    Inserted {
        lane: LaneId,
        epoch: u64,
    },
    /// Waiting does not help.
    Failed(StoreError),
}

#[derive(Clone)]
pub(crate) struct Inserter {
    pub(crate) store: Store,
    pub(crate) names: Names,
    /// Bounds how many inserts run at a time.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) progress: SinkProgress,
    pub(crate) outcomes: Sender<Outcome>,
}

#[derive(Row, Deserialize)]
struct Reach {
    partition: u32,
    reaches: u64,
}

#[derive(Row, Deserialize)]
struct Held {
    offset: u64,
}

impl Inserter {
    /// Asks the store how far it is with these partitions of one topic.
    pub(crate) async fn check(self, topic: Topic, lanes: Vec<(u32, u64)>) {
        let partitions: Vec<String> = lanes
            .iter()
            .map(|(partition, _)| partition.to_string())
            .collect();
        let sql = format!(
            "SELECT _partition AS partition, max(_offset) AS reaches FROM {} WHERE _partition IN ({}) GROUP BY _partition",
            table(topic),
            partitions.join(", ")
        );
        let mut backoff = Backoff::default();
        let found = loop {
            match self.store.rows::<Reach>(&sql).await {
                Ok(found) => break found,
                Err(error) if error.retryable() => self.wait(topic, &error, &mut backoff).await,
                Err(error) => return self.report(Outcome::Failed(error)),
            }
        };
        self.recovered(topic);
        for (partition, epoch) in lanes {
            let reaches = found
                .iter()
                .find(|row| row.partition == partition)
                .map(|row| row.reaches);
            self.report(Outcome::Checked {
                lane: LaneId { topic, partition },
                epoch,
                reaches,
            });
        }
    }

    /// Inserts one range; returns when it is in the store or never will be.
    pub(crate) async fn insert(self, work: Work) {
        let started = Instant::now();
        let topic = work.lane.topic;
        let mut backoff = Backoff::default();
        loop {
            let careful = work.careful || started.elapsed() > TOKEN_TRUSTED;
            match self.attempt(&work, careful).await {
                Ok(rows) => {
                    self.recovered(topic);
                    self.count(&work, rows);
                    let Work { lane, epoch, .. } = work;
                    return self.report(Outcome::Inserted { lane, epoch });
                }
                Err(error) if error.retryable() => self.wait(topic, &error, &mut backoff).await,
                Err(error) => return self.report(Outcome::Failed(error)),
            }
        }
    }

    /// Returns how many rows were sent.
    async fn attempt(&self, work: &Work, careful: bool) -> Result<usize, StoreError> {
        let LaneId { topic, partition } = work.lane;
        // The semaphore is never closed; without a permit the bound is off, not the data.
        let _permit = self.permits.acquire().await;
        let (body, rows) = if careful {
            let held = self.held(work.lane, work.sealed.range).await?;
            work.sealed.body_without(topic, &held)
        } else {
            (work.sealed.body(), work.sealed.rows())
        };
        if careful {
            counter!(names::SINK_ROWS_HELD, "table" => table(topic))
                .increment((work.sealed.rows() - rows) as u64);
        }
        if rows == 0 {
            return Ok(0);
        }
        let token = work.sealed.range.token(self.names.topic(topic), partition);
        let started = Instant::now();
        self.store.insert(insert_sql(topic), &token, body).await?;
        histogram!(names::SINK_INSERT_SECONDS, "table" => table(topic))
            .record(started.elapsed().as_secs_f64());
        Ok(rows)
    }

    /// The offsets of a range that the store holds already, sorted.
    async fn held(&self, lane: LaneId, range: Range) -> Result<Vec<u64>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT _offset AS offset FROM {} WHERE _partition = {} AND _offset BETWEEN {} AND {} ORDER BY offset",
            table(lane.topic),
            lane.partition,
            range.start,
            range.end
        );
        let held = self.store.rows::<Held>(&sql).await?;
        Ok(held.into_iter().map(|row| row.offset).collect())
    }

    fn count(&self, work: &Work, rows: usize) {
        let table = table(work.lane.topic);
        counter!(names::SINK_ROWS, "table" => table).increment(rows as u64);
        counter!(names::SINK_BATCHES, "table" => table).increment(1);
        histogram!(names::SINK_BATCH_ROWS, "table" => table).record(rows as f64);
        if work.sealed.replay {
            counter!(names::SINK_REPLAYS, "table" => table).increment(1);
        }
        self.progress.add_range(work.lane.topic, rows);
    }

    async fn wait(&self, topic: Topic, error: &StoreError, backoff: &mut Backoff) {
        counter!(names::SINK_RETRIES, "table" => table(topic)).increment(1);
        self.progress.add_retry();
        if self.progress.set_failing(topic, Some(error.to_string())) {
            tracing::warn!(table = table(topic), %error, "the store does not take rows; trying again until it does");
        }
        tokio::time::sleep(backoff.next()).await;
    }

    fn recovered(&self, topic: Topic) {
        if self.progress.set_failing(topic, None) {
            tracing::info!(table = table(topic), "the store takes rows again");
        }
    }

    fn report(&self, outcome: Outcome) {
        // Without a listener the sink has stopped, and nobody needs it.
        let _ = self.outcomes.send(outcome);
    }
}

/// Doubles up to a limit; no chance in it, so tests can tell what happens.
#[derive(Debug)]
struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(LONGEST_WAIT);
        now
    }
}

#[cfg(test)]
#[path = "insert_tests.rs"]
mod tests;
