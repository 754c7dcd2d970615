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
use super::gate::Gate;
use super::progress::SinkProgress;
use super::range::{LaneId, Range};
use crate::client::Store;
use crate::error::StoreError;
use crate::metric_names as names;
use crate::rows::insert_sql;

/// Rows that the store says it took and does not have are sent so often …
const TURNS: u32 = 5;
/// … with this pause, longer each time.
const TURN_WAIT: Duration = Duration::from_millis(100);
/// More rows of a range than this are not refused one by one: then it is not the rows.
const MOST_REFUSED: usize = 100;

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
        /// Rows that the store refuses; the others of the range are in it.
        refused: Vec<RefusedRow>,
    },
    /// Waiting does not help.
    Failed(StoreError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedRow {
    pub(crate) offset: u64,
    pub(crate) message: String,
}

#[derive(Clone)]
pub(crate) struct Inserter {
    pub(crate) store: Store,
    pub(crate) names: Names,
    /// What the names of the tables end with; empty for the tables themselves.
    pub(crate) suffix: &'static str,
    /// Bounds how many inserts run at a time.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) gate: Gate,
    pub(crate) progress: SinkProgress,
    pub(crate) outcomes: Sender<Outcome>,
}

#[derive(Row, Deserialize)]
struct NewestRow {
    partition: u32,
    reaches: u64,
}

#[derive(Row, Deserialize)]
struct StoredOffset {
    offset: u64,
}

/// A store that is killed during an insert may have noted its token and not kept
/// its rows. Then a retry is answered as a repetition, so whoever may not be the
/// first to use a token looks whether the rows are there, and takes the next one.
#[derive(Clone, Copy)]
struct Turn {
    number: u32,
    /// An attempt of before may have come through.
    in_doubt: bool,
    /// The store may have forgotten the token: it is asked which rows it holds.
    careful: bool,
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
    /// Rows that are not in the store although it said so.
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
            self.table(topic),
            partitions.join(", ")
        );
        let found = loop {
            let pass = self.gate.pass(topic).await;
            match self.store.rows::<NewestRow>(&sql).await {
                Ok(found) => {
                    pass.succeeded();
                    break found;
                }
                Err(error) if error.retryable() => pass.failed(&error),
                Err(error) => return self.report(Outcome::Failed(error)),
            }
        };
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
        match self.insert_all(&work).await {
            Ok((rows, refused)) => {
                self.count(&work, rows.min(work.sealed.rows()));
                let Work { lane, epoch, .. } = work;
                self.report(Outcome::Inserted {
                    lane,
                    epoch,
                    refused,
                });
            }
            Err(error) => self.report(Outcome::Failed(error)),
        }
    }

    /// How many rows were sent, and which of them the store refuses: a range that is refused
    /// is halved until those stand alone.
    async fn insert_all(&self, work: &Work) -> Result<(usize, Vec<RefusedRow>), StoreError> {
        let mut pieces = vec![work.sealed.range];
        let mut sent = 0;
        let mut refused = Vec::new();
        while let Some(piece) = pieces.pop() {
            let error = match self.insert_piece(work, piece).await {
                Ok(rows) => {
                    sent += rows;
                    continue;
                }
                Err(error) => error,
            };
            let Some(reason) = error.about_rows() else {
                return Err(error);
            };
            if let Some((first, second)) = work.sealed.halves(piece) {
                pieces.extend([second, first]);
                continue;
            }
            let alone = work.sealed.offsets().find(|offset| piece.contains(*offset));
            if let Some(offset) = alone {
                let message = reason.to_owned();
                refused.push(RefusedRow { offset, message });
            }
            if refused.len() > MOST_REFUSED {
                return Err(error);
            }
        }
        let table = work.lane.topic.table();
        counter!(names::SINK_ROWS_REFUSED, "table" => table).increment(refused.len() as u64);
        Ok((sent, refused))
    }

    /// Says how many rows were sent, once they are in the store.
    async fn insert_piece(&self, work: &Work, piece: Range) -> Result<usize, StoreError> {
        let mut turn = Turn {
            number: 1,
            in_doubt: work.careful || work.sealed.replay,
            careful: work.careful,
        };
        let mut sent = 0;
        loop {
            let attempt = match self.attempt(work, piece, turn).await {
                Ok(attempt) => attempt,
                Err(error) if error.retryable() => {
                    (turn.in_doubt, turn.careful) = (true, true);
                    continue;
                }
                Err(error) => return Err(error),
            };
            sent += attempt.rows;
            let missing = attempt.missing;
            if missing == 0 {
                return Ok(sent);
            }
            let range = self.token(work, piece);
            if turn.number == TURNS {
                tracing::error!(
                    range,
                    missing,
                    "the store takes these rows again and again and does not keep them; does the table's TTL end before they come?"
                );
                return Ok(sent);
            }
            tracing::warn!(
                range,
                missing,
                "the store knew the token of a range and not its rows; sending them again"
            );
            tokio::time::sleep(TURN_WAIT * turn.number).await;
            turn.number += 1;
            turn.careful = true;
        }
    }

    async fn attempt(&self, work: &Work, piece: Range, turn: Turn) -> Result<Attempt, StoreError> {
        let pass = self.gate.pass(work.lane.topic).await;
        // The semaphore is never closed; without a permit the bound is off, not the data.
        let _permit = self.permits.acquire().await;
        let attempted = self.send(work, piece, turn).await;
        match &attempted {
            Err(error) if error.retryable() => pass.failed(error),
            _ => pass.succeeded(),
        }
        attempted
    }

    async fn send(&self, work: &Work, piece: Range, turn: Turn) -> Result<Attempt, StoreError> {
        let LaneId { topic, .. } = work.lane;
        let stored = if turn.careful {
            self.stored_offsets(work.lane, piece).await?
        } else {
            Vec::new()
        };
        if !stored.is_empty() {
            let table = topic.table();
            counter!(names::SINK_ROWS_HELD, "table" => table).increment(stored.len() as u64);
        }
        let (body, rows) = work.sealed.body(topic, piece, &stored);
        if rows == 0 {
            return Ok(Attempt::default());
        }
        let token = turn.token(self.token(work, piece));
        let sql = insert_sql(&self.table(topic), topic);
        let started = Instant::now();
        self.store.insert(&sql, &token, body).await?;
        histogram!(names::SINK_INSERT_SECONDS, "table" => topic.table())
            .record(started.elapsed().as_secs_f64());
        let missing = if turn.in_doubt {
            let stored = self.stored_offsets(work.lane, piece).await?;
            work.sealed.body(topic, piece, &stored).1
        } else {
            0
        };
        Ok(Attempt { rows, missing })
    }

    fn table(&self, topic: Topic) -> String {
        format!("{}{}", topic.table(), self.suffix)
    }

    fn token(&self, work: &Work, piece: Range) -> String {
        let LaneId { topic, partition } = work.lane;
        piece.token(self.names.topic(topic), partition)
    }

    /// The offsets of a range that the store holds already, sorted.
    async fn stored_offsets(&self, lane: LaneId, range: Range) -> Result<Vec<u64>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT _offset AS offset FROM {} WHERE _partition = {} AND _offset BETWEEN {} AND {} ORDER BY offset",
            self.table(lane.topic),
            lane.partition,
            range.start,
            range.end
        );
        let stored = self.store.rows::<StoredOffset>(&sql).await?;
        Ok(stored.into_iter().map(|row| row.offset).collect())
    }

    fn count(&self, work: &Work, rows: usize) {
        let table = work.lane.topic.table();
        counter!(names::SINK_ROWS, "table" => table).increment(rows as u64);
        counter!(names::SINK_BATCHES, "table" => table).increment(1);
        histogram!(names::SINK_BATCH_ROWS, "table" => table).record(rows as f64);
        if work.sealed.replay {
            counter!(names::SINK_REPLAYS, "table" => table).increment(1);
        }
        self.progress.add_range(work.lane.topic, rows);
    }

    fn report(&self, outcome: Outcome) {
        // Without a listener the sink has stopped, and nobody needs it.
        let _ = self.outcomes.send(outcome);
    }
}

#[cfg(test)]
#[path = "insert_tests.rs"]
mod tests;
