//! What an output came of.

use tapeline_model::ids::output_id;
use tapeline_model::{Micros, Origin};
use uuid::Uuid;

/// What is being processed: a record, or the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause {
    pub topic: &'static str,
    pub partition: u32,
    pub offset: u64,
    pub event_time: Micros,
    pub now: Micros,
}

impl Cause {
    pub fn record(origin: Origin, event_time: Micros, now: Micros) -> Self {
        Self {
            topic: origin.topic.name(),
            partition: origin.partition,
            offset: origin.offset,
            event_time,
            now,
        }
    }

    /// Nothing happened but that time went by. Its offset is the time.
    pub fn time(now: Micros) -> Self {
        Self {
            topic: "time",
            partition: 0,
            offset: now.0 as u64,
            event_time: now,
            now,
        }
    }

    /// One record can lead to several outputs of a kind, each about another matter.
    pub fn id(&self, kind: &str, matter: &str) -> Uuid {
        let rule = format!("{kind}/{matter}");
        output_id(self.topic, self.partition, self.offset, &rule, 0)
    }
}
