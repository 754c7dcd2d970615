//! Records of a topic into a table, range after range.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaSettings, Message, Position, Span};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::fill_plan::FillRange;
use super::{NEW, RebuildError};
use crate::client::Store;
use crate::rows;
use crate::sink::{Batch, Gate, Inserter, LaneId, Outcome, Range, SinkProgress, Work};

/// A range is inserted when it has so many rows …
const ROWS: usize = 100_000;
/// … or so many bytes.
const BYTES: usize = 16 << 20;
/// Ranges on their way to the store: bounds the memory.
const MAX_IN_FLIGHT: usize = 3;
/// The longest that reading one partition may take.
const PARTITION_WITHIN: Duration = Duration::from_secs(4 * 3600);

pub(super) struct Filler<'a, P> {
    reader: BatchReader,
    topic: Topic,
    full_topic: String,
    runtime: &'a Handle,
    in_flight: InFlight,
    progress: P,
    filled: u64,
}

/// The ranges on their way to the store.
struct InFlight {
    inserter: Inserter,
    outcomes: Receiver<Outcome>,
    count: usize,
    /// Rows that the store refuses.
    refused: u64,
}

impl<'a, P: FnMut(u64, u64)> Filler<'a, P> {
    pub(super) fn new(
        kafka: &KafkaSettings,
        store: &Store,
        topic: Topic,
        runtime: &'a Handle,
        progress: P,
    ) -> Result<Self, RebuildError> {
        let names = kafka.names();
        let (sender, outcomes) = channel();
        let sink_progress = SinkProgress::default();
        let inserter = Inserter {
            store: store.clone(),
            names: names.clone(),
            suffix: NEW,
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            gate: Gate::new(sink_progress.clone()),
            progress: sink_progress,
            outcomes: sender,
        };
        Ok(Self {
            reader: BatchReader::new(kafka, &names.group("rebuild"))?,
            topic,
            full_topic: names.topic(topic).to_owned(),
            runtime,
            in_flight: InFlight {
                inserter,
                outcomes,
                count: 0,
                refused: 0,
            },
            progress,
            filled: 0,
        })
    }

    /// How many rows the store refused.
    pub(super) fn refused(&self) -> u64 {
        self.in_flight.refused
    }

    /// Fills these; says how many offsets that were.
    pub(super) fn fill(&mut self, ranges: &[FillRange]) -> Result<u64, RebuildError> {
        let total = ranges.iter().map(FillRange::offsets).sum();
        let goal = self.filled + total;
        for range in ranges {
            self.fill_range(range, goal)?;
        }
        while self.in_flight.count > 0 {
            self.in_flight.collect()?;
        }
        Ok(total)
    }

    fn fill_range(&mut self, fill: &FillRange, goal: u64) -> Result<(), RebuildError> {
        let lane = LaneId {
            topic: self.topic,
            partition: fill.partition,
        };
        let partition = fill.partition as i32;
        let span = Span {
            from: Position::new(&self.full_topic, partition, fill.from as i64),
            end: fill.end as i64,
        };
        let mut batch = Batch::default();
        let mut start = fill.from;
        let (in_flight, runtime, progress) =
            (&mut self.in_flight, self.runtime, &mut self.progress);
        let filled = self.filled;
        self.reader
            .read_spans(&[span], PARTITION_WITHIN, |message| {
                push(&mut batch, lane, message);
                let is_small = batch.rows() < ROWS && batch.bytes() < BYTES;
                if fill.begun.is_some() || is_small {
                    return Ok(());
                }
                let range = Range {
                    start,
                    end: u64::try_from(message.offset).unwrap_or_default(),
                };
                start = range.end + 1;
                progress(filled + (start - fill.from), goal);
                in_flight.send(lane, std::mem::take(&mut batch), range, runtime)
            })?;
        if !batch.is_empty() {
            let end = fill.end - 1;
            let range = fill.begun.unwrap_or(Range { start, end });
            in_flight.send(lane, batch, range, runtime)?;
        }
        self.filled += fill.offsets();
        (self.progress)(self.filled, goal);
        Ok(())
    }
}

/// What has no row has its dead letter already.
fn push(batch: &mut Batch, lane: LaneId, message: &Message<'_>) {
    let offset = u64::try_from(message.offset).unwrap_or_default();
    batch.push(lane.topic, offset, Duration::ZERO, |out| {
        let event = Event::decode(lane.topic, message.value);
        let written = event.and_then(|event| rows::write(&event, lane.partition, offset, out));
        written.map_err(|_has_a_letter| None)
    });
}

impl InFlight {
    fn send(
        &mut self,
        lane: LaneId,
        batch: Batch,
        range: Range,
        runtime: &Handle,
    ) -> Result<(), RebuildError> {
        while self.count >= MAX_IN_FLIGHT {
            self.collect()?;
        }
        let work = Work {
            lane,
            epoch: 0,
            sealed: batch.seal(range, false),
            careful: false,
        };
        runtime.spawn(self.inserter.clone().insert(work));
        self.count += 1;
        Ok(())
    }

    /// Waits for one of them.
    fn collect(&mut self) -> Result<(), RebuildError> {
        // A sender lives in the inserter, so there is always an answer.
        match self.outcomes.recv() {
            Ok(Outcome::Failed(error)) => Err(error.into()),
            Ok(Outcome::Inserted { refused, .. }) => {
                self.count -= 1;
                self.refused += refused.len() as u64;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
