//! Processors behind one another in one thread, as if each topic had one partition
//! and time were that of the records.
//!
//! A processor's outputs wait for its commit, as they do live: at once when someone
//! waits for them ([`Out::is_urgent`]), otherwise 100 ms after the first record since
//! the last commit, or 20 ms for [`CommitUrgency::Prompt`]. Live, urgent commits also keep
//! 5 ms apart and take in whatever was fetched with them; here each stands alone.

use std::collections::VecDeque;

use tapeline_model::ids::output_id;
use tapeline_model::reasons::Refusal;
use tapeline_model::records::DeadLetter;
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::{CommitUrgency, Out, Processor, StateError};
use tapeline_schemas::codec::EncodeError;
use tapeline_schemas::topics::Topic;

const REGULAR: i64 = 100_000;
const PROMPT: i64 = 20_000;

/// Of records that wait to be read, and of what happens because of one record of the
/// history: processors that answer their own outputs reach this.
const MAX_STEPS: usize = 1_000_000;

#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(
        "the processors do not come to rest at {time}: after {MAX_STEPS} steps {topic} is still \
         written; look which of them answers its own output"
    )]
    Endless { time: Micros, topic: Topic },
    #[error("{processor} is woken again and again at {time}: it must ask for a later time")]
    Sleepless {
        processor: &'static str,
        time: Micros,
    },
    #[error("a record of {topic} at {time}: {source}")]
    Encode {
        topic: Topic,
        time: Micros,
        source: EncodeError,
    },
    #[error("{processor} at {time}: {source}")]
    State {
        processor: &'static str,
        time: Micros,
        source: StateError,
    },
}

/// Takes every event that comes out, in order.
pub type Sink<'s> = dyn FnMut(&Event<'static>) + 's;

pub struct Pipeline {
    stages: Vec<Stage>,
    /// Per topic, what the next record is numbered.
    offsets: Vec<u64>,
    queue: VecDeque<(Origin, Event<'static>)>,
    now: Micros,
    steps: usize,
}

struct Stage {
    processor: Box<dyn Processor>,
    out: Out,
    /// Not yet committed.
    uncommitted: Vec<Event<'static>>,
    /// When the first record came since the last commit.
    first_at: Option<Micros>,
    /// Reports at once, and is given nothing once the history is over.
    is_venue: bool,
    is_over: bool,
}

/// What is to be done at a time; at equal times in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Tick(usize),
    Commit(usize),
}

impl Pipeline {
    /// At equal times they are given records in this order.
    pub fn new(processors: Vec<Box<dyn Processor>>) -> Self {
        Self {
            stages: processors
                .into_iter()
                .map(|p| Stage::new(p, false))
                .collect(),
            offsets: vec![0; Topic::ALL.len()],
            queue: VecDeque::new(),
            now: Micros(0),
            steps: 0,
        }
    }

    /// A venue that answers the processors: what it says is out at once. When
    /// the history ends it takes nothing more, since what is written then is written early.
    #[must_use]
    pub fn with_venue(mut self, venue: Box<dyn Processor>) -> Self {
        self.stages.push(Stage::new(venue, true));
        self
    }

    /// The newest event time of the history so far.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// A record of the history, after everything that was due before it.
    pub fn feed(
        &mut self,
        event: Event<'static>,
        sink: &mut Sink<'_>,
    ) -> Result<(), PipelineError> {
        self.steps = 0;
        self.advance(event.event_time(), sink)?;
        let origin = self.number(event.topic());
        self.queue.push_back((origin, event));
        self.settle(sink)
    }

    /// What a venue says without being asked, at this time.
    pub fn inject(
        &mut self,
        events: Vec<Event<'static>>,
        time: Micros,
        sink: &mut Sink<'_>,
    ) -> Result<(), PipelineError> {
        self.steps = 0;
        self.advance(time, sink)?;
        self.release(events, sink)?;
        self.settle(sink)
    }

    /// The history is over: everything is committed once more.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        self.steps = 0;
        for stage in &mut self.stages {
            stage.is_over = stage.is_venue;
        }
        while let Some(index) = self.stages.iter().position(|m| m.first_at.is_some()) {
            self.commit(index, sink)?;
            self.settle(sink)?;
        }
        Ok(())
    }

    /// Time goes on: what is due before `to` happens at its own time.
    fn advance(&mut self, to: Micros, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        while let Some((time, task)) = self.next_task().filter(|(time, _)| *time < to) {
            self.now = self.now.max(time);
            match task {
                Task::Tick(index) => self.tick(index, sink)?,
                Task::Commit(index) => self.commit(index, sink)?,
            }
            self.settle(sink)?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    fn next_task(&self) -> Option<(Micros, Task)> {
        let stages = self.stages.iter().enumerate();
        let tasks = stages.flat_map(|(index, stage)| {
            let wake = stage.processor.wake_at();
            let commit = stage.commit_at();
            let tick = wake.map(|time| (time, Task::Tick(index)));
            [tick, commit.map(|time| (time, Task::Commit(index)))]
        });
        tasks.flatten().min()
    }

    fn tick(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        let now = self.now;
        let Some(stage) = self.stages.get_mut(index) else {
            return Ok(());
        };
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(PipelineError::Sleepless {
                processor: stage.processor.name(),
                time: now,
            });
        }
        stage.first_at.get_or_insert(now);
        stage.processor.tick(now, &mut stage.out);
        self.collect(index, sink)
    }

    /// Hands on what waits, and what comes of it, until nothing does.
    fn settle(&mut self, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        while let Some((origin, event)) = self.queue.pop_front() {
            for index in 0..self.stages.len() {
                self.deliver(index, origin, &event, sink)?;
            }
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        index: usize,
        origin: Origin,
        event: &Event<'static>,
        sink: &mut Sink<'_>,
    ) -> Result<(), PipelineError> {
        let now = self.now;
        let Some(stage) = self.stages.get_mut(index).filter(|m| m.reads(origin.topic)) else {
            return Ok(());
        };
        self.steps += 1;
        if self.steps > MAX_STEPS {
            let (time, topic) = (now, origin.topic);
            return Err(PipelineError::Endless { time, topic });
        }
        stage.first_at.get_or_insert(now);
        let result = stage.processor.process(origin, event, now, &mut stage.out);
        if let Err(refusal) = result {
            let name = stage.processor.name();
            let dead_letter = dead_letter(name, origin, event, &refusal, now)?;
            stage.out.emit(Event::DeadLetter(dead_letter));
        }
        self.collect(index, sink)
    }

    /// A record was taken, or a tick.
    fn collect(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        let Some(stage) = self.stages.get_mut(index) else {
            return Ok(());
        };
        let is_urgent = stage.out.is_urgent() || stage.is_venue;
        stage.uncommitted.extend(stage.out.drain());
        if is_urgent {
            return self.commit(index, sink);
        }
        Ok(())
    }

    fn commit(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), PipelineError> {
        let now = self.now;
        let Some(stage) = self.stages.get_mut(index) else {
            return Ok(());
        };
        stage.first_at = None;
        stage.processor.before_commit(now, &mut stage.out);
        stage
            .discard_changes()
            .map_err(|source| PipelineError::State {
                processor: stage.processor.name(),
                time: now,
                source,
            })?;
        let mut events = std::mem::take(&mut stage.uncommitted);
        events.extend(stage.out.drain());
        for event in &mut events {
            event.set_ingest_time(now);
        }
        self.release(events, sink)
    }

    fn release(
        &mut self,
        events: Vec<Event<'static>>,
        sink: &mut Sink<'_>,
    ) -> Result<(), PipelineError> {
        for event in events {
            sink(&event);
            let topic = event.topic();
            let origin = self.number(topic);
            if !self.stages.iter().any(|stage| stage.reads(topic)) {
                continue;
            }
            if self.queue.len() == MAX_STEPS {
                return Err(PipelineError::Endless {
                    time: self.now,
                    topic,
                });
            }
            self.queue.push_back((origin, event));
        }
        Ok(())
    }

    /// The place of the next record of a topic.
    fn number(&mut self, topic: Topic) -> Origin {
        let next = self.offsets.get_mut(topic as usize);
        let offset = next.map_or(0, |next| {
            *next += 1;
            *next - 1
        });
        Origin {
            topic,
            partition: 0,
            offset,
        }
    }
}

impl Stage {
    fn new(processor: Box<dyn Processor>, is_venue: bool) -> Self {
        Self {
            processor,
            out: Out::default(),
            uncommitted: Vec::new(),
            first_at: None,
            is_venue,
            is_over: false,
        }
    }

    fn reads(&self, topic: Topic) -> bool {
        let mut inputs = self.processor.inputs().iter();
        !self.is_over && inputs.any(|input| input.topic == topic)
    }

    /// Changes of state would go to the changelog, and count as new until they do.
    fn discard_changes(&mut self) -> Result<(), StateError> {
        let mut stores = self.processor.stores().into_iter();
        stores.try_for_each(|store| store.drain_changes(&mut |_, _| {}))
    }

    fn commit_at(&self) -> Option<Micros> {
        let interval = match self.processor.commit_urgency() {
            CommitUrgency::Regular => REGULAR,
            CommitUrgency::Prompt => PROMPT,
        };
        let first_at = self.first_at?;
        Some(Micros(first_at.0.saturating_add(interval)))
    }
}

/// As the runtime writes it.
fn dead_letter(
    reader: &str,
    origin: Origin,
    event: &Event<'_>,
    refusal: &Refusal,
    now: Micros,
) -> Result<DeadLetter, PipelineError> {
    let topic = origin.topic.name();
    let mut value = Vec::new();
    event
        .encode(&mut value)
        .map_err(|source| PipelineError::Encode {
            topic: origin.topic,
            time: now,
            source,
        })?;
    Ok(DeadLetter {
        letter_id: output_id(topic, origin.partition, origin.offset, reader, 0),
        topic: topic.to_owned(),
        partition: origin.partition as i32,
        offset: origin.offset as i64,
        key: Some(event.key().as_bytes().to_vec()),
        value: Some(value),
        reason: refusal.reason.code().to_owned(),
        message: refusal.message.clone(),
        event_time: now,
        ingest_time: now,
        source: reader.to_owned(),
    })
}
