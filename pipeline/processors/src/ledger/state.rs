//! What is stored of a position.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::ExecId;

use super::entry::{Amended, Amendments, Entry, FillEntry};
use super::error::LedgerError;
use super::events::{Amend, Opening};
use super::orders::OrderTallies;
use super::position_totals::PositionTotals;
use super::queue::Queue;
use super::seen_ids::SeenIds;
use super::terms::Terms;

/// How many reports can still be amended or preceded by late ones.
pub const OPEN_ENTRIES: usize = 64;

/// For how many fills that were not reported yet amendments are held.
pub const HELD: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PositionState {
    pub(super) terms: Terms,
    pub(super) opening: Option<Opening>,
    /// The opening and everything settled.
    pub(super) base: PositionTotals,
    pub(super) settled_until: Option<Micros>,
    /// The fills that are settled.
    pub(super) settled: SeenIds,
    /// By event time.
    pub(super) entries: Queue<Entry>,
    pub(super) held: Vec<HeldAmendments>,
    pub(super) orders: OrderTallies,
}

/// Amendments that came before their fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldAmendments {
    of: ExecId,
    amendments: Amendments,
}

impl PositionState {
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            opening: None,
            base: PositionTotals::default(),
            settled_until: None,
            settled: SeenIds::default(),
            entries: Queue::default(),
            held: Vec::new(),
            orders: OrderTallies::default(),
        }
    }

    pub fn fill_at(&self, exec_id: &ExecId) -> Option<(usize, &FillEntry)> {
        match self.entries.find(exec_id.as_str())? {
            (at, Entry::Fill(fill)) => Some((at, fill)),
            _ => None,
        }
    }

    /// Behind everything up to this time.
    pub fn place_of(&self, time: Micros) -> usize {
        let newest = self.entries.back();
        if newest.is_none_or(|newest| newest.time() <= time) {
            return self.entries.len();
        }
        self.entries.partition_point(|known| known.time() <= time)
    }

    pub fn is_in_opening(&self, time: Micros) -> bool {
        self.opening.is_some_and(|opening| time <= opening.time)
    }

    /// Where the position stands with `entry` in place of the entries `at..to`.
    pub fn totals_with(
        &self,
        at: usize,
        to: usize,
        entry: &Entry,
    ) -> Result<PositionTotals, LedgerError> {
        let before = self.entries.range(..at);
        let after = self.entries.range(to..);
        self.totals_from(
            self.base.clone(),
            before.chain(std::iter::once(entry)).chain(after),
        )
    }

    pub fn totals_from<'a>(
        &self,
        base: PositionTotals,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<PositionTotals, LedgerError> {
        entries
            .into_iter()
            .try_fold(base, |totals, entry| totals.after(&self.terms, entry))
    }

    pub fn settle(&mut self, base: PositionTotals) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.base = base;
        self.settled_until = self.settled_until.max(Some(oldest.time()));
        match &oldest {
            Entry::Fill(fill) => self.settled.remember(fill.exec_id.as_str(), fill.time),
            // A fill from before it would be in other units, or change what it paid.
            Entry::Split(_) | Entry::Dividend(_) => self.settled.forget_until(oldest.time()),
        }
    }

    pub fn amendments_for(&self, exec_id: &ExecId) -> Option<&Amendments> {
        let held = self.held.iter().find(|held| held.of == *exec_id);
        held.map(|held| &held.amendments)
    }

    pub fn hold_amendment(&mut self, amend: &Amend) -> Result<Amended, LedgerError> {
        let nothing = Amendments::default();
        let known = self.amendments_for(&amend.of).unwrap_or(&nothing);
        let amended = known.with(amend)?;
        if let Amended::Anew(amendments) = &amended {
            let at = self.held.iter().position(|held| held.of == amend.of);
            let held = HeldAmendments {
                of: amend.of.clone(),
                amendments: amendments.clone(),
            };
            match at {
                Some(at) => self.held[at] = held,
                None if self.held.len() >= HELD => {
                    return Err(LedgerError::TooManyHeld { most: HELD });
                }
                None => self.held.push(held),
            }
        }
        Ok(amended)
    }

    pub fn release(&mut self, exec_id: &ExecId) {
        self.held.retain(|held| held.of != *exec_id);
    }
}
