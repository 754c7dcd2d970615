use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tapeline_model::Micros;

use super::queue::{Named, Queue};

/// How many ids are remembered.
pub const REMEMBERED: usize = 256;

/// The newest ids seen, so that each counts once, in bounded space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenIds {
    seen: Queue<SeenId>,
    /// Up to here, an unknown id may be one that was forgotten.
    forgotten_until: Option<Micros>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SeenId {
    id: SmolStr,
    time: Micros,
}

impl Named for SeenId {
    fn name(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl SeenIds {
    pub fn knows(&self, id: &str) -> bool {
        self.seen.find(id).is_some()
    }

    pub fn may_have_forgotten(&self, time: Micros) -> bool {
        self.forgotten_until.is_some_and(|until| time <= until)
    }

    pub fn newest(&self) -> Option<Micros> {
        self.seen.iter().map(|seen| seen.time).max()
    }

    pub fn remember(&mut self, id: &str, time: Micros) {
        if self.seen.len() >= REMEMBERED
            && let Some(oldest) = self.seen.pop_front()
        {
            self.forget_until(oldest.time);
        }
        self.seen.push_back(SeenId {
            id: SmolStr::new(id),
            time,
        });
    }

    /// From now on, nothing up to this time is taken for new.
    pub fn forget_until(&mut self, time: Micros) {
        self.forgotten_until = self.forgotten_until.max(Some(time));
    }
}
