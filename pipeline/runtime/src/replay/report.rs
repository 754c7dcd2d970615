//! What a replay is asked, and what it answers.

use serde::Serialize;
use tapeline_kafka::KafkaError;
use tapeline_schemas::codec::DecodeError;

use super::Difference;
use super::recording::RecordingError;
use crate::task::TaskError;

/// More differences than this are only counted.
const MOST_DIFFERENCES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("{topic}[{partition}] holds a record that cannot be read: {source}")]
    Decode {
        topic: String,
        partition: u32,
        source: DecodeError,
    },
    #[error(
        "the journal {topic}[{partition}] begins with transaction {first} and no snapshot lies before {wanted}; \
         begin later, or keep journal and snapshots longer"
    )]
    NoStart {
        topic: String,
        partition: u32,
        first: i64,
        wanted: i64,
    },
    #[error(
        "{topic}[{partition}] holds {found} of {recorded} records from offset {first} to {last}, \
         which transaction {transaction} of task {task} read; begin later (--from), or keep the topic longer"
    )]
    InputsGone {
        topic: String,
        partition: u32,
        first: i64,
        last: i64,
        found: i32,
        recorded: i32,
        task: u32,
        transaction: i64,
    },
    #[error("the recording holds nothing of task {wanted}; it holds tasks {held:?}")]
    NoSuchTask { wanted: u32, held: Vec<u32> },
}

/// Which transactions of a task to do again, both ends included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

impl Range {
    pub(crate) fn holds(self, transaction: i64) -> bool {
        self.from.is_none_or(|from| transaction >= from) && !self.ends_before(transaction)
    }

    /// Whether this transaction lies behind the range.
    pub(crate) fn ends_before(self, transaction: i64) -> bool {
        self.to.is_some_and(|to| transaction > to)
    }
}

/// What came of one task's replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub task: u32,
    /// The first and the last transaction done again; 0 for none.
    pub from: i64,
    pub to: i64,
    pub transactions: u64,
    /// Left out: another release made them before this one took over.
    pub former: u64,
    pub differences: u64,
    /// The first of them.
    pub shown: Vec<Difference>,
}

impl Report {
    pub(crate) fn new(task: u32) -> Self {
        Self {
            task,
            ..Self::default()
        }
    }

    /// Counts a transaction that was done again, and how it differs.
    pub(crate) fn done(&mut self, transaction: i64, found: Option<Difference>) {
        if self.transactions == 0 {
            self.from = transaction;
        }
        self.to = transaction;
        self.transactions += 1;
        if let Some(difference) = found {
            self.differs(difference);
        }
    }

    pub(crate) fn differs(&mut self, difference: Difference) {
        self.differences += 1;
        if self.shown.len() < MOST_DIFFERENCES {
            self.shown.push(difference);
        }
    }

    pub(crate) fn differs_at(&self, transaction: i64) -> bool {
        let last = self.shown.last();
        last.is_some_and(|difference| difference.transaction == transaction)
    }
}
