//! The sink's thread: reads, commits, and hands ranges to the inserting tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tapeline_kafka::{
    Committed, GroupBatch, GroupReader, KafkaError, KafkaSettings, Message, Names, Position,
};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::assembler::{Assembler, Entry, Limits, Work};
use super::dead_letter_publisher::DeadLetterPublisher;
use super::gate::Gate;
use super::insert::{Inserter, Outcome, RefusedRow};
use super::range::{LaneId, Note, Range};
use super::{ROLE, Sink, SinkError, SinkSettings, dead_letters};
use crate::metric_names as names;
use crate::rows;

/// Messages taken at a time.
const FETCH: usize = 10_000;
/// How long a fetch waits: also how soon a finished insert is noticed.
const WAIT: Duration = Duration::from_millis(10);
/// Ranges that are done are committed at least this often.
const SETTLE_EVERY: Duration = Duration::from_millis(250);
/// After Kafka refused a commit or a letter for a passing reason.
const KAFKA_PAUSE: Duration = Duration::from_millis(200);

/// What the store refused of a range.
struct WithoutRow {
    lane: LaneId,
    epoch: u64,
    rows: Vec<RefusedRow>,
}

pub(super) struct Worker {
    reader: GroupReader,
    dead_letter_publisher: DeadLetterPublisher,
    assembler: Assembler,
    inserter: Inserter,
    outcomes: Receiver<Outcome>,
    runtime: Handle,
    settings: SinkSettings,
    kafka: KafkaSettings,
    names: Names,
    clock: Instant,
    /// Begun ranges whose letters are not out yet.
    waiting: Vec<Work>,
    /// Inserted ranges of which the store refused rows, whose letters are not out yet.
    without_row: Vec<WithoutRow>,
    /// Tasks of the lanes, to be stopped with them.
    tasks: BTreeMap<LaneId, AbortHandle>,
    /// Lanes that are not read on; empty while there is room.
    paused: BTreeSet<LaneId>,
    last_commit: Duration,
    /// No commit and no letter before this.
    kafka_pause: Duration,
}

impl Worker {
    pub(super) fn start(sink: Sink) -> Result<Self, SinkError> {
        let Sink {
            kafka,
            store,
            settings,
            runtime,
            progress,
        } = sink;
        let names = kafka.names();
        let topics: Vec<String> = Topic::ALL
            .iter()
            .map(|topic| names.topic(*topic).to_owned())
            .collect();
        let (sender, outcomes) = channel();
        let inserter = Inserter {
            store,
            names: names.clone(),
            suffix: "",
            gate: Gate::new(progress.clone()),
            permits: Arc::new(Semaphore::new(settings.parallel_inserts)),
            progress,
            outcomes: sender,
        };
        let limits = Limits {
            rows: settings.batch_rows,
            bytes: settings.batch_bytes,
            age: settings.batch_age,
            total_bytes: settings.buffer_bytes,
        };
        Ok(Self {
            reader: GroupReader::join(&kafka, &names.group(ROLE), &topics)?,
            dead_letter_publisher: DeadLetterPublisher::new(&kafka)?,
            assembler: Assembler::new(limits),
            inserter,
            outcomes,
            runtime,
            settings,
            kafka,
            names,
            clock: Instant::now(),
            waiting: Vec::new(),
            without_row: Vec::new(),
            tasks: BTreeMap::new(),
            paused: BTreeSet::new(),
            last_commit: Duration::ZERO,
            kafka_pause: Duration::ZERO,
        })
    }

    pub(super) fn run(mut self, stop: impl Fn() -> bool) -> Result<(), SinkError> {
        while !stop() {
            self.run_once(false)?;
        }
        let deadline = self.now() + self.settings.stop_within;
        while !self.assembler.is_drained() && self.now() < deadline {
            self.run_once(true)?;
        }
        self.commit(&self.assembler.settled())?;
        Ok(())
    }

    fn run_once(&mut self, stopping: bool) -> Result<(), SinkError> {
        self.read(stopping)?;
        self.collect()?;
        self.publish_dead_letters()?;
        self.publish_dead_letters_of_rows()?;
        self.advance(stopping)?;
        self.apply_back_pressure()
    }

    fn read(&mut self, stopping: bool) -> Result<(), SinkError> {
        let batch = match self.reader.fetch(FETCH, WAIT) {
            Ok(batch) => batch,
            Err(error) => return self.handle_read_error(error),
        };
        self.change_lanes(&batch)?;
        if stopping {
            // Not buffered, not committed: read again at the next start.
            return Ok(());
        }
        let now = self.now();
        let mut found: Option<(usize, Topic)> = None;
        for message in batch.messages() {
            let index = message.topic.index;
            let topic = found
                .filter(|(known, _)| *known == index)
                .map(|(_, topic)| topic);
            let Some(topic) = topic.or_else(|| self.names.resolve(message.topic.name)) else {
                continue;
            };
            found = Some((index, topic));
            self.push_record(topic, &message, now);
        }
        Ok(())
    }

    fn push_record(&mut self, topic: Topic, message: &Message<'_>, now: Duration) {
        let (Ok(partition), Ok(offset)) = (
            u32::try_from(message.partition),
            u64::try_from(message.offset),
        ) else {
            return;
        };
        let lane = LaneId { topic, partition };
        let progress = &self.inserter.progress;
        self.assembler.push(lane, offset, now, |out| {
            let event = Event::decode(topic, message.value);
            let written = event.and_then(|event| rows::write(&event, partition, offset, out));
            written.map_err(|refusal| {
                progress.add_refused(1);
                dead_letters::refuse(topic, message, refusal)
            })
        });
    }

    fn change_lanes(&mut self, batch: &GroupBatch) -> Result<(), SinkError> {
        if !batch.lost.is_empty() {
            if !batch.assignment_lost {
                // Still ours: whoever takes over need not do this again.
                self.commit(&self.assembler.settled())?;
            }
            for (topic, partition) in &batch.lost {
                let Some(lane) = self.lane(topic, *partition) else {
                    continue;
                };
                self.assembler.lose(lane);
                self.paused.remove(&lane);
                self.waiting.retain(|work| work.lane != lane);
                self.without_row.retain(|refused| refused.lane != lane);
                if let Some(task) = self.tasks.remove(&lane) {
                    task.abort();
                }
            }
        }
        let mut gained: BTreeMap<Topic, Vec<(u32, u64)>> = BTreeMap::new();
        for committed in &batch.gained {
            let Some(lane) = self.lane(&committed.topic, committed.partition) else {
                continue;
            };
            let epoch = self.gain(lane, committed);
            gained
                .entry(lane.topic)
                .or_default()
                .push((lane.partition, epoch));
        }
        for (topic, lanes) in gained {
            self.runtime
                .spawn(self.inserter.clone().check(topic, lanes));
        }
        Ok(())
    }

    fn gain(&mut self, lane: LaneId, committed: &Committed) -> u64 {
        let start = committed
            .offset
            .and_then(|offset| u64::try_from(offset).ok());
        let note = start.map_or(Note::Nothing, |start| {
            Note::read(start, &committed.metadata)
        });
        let replay = match note {
            Note::Begun { end } => Some(end),
            Note::Nothing => None,
            Note::Foreign => {
                tracing::warn!(
                    topic = committed.topic,
                    partition = committed.partition,
                    note = committed.metadata,
                    "the committed note was not written by a sink; rows the store holds are looked for instead"
                );
                None
            }
        };
        self.assembler.gain(lane, start, replay)
    }

    fn collect(&mut self) -> Result<(), SinkError> {
        while let Ok(outcome) = self.outcomes.try_recv() {
            match outcome {
                Outcome::Checked {
                    lane,
                    epoch,
                    reaches,
                } => self.assembler.checked(lane, epoch, reaches),
                Outcome::Inserted {
                    lane,
                    epoch,
                    refused: rows,
                } if !rows.is_empty() => self.without_row.push(WithoutRow { lane, epoch, rows }),
                Outcome::Inserted { lane, epoch, .. } => self.assembler.finished(lane, epoch),
                Outcome::Failed(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Begins what is due, with one commit for all of it.
    fn advance(&mut self, flush: bool) -> Result<(), SinkError> {
        let now = self.now();
        if now < self.kafka_pause {
            return Ok(());
        }
        let mut entries = self.assembler.due(now, flush);
        if entries.is_empty() && now.saturating_sub(self.last_commit) >= SETTLE_EVERY {
            entries = self.assembler.settled();
        }
        if self.commit(&entries)? {
            let works = self.assembler.begin(&entries);
            self.waiting.extend(works);
            self.publish_dead_letters()?;
        }
        Ok(())
    }

    /// True if it was committed; a passing failure is waited for.
    fn commit(&mut self, entries: &[Entry]) -> Result<bool, SinkError> {
        if entries.is_empty() {
            return Ok(false);
        }
        let offsets: Vec<(Position, String)> =
            entries.iter().map(|entry| self.position(entry)).collect();
        self.last_commit = self.now();
        match self.reader.commit(&offsets) {
            Ok(()) => Ok(true),
            // Lost partitions are announced by the next fetch.
            Err(error) if error.retryable() || matches!(error, KafkaError::Commit { .. }) => {
                tracing::warn!(%error, "offsets were not committed; nothing is inserted before they are");
                self.kafka_pause = self.now() + KAFKA_PAUSE;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn position(&self, entry: &Entry) -> (Position, String) {
        let topic = self.names.topic(entry.lane.topic);
        let position = Position::new(topic, entry.lane.partition as i32, entry.offset as i64);
        let range = entry.end.map(|end| Range {
            start: entry.offset,
            end,
        });
        (position, range.map_or_else(String::new, Range::note))
    }

    /// A range's letters are with Kafka before the range is in the store, so
    /// that no crash leaves a record without a trace. A crash in between
    /// publishes them again, with the same ids.
    fn publish_dead_letters(&mut self) -> Result<(), SinkError> {
        if self.waiting.is_empty() || self.now() < self.kafka_pause {
            return Ok(());
        }
        let letters = self.waiting.iter().flat_map(|work| {
            let refused = work.sealed.refused.iter();
            refused.map(|refused| (work.lane, refused))
        });
        if let Err(error) = self.dead_letter_publisher.send(letters)? {
            self.delay_dead_letters(&error);
            return Ok(());
        }
        for work in std::mem::take(&mut self.waiting) {
            let lane = work.lane;
            let task = self.runtime.spawn(self.inserter.clone().insert(work));
            self.tasks.insert(lane, task.abort_handle());
        }
        Ok(())
    }

    /// A range counts as done when the rows that the store refused have their letters. A crash
    /// before that has the range inserted again, and comes to the same letters.
    fn publish_dead_letters_of_rows(&mut self) -> Result<(), SinkError> {
        while let Some(WithoutRow { lane, epoch, rows }) = self.without_row.last() {
            if self.now() < self.kafka_pause {
                return Ok(());
            }
            let (lane, epoch) = (*lane, *epoch);
            match dead_letters::of_rows(&self.kafka, lane, rows) {
                Ok(refused) => {
                    let letters = refused.iter().map(|refused| (lane, refused));
                    if let Err(error) = self.dead_letter_publisher.send(letters)? {
                        self.delay_dead_letters(&error);
                        return Ok(());
                    }
                    self.inserter.progress.add_refused(refused.len());
                }
                Err(error @ KafkaError::OffsetGone { .. }) => {
                    tracing::error!(%error, "a record that the store refuses was removed before it could be kept");
                }
                Err(error) if error.retryable() => {
                    self.delay_dead_letters(&error);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            self.without_row.pop();
            self.assembler.finished(lane, epoch);
        }
        Ok(())
    }

    fn delay_dead_letters(&mut self, error: &KafkaError) {
        tracing::warn!(%error, "dead letters were not published; their ranges wait for them");
        self.kafka_pause = self.now() + KAFKA_PAUSE;
    }

    fn apply_back_pressure(&mut self) -> Result<(), SinkError> {
        gauge!(names::SINK_BUFFERED_BYTES).set(self.assembler.bytes() as f64);
        let shut = self.inserter.gate.is_shut();
        if !self.paused.is_empty() && self.assembler.has_room() && !shut {
            let lanes = std::mem::take(&mut self.paused);
            self.reader.resume(&self.full_names(lanes))?;
            self.show_paused();
        } else if !self.paused.is_empty() || self.assembler.is_full() || shut {
            // Again and again: lanes that came since, or whose replay is read, too.
            let mut lanes = self.assembler.pausable();
            lanes.retain(|lane| self.paused.insert(*lane));
            if !lanes.is_empty() {
                self.reader.pause(&self.full_names(lanes))?;
                self.show_paused();
            }
        }
        Ok(())
    }

    fn show_paused(&self) {
        let paused = !self.paused.is_empty();
        self.inserter.progress.set_paused(paused);
        gauge!(names::SINK_PAUSED).set(if paused { 1.0 } else { 0.0 });
    }

    /// Goes on after errors of reading that pass, and over what retention removed.
    fn handle_read_error(&mut self, error: KafkaError) -> Result<(), SinkError> {
        if let KafkaError::OffsetGone {
            topic,
            partition,
            offset,
            held: Some((low, _)),
        } = &error
            && offset < low
        {
            tracing::error!(
                topic,
                partition,
                from = offset,
                to = low,
                "retention removed records before they were in the store; going on behind the gap"
            );
            counter!(names::SINK_GAP, "topic" => topic.clone()).increment((low - offset) as u64);
            if let (Some(lane), Ok(next)) = (self.lane(topic, *partition), u64::try_from(*low)) {
                self.assembler.skipped(lane, next);
                // Read on even if it was paused.
                self.paused.remove(&lane);
            }
            self.reader
                .seek(&Position::new(topic.clone(), *partition, *low))?;
            return Ok(());
        }
        if !error.retryable() {
            return Err(error.into());
        }
        tracing::warn!(%error, "reading failed; trying again");
        std::thread::sleep(WAIT);
        Ok(())
    }

    fn lane(&self, topic: &str, partition: i32) -> Option<LaneId> {
        let topic = self.names.resolve(topic)?;
        Some(LaneId {
            topic,
            partition: u32::try_from(partition).ok()?,
        })
    }

    fn full_names(&self, lanes: impl IntoIterator<Item = LaneId>) -> Vec<(String, i32)> {
        let name = |lane: LaneId| {
            (
                self.names.topic(lane.topic).to_owned(),
                lane.partition as i32,
            )
        };
        lanes.into_iter().map(name).collect()
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}
