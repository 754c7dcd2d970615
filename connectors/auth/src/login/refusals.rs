//! What the venue counts before it locks an account.

use std::time::Duration;

use tapeline_model::Micros;

use crate::policy::{earlier, later};

#[derive(Debug, Clone)]
pub(super) struct Refusals {
    most: u32,
    count_for: Duration,
    at: Vec<Micros>,
    /// What is under way: counted, until its answer says that it is not.
    presumed: Option<Micros>,
}

impl Refusals {
    pub(super) fn new(most: u32, count_for: Duration) -> Self {
        Self {
            most: most.max(1),
            count_for,
            at: Vec::new(),
            presumed: None,
        }
    }

    pub(super) fn add(&mut self, kept: Vec<Micros>, now: Micros) {
        self.at.extend(kept);
        // A clock that was wrong must not lock an account for years.
        self.at.iter_mut().for_each(|at| *at = (*at).min(now));
        self.at.sort_unstable();
        self.thin(now);
    }

    /// Something is sent that may be counted. What was presumed before was counted.
    pub(super) fn presume(&mut self, now: Micros) {
        self.settle();
        self.thin(now);
        self.presumed = Some(now);
    }

    /// What is under way was answered, and is counted: from now on.
    pub(super) fn is_now(&mut self, now: Micros) {
        self.presumed = Some(now);
    }

    /// It was not counted.
    pub(super) fn withdraw(&mut self) {
        self.presumed = None;
    }

    pub(super) fn settle(&mut self) {
        self.at.extend(self.presumed.take());
    }

    /// The venue forgets them at a login.
    pub(super) fn clear(&mut self) {
        self.at.clear();
        self.presumed = None;
    }

    /// The venue says that it takes no more.
    pub(super) fn use_up(&mut self, now: Micros) {
        self.presumed = None;
        self.at = vec![now; self.most as usize];
    }

    pub(super) fn count(&self, now: Micros) -> u32 {
        let from = earlier(now, self.count_for);
        let counted = self
            .at
            .iter()
            .chain(&self.presumed)
            .filter(|at| **at > from);
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }

    /// None while another refusal does no harm.
    pub(super) fn locked_until(&mut self, now: Micros) -> Option<Micros> {
        self.settle();
        if self.count(now) < self.most {
            return None;
        }
        let newest = self.at.iter().max()?;
        Some(later(*newest, self.count_for))
    }

    pub(super) fn all(&self) -> Vec<Micros> {
        self.at.iter().chain(&self.presumed).copied().collect()
    }

    fn thin(&mut self, now: Micros) {
        let from = earlier(now, self.count_for);
        self.at.retain(|at| *at > from);
        let too_many = self.at.len().saturating_sub(self.most as usize);
        self.at.drain(..too_many);
    }
}
