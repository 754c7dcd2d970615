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

/// Rows that the store does not keep are sent this often.
const TURNS: u32 = 5;

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

/// A store that is killed during an insert may have noted its token and not kept
/// its rows. Then a retry is answered as a repetition, so whoever may not be the
/// first to use a token looks whether the rows are there, and takes the next one.
#[derive(Clone, Copy)]
struct Turn {
    number: u32,
    /// The token of this turn may have been used before.
    in_doubt: bool,
}

impl Turn {
    fn token(self, first: String) -> String {
        match self.number {
            1 => first,
            number => format!("{first}/{number}"),
        }
    }
}

#[derive(Default)]
struct Attempt {
    /// Rows that were sent.
    rows: usize,
    /// Rows of the range that are not in the store although it said so.
    missing: usize,
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
        let mut turn = Turn {
            number: 1,
            in_doubt: work.careful || work.sealed.replay,
        };
        let mut sent = 0;
        loop {
            let careful = work.careful || started.elapsed() > TOKEN_TRUSTED || turn.number > 1;
            match self.attempt(&work, careful, turn).await {
                Ok(Attempt { rows, missing }) => {
                    sent += rows;
                    if missing > 0 && turn.number < TURNS {
                        tracing::warn!(
                            range = self.token(&work),
                            missing,
                            "the store knew the token of a range and not its rows; sending them again"
                        );
                        turn.number += 1;
                        tokio::time::sleep(backoff.next()).await;
                        continue;
                    }
                    if missing > 0 {
                        tracing::error!(
                            range = self.token(&work),
                            missing,
                            "the store takes these rows again and again and does not keep them; does the table's TTL end before they come?"
                        );
                    }
                    self.recovered(topic);
                    self.count(&work, sent.min(work.sealed.rows()));
                    let Work { lane, epoch, .. } = work;
                    return self.report(Outcome::Inserted { lane, epoch });
                }
                Err(error) if error.retryable() => {
                    turn.in_doubt = true;
                    self.wait(topic, &error, &mut backoff).await;
                }
                Err(error) => return self.report(Outcome::Failed(error)),
            }
        }
    }

    async fn attempt(&self, work: &Work, careful: bool, turn: Turn) -> Result<Attempt, StoreError> {
        let topic = work.lane.topic;
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
            return Ok(Attempt::default());
        }
        let token = turn.token(self.token(work));
        let started = Instant::now();
        self.store.insert(insert_sql(topic), &token, body).await?;
        histogram!(names::SINK_INSERT_SECONDS, "table" => table(topic))
            .record(started.elapsed().as_secs_f64());
        let missing = if turn.in_doubt {
            let held = self.held(work.lane, work.sealed.range).await?;
            work.sealed.body_without(topic, &held).1
        } else {
            0
        };
        Ok(Attempt { rows, missing })
    }

    fn token(&self, work: &Work) -> String {
        let LaneId { topic, partition } = work.lane;
        work.sealed.range.token(self.names.topic(topic), partition)
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
