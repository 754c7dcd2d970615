use tapeline_model::{Event, Micros};
use tapeline_venue::Outgoing;

/// Where the parts of the simulation put what they emit during one step. It
/// holds the one counter that numbers all of it.
#[derive(Debug)]
pub(crate) struct Outbox<'a> {
    pub(crate) now: Micros,
    next_seq: u64,
    emitted: &'a mut Vec<Outgoing>,
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(now: Micros, next_seq: u64, emitted: &'a mut Vec<Outgoing>) -> Self {
        Self {
            now,
            next_seq,
            emitted,
        }
    }

    /// The number that the next emission gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) fn push(&mut self, event: Event<'static>) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.emitted.push(Outgoing { seq, event });
    }
}
