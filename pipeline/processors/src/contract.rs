//! What a processor is, and what the runtime promises it.

use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::codec::{DecodeError, EncodeError};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

/// Which partitions of an input a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The partition with the task's own number.
    Keyed,
    /// All of them.
    Broadcast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    pub topic: Topic,
    pub reach: Reach,
}

impl Input {
    pub const fn keyed(topic: Topic) -> Self {
        Self {
            topic,
            reach: Reach::Keyed,
        }
    }

    pub const fn broadcast(topic: Topic) -> Self {
        Self {
            topic,
            reach: Reach::Broadcast,
        }
    }

    /// The partitions that a task reads of the `count` there are.
    pub fn partitions(self, task: u32, count: u32) -> std::ops::Range<u32> {
        match self.reach {
            Reach::Keyed => task..task + 1,
            Reach::Broadcast => 0..count,
        }
    }
}

/// Whose keyed records a task is given: those of its own partition among so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    task: u32,
    of: u32,
}

impl Share {
    /// Of a task that has no others beside it.
    pub const ALL: Self = Self { task: 0, of: 1 };

    pub fn new(task: u32, of: u32) -> Self {
        Self { task, of }
    }

    pub fn task(self) -> u32 {
        self.task
    }

    /// How many tasks there are.
    pub fn of(self) -> u32 {
        self.of
    }

    pub fn has(self, key: &str) -> bool {
        partition_of(key.as_bytes(), self.of) == self.task
    }
}

/// How soon what is conflated until the commit is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitUrgency {
    /// People look at it, now and then.
    Regular,
    /// Another processor decides with it.
    Prompt,
}

/// One task of a processor. The same inputs in the same order with the same
/// `now` values give the same outputs and the same state, on any machine.
pub trait Processor: Send {
    fn name(&self) -> &'static str;

    fn inputs(&self) -> &'static [Input];

    fn outputs(&self) -> &'static [Topic];

    fn commit_urgency(&self) -> CommitUrgency {
        CommitUrgency::Regular
    }

    /// Takes one record. A refused record leaves state and `out` as they were.
    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal>;

    /// When [`tick`](Self::tick) is wanted next, whether or not anything is read
    /// until then. Asked after every batch.
    fn wake_at(&self) -> Option<Micros> {
        None
    }

    /// The wanted time has come.
    fn tick(&mut self, _now: Micros, _out: &mut Out) {}

    /// The transaction is about to be committed: what is conflated goes out now.
    fn before_commit(&mut self, _now: Micros, _out: &mut Out) {}

    /// Everything that must survive, always in the same order.
    fn stores(&mut self) -> Vec<&mut dyn StateStore>;

    /// State was restored: rebuild what is derived from it.
    fn restored(&mut self) -> Result<(), StateError> {
        Ok(())
    }
}

/// The record's event time, if the store can hold it.
pub(crate) fn event_time(event: &Event<'_>) -> Result<Micros, Refusal> {
    let time = event.event_time();
    if time.is_storable() {
        return Ok(time);
    }
    let message = format!("event time {} lies outside 1970 to 2262", time.0);
    Err(Refusal::new(Reason::BadTime, message))
}

/// What a processor emits, in order.
#[derive(Debug, Default)]
pub struct Out {
    events: Vec<Event<'static>>,
    urgent: bool,
}

impl Out {
    pub fn emit(&mut self, event: Event<'static>) {
        self.urgent |= event.is_urgent();
        self.events.push(event);
    }

    pub fn extend(&mut self, events: impl IntoIterator<Item = Event<'static>>) {
        events.into_iter().for_each(|event| self.emit(event));
    }

    /// Someone waits for what was emitted.
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes what was emitted so far.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Event<'static>> {
        self.urgent = false;
        self.events.drain(..)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("store {store}: a key of {len} bytes cannot be read")]
    Key { store: &'static str, len: usize },
    #[error("store {store}: {source}")]
    Decode {
        store: &'static str,
        source: DecodeError,
    },
    #[error("store {store}: {source}")]
    Encode {
        store: &'static str,
        source: EncodeError,
    },
    #[error("store {store} does not fit together: {detail}")]
    Inconsistent { store: &'static str, detail: String },
}

/// A change of state: the key, and the new value or nothing.
pub type WriteChange<'w> = dyn FnMut(&[u8], Option<&[u8]>) + 'w;

/// A store as the runtime sees it: bytes that go to the changelog and come back.
pub trait StateStore {
    fn name(&self) -> &'static str;

    /// Hands over each key changed since the last call once, in the order in
    /// which the keys were first changed.
    fn drain_changes(&mut self, write: &mut WriteChange<'_>) -> Result<(), StateError>;

    /// Hands over everything, in the order of the keys' bytes.
    fn dump(&self, write: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StateError>;

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError>;

    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
