//! Processors behind one another in one thread, as if each topic had one partition
//! and time were that of the records.
//!
//! A processor's outputs wait for its commit, as they do live: at once when someone
//! waits for them ([`Out::is_urgent`]), otherwise 100 ms after the first record since
//! the last commit, or 20 ms for [`Haste::Prompt`]. Live, urgent commits also keep
//! 5 ms apart and take in whatever was fetched with them; here each stands alone.

use std::collections::VecDeque;

use tapeline_model::ids::output_id;
use tapeline_model::reasons::Refusal;
use tapeline_model::records::DeadLetter;
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::{Haste, Out, Processor, StateError};
use tapeline_schemas::codec::EncodeError;
use tapeline_schemas::topics::Topic;

const REGULAR: i64 = 100_000;
const PROMPT: i64 = 20_000;

/// Of records that wait to be read, and of what happens because of one record of the
/// history: a line that goes round in a circle comes to this.
const MOST_STEPS: usize = 1_000_000;

#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error(
        "the processors do not come to rest at {time}: after {MOST_STEPS} steps {topic} is still \
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

pub struct Line {
    members: Vec<Member>,
    /// Per topic, what the next record is numbered.
    offsets: Vec<u64>,
    queue: VecDeque<(Origin, Event<'static>)>,
    now: Micros,
    steps: usize,
}

struct Member {
    processor: Box<dyn Processor>,
    out: Out,
    /// Not yet committed.
    held: Vec<Event<'static>>,
    /// When the first record came since the last commit.
    began: Option<Micros>,
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

impl Line {
    /// At equal times they are given records in this order.
    pub fn new(processors: Vec<Box<dyn Processor>>) -> Self {
        Self {
            members: processors
                .into_iter()
                .map(|p| Member::new(p, false))
                .collect(),
            offsets: vec![0; Topic::ALL.len()],
            queue: VecDeque::new(),
            now: Micros(0),
            steps: 0,
        }
    }

    /// Something outside of the line that answers it: what it says is out at once. When
    /// the history ends it takes nothing more, since what is told then is told early.
    #[must_use]
    pub fn with_venue(mut self, venue: Box<dyn Processor>) -> Self {
        self.members.push(Member::new(venue, true));
        self
    }

    /// The newest event time of the history so far.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// A record of the history, after everything that was due before it.
    pub fn feed(&mut self, event: Event<'static>, sink: &mut Sink<'_>) -> Result<(), LineError> {
        self.steps = 0;
        self.advance(event.event_time(), sink)?;
        let origin = self.number(event.topic());
        self.queue.push_back((origin, event));
        self.settle(sink)
    }

    /// What a venue says without being asked, at this time.
    pub fn tell(
        &mut self,
        events: Vec<Event<'static>>,
        time: Micros,
        sink: &mut Sink<'_>,
    ) -> Result<(), LineError> {
        self.steps = 0;
        self.advance(time, sink)?;
        self.release(events, sink)?;
        self.settle(sink)
    }

    /// The history is over: everything is committed once more.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), LineError> {
        self.steps = 0;
        for member in &mut self.members {
            member.is_over = member.is_venue;
        }
        while let Some(index) = self.members.iter().position(|m| m.began.is_some()) {
            self.commit(index, sink)?;
            self.settle(sink)?;
        }
        Ok(())
    }

    /// Time goes on: what is due before `to` happens at its own time.
    fn advance(&mut self, to: Micros, sink: &mut Sink<'_>) -> Result<(), LineError> {
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
        let members = self.members.iter().enumerate();
        let tasks = members.flat_map(|(index, member)| {
            let wake = member.processor.wake_at();
            let commit = member.commit_at();
            let tick = wake.map(|time| (time, Task::Tick(index)));
            [tick, commit.map(|time| (time, Task::Commit(index)))]
        });
        tasks.flatten().min()
    }

    fn tick(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), LineError> {
        let now = self.now;
        let Some(member) = self.members.get_mut(index) else {
            return Ok(());
        };
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(LineError::Sleepless {
                processor: member.processor.name(),
                time: now,
            });
        }
        member.began.get_or_insert(now);
        member.processor.tick(now, &mut member.out);
        self.taken(index, sink)
    }

    /// Hands on what waits, and what comes of it, until nothing does.
    fn settle(&mut self, sink: &mut Sink<'_>) -> Result<(), LineError> {
        while let Some((origin, event)) = self.queue.pop_front() {
            for index in 0..self.members.len() {
                self.give(index, origin, &event, sink)?;
            }
        }
        Ok(())
    }

    fn give(
        &mut self,
        index: usize,
        origin: Origin,
        event: &Event<'static>,
        sink: &mut Sink<'_>,
    ) -> Result<(), LineError> {
        let now = self.now;
        let Some(member) = self
            .members
            .get_mut(index)
            .filter(|m| m.reads(origin.topic))
        else {
            return Ok(());
        };
        self.steps += 1;
        if self.steps > MOST_STEPS {
            let (time, topic) = (now, origin.topic);
            return Err(LineError::Endless { time, topic });
        }
        member.began.get_or_insert(now);
        let result = member
            .processor
            .process(origin, event, now, &mut member.out);
        if let Err(refusal) = result {
            let name = member.processor.name();
            let letter = letter(name, origin, event, &refusal, now)?;
            member.out.emit(Event::DeadLetter(letter));
        }
        self.taken(index, sink)
    }

    /// A record was taken, or a tick.
    fn taken(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), LineError> {
        let Some(member) = self.members.get_mut(index) else {
            return Ok(());
        };
        let is_urgent = member.out.is_urgent() || member.is_venue;
        member.held.extend(member.out.drain());
        if is_urgent {
            return self.commit(index, sink);
        }
        Ok(())
    }

    fn commit(&mut self, index: usize, sink: &mut Sink<'_>) -> Result<(), LineError> {
        let now = self.now;
        let Some(member) = self.members.get_mut(index) else {
            return Ok(());
        };
        member.began = None;
        member.processor.before_commit(now, &mut member.out);
        member.forget().map_err(|source| LineError::State {
            processor: member.processor.name(),
            time: now,
            source,
        })?;
        let mut events = std::mem::take(&mut member.held);
        events.extend(member.out.drain());
        for event in &mut events {
            event.set_ingest_time(now);
        }
        self.release(events, sink)
    }

    fn release(
        &mut self,
        events: Vec<Event<'static>>,
        sink: &mut Sink<'_>,
    ) -> Result<(), LineError> {
        for event in events {
            sink(&event);
            let topic = event.topic();
            let origin = self.number(topic);
            if !self.members.iter().any(|member| member.reads(topic)) {
                continue;
            }
            if self.queue.len() == MOST_STEPS {
                return Err(LineError::Endless {
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

impl Member {
    fn new(processor: Box<dyn Processor>, is_venue: bool) -> Self {
        Self {
            processor,
            out: Out::default(),
            held: Vec::new(),
            began: None,
            is_venue,
            is_over: false,
        }
    }

    fn reads(&self, topic: Topic) -> bool {
        let mut inputs = self.processor.inputs().iter();
        !self.is_over && inputs.any(|input| input.topic == topic)
    }

    /// Changes of state would go to the changelog, and count as new until they do.
    fn forget(&mut self) -> Result<(), StateError> {
        let mut stores = self.processor.stores().into_iter();
        stores.try_for_each(|store| store.drain_changes(&mut |_, _| {}))
    }

    fn commit_at(&self) -> Option<Micros> {
        let interval = match self.processor.haste() {
            Haste::Regular => REGULAR,
            Haste::Prompt => PROMPT,
        };
        let began = self.began?;
        Some(Micros(began.0.saturating_add(interval)))
    }
}

/// As the runtime writes it.
fn letter(
    reader: &str,
    origin: Origin,
    event: &Event<'_>,
    refusal: &Refusal,
    now: Micros,
) -> Result<DeadLetter, LineError> {
    let topic = origin.topic.name();
    let mut value = Vec::new();
    event
        .encode(&mut value)
        .map_err(|source| LineError::Encode {
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
