//! What is stored of a portfolio's limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::AccountId;
use tapeline_model::money::Money;
use tapeline_model::records::Grade;
use tapeline_schemas::codec::Record;

use super::guard::Guard;
use super::tracks::Tracks;
use super::window::Counts;

/// Everything that must survive a restart. Changed by [`super::Watch`] alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    pub(super) whole: Tracks,
    pub(super) accounts: BTreeMap<AccountId, Tracks>,
    /// By limit and group; what passes is not in it.
    pub(super) grades: BTreeMap<String, BTreeMap<String, Graded>>,
    /// By limit.
    pub(super) counts: BTreeMap<String, Counts>,
    /// By limit: losing trades in a row.
    pub(super) streaks: BTreeMap<String, i64>,
    /// Since when.
    pub(super) lost_sessions: BTreeMap<AccountId, Micros>,
    /// By account and symbol, which is empty for the balance: since when.
    pub(super) unreconciled: BTreeMap<AccountId, BTreeMap<String, Micros>>,
    pub(super) guard: Guard,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graded {
    pub(super) grade: Grade,
    /// As of the last decision.
    pub(super) value: Money,
    /// The value at which a reset knowingly set the breach aside.
    pub(super) set_aside: Option<Money>,
}

impl Record for LimitState {
    const RECORD: &'static str = "state_limits";

    /// While no causes are merged, a former release can go on with it.
    fn version(&self) -> Option<u32> {
        let mut holds = self.guard.causes().iter();
        holds.all(|hold| hold.merged.is_none()).then_some(1)
    }
}

impl LimitState {
    pub(super) fn put_grade(&mut self, limit: &str, group: &str, graded: Graded) {
        let groups = self.grades.entry(limit.to_owned()).or_default();
        groups.insert(group.to_owned(), graded);
    }

    pub(super) fn pass(&mut self, limit: &str, group: &str) {
        if let Some(groups) = self.grades.get_mut(limit) {
            groups.remove(group);
            if groups.is_empty() {
                self.grades.remove(limit);
            }
        }
    }
}
