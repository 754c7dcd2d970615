//! Every topic into its table, each record once.
//!
//! One member of a consumer group reads all topics. A range of offsets of one
//! partition is committed (`offset = start`, note `end=…`), then inserted with
//! the range as its token, then committed as done. Whoever takes the partition
//! over inserts a begun range again, exactly, before anything else.

mod assembler;
mod batch;
mod breaker;
mod dead_letter_publisher;
mod dead_letters;
mod gate;
mod group_offsets;
mod insert;
mod progress;
mod range;
mod worker;

use std::time::Duration;

use tapeline_kafka::{KafkaError, KafkaSettings};
use tapeline_model::Fault;
use thiserror::Error;
use tokio::runtime::Handle;

pub(crate) use assembler::Work;
pub(crate) use batch::Batch;
pub(crate) use dead_letters::SOURCE as DEAD_LETTER_SOURCE;
pub(crate) use gate::Gate;
pub(crate) use group_offsets::{GroupOffset, GroupOffsets};
pub(crate) use insert::{Inserter, Outcome};
pub use progress::SinkProgress;
pub(crate) use range::{LaneId, Range};

use crate::client::{MOST_ROWS_A_BLOCK, Store};
use crate::error::StoreError;

/// The role by which the sink's consumer group is named.
pub(crate) const ROLE: &str = "sink";

/// When the sink inserts, and what it may hold in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// A range is inserted when it has so many rows …
    pub batch_rows: usize,
    /// … or so many bytes …
    pub batch_bytes: usize,
    /// … or when its first record waits for so long.
    pub batch_age: Duration,
    /// Reading pauses when so many bytes wait for the store.
    pub buffer_bytes: usize,
    /// Inserts at the same time.
    pub parallel_inserts: usize,
    /// A stop waits so long for what was read to be in the store; what is not
    /// is read again at the next start.
    pub stop_within: Duration,
}

impl Default for SinkSettings {
    fn default() -> Self {
        Self {
            batch_rows: 50_000,
            batch_bytes: 8 << 20,
            batch_age: Duration::from_millis(500),
            buffer_bytes: 32 << 20,
            parallel_inserts: 4,
            stop_within: Duration::from_secs(10),
        }
    }
}

impl SinkSettings {
    /// Every fault of the settings, as (key, what is wrong and what to write).
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, text: &str| faults.push((key.to_owned(), text.to_owned()));
        if !(1..=MOST_ROWS_A_BLOCK / 2).contains(&self.batch_rows) {
            fault(
                "batch_rows",
                "must be from 1 to 500000: a range must fit into one block",
            );
        }
        if !(1 << 10..=128 << 20).contains(&self.batch_bytes) {
            fault("batch_bytes", "must be from 1 KiB to 128 MiB");
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.batch_age) {
            fault("batch_age", "must be from 10 ms to 1 minute");
        }
        if self.buffer_bytes < 2 * self.batch_bytes {
            fault("buffer_bytes", "must be at least twice batch_bytes");
        }
        if !(1..=64).contains(&self.parallel_inserts) {
            fault("parallel_inserts", "must be from 1 to 64");
        }
        if self.stop_within > Duration::from_secs(300) {
            fault("stop_within", "must be at most 5 minutes");
        }
        faults
    }
}

#[derive(Clone, Debug, Error)]
pub enum SinkError {
    #[error("the sink stopped: {0}")]
    Store(#[from] StoreError),
    #[error("the sink stopped: {0}")]
    Kafka(#[from] KafkaError),
    #[error("[sink] {key} {problem}")]
    Setting { key: String, problem: String },
    #[error(
        "the sink stopped: a dead letter could not be written ({reason}); report this with the record's coordinates"
    )]
    Letter { reason: String },
}

impl SinkError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Kafka(error) => error.fault_while_running(),
            Self::Setting { .. } => Fault::User,
            Self::Letter { .. } => Fault::Internal,
        }
    }

    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::Kafka(error) => error.retryable(),
            Self::Setting { .. } | Self::Letter { .. } => false,
        }
    }
}

/// One member of the group of sinks.
pub struct Sink {
    kafka: KafkaSettings,
    store: Store,
    settings: SinkSettings,
    runtime: Handle,
    progress: SinkProgress,
}

impl Sink {
    /// `runtime` runs the store's side; the sink itself runs where [`run`](Self::run) is called.
    pub fn new(
        kafka: &KafkaSettings,
        store: Store,
        settings: SinkSettings,
        runtime: Handle,
    ) -> Result<Self, SinkError> {
        if let Some((key, problem)) = settings.faults().into_iter().next() {
            return Err(SinkError::Setting { key, problem });
        }
        let progress = SinkProgress::default();
        Ok(Self {
            kafka: kafka.clone(),
            store,
            settings,
            runtime,
            progress,
        })
    }

    pub fn progress(&self) -> SinkProgress {
        self.progress.clone()
    }

    /// Runs until `stop` says so, then brings what was read into the store and
    /// leaves. Blocks: for a thread of its own. Ends with an error only where
    /// waiting would not help.
    pub fn run(self, stop: impl Fn() -> bool) -> Result<(), SinkError> {
        worker::Worker::start(self)?.run(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_fault_and_every_fault_is_listed() {
        assert_eq!(SinkSettings::default().faults(), []);
        let bad = SinkSettings {
            batch_rows: 0,
            buffer_bytes: 1,
            batch_age: Duration::ZERO,
            parallel_inserts: 0,
            ..SinkSettings::default()
        };
        let keys: Vec<String> = bad.faults().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "batch_rows",
                "batch_age",
                "buffer_bytes",
                "parallel_inserts"
            ]
        );
    }
}
