//! Finds in what a run left behind whatever breaks exactly-once. Pure: it is given what was
//! read, so that planted faults can show that each is found.

#[cfg(test)]
mod clean_run;
mod inputs;
mod market;
mod places;
mod risk;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::ledger::Currency;
use tapeline_processors::risk::RiskSettings;
use tapeline_processors::{Out, Processor};
use tapeline_schemas::topics::Topic;

use super::feed::FedRecords;
use super::segments::OffsetStates;

/// A record as a read_committed reader got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedRecord {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) value: Vec<u8>,
}

impl CommittedRecord {
    fn place(&self) -> (i32, i64) {
        (self.partition, self.offset)
    }

    fn origin(&self, topic: Topic) -> Origin {
        Origin {
            topic,
            partition: self.partition as u32,
            offset: self.offset as u64,
        }
    }
}

/// Everything that was read after a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    pub(crate) fed: FedRecords,
    pub(crate) accounts: BTreeMap<AccountId, PortfolioId>,
    /// By partition, then by offset.
    pub(crate) topics: BTreeMap<Topic, Vec<CommittedRecord>>,
    pub(crate) states: BTreeMap<(Topic, i32), OffsetStates>,
    /// How many rows each record has in its table.
    pub(crate) rows: BTreeMap<Topic, BTreeMap<(i32, i64), u64>>,
}

impl Observed {
    fn seen(&self, topic: Topic) -> &[CommittedRecord] {
        self.topics.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Where the records of a topic are.
    fn places(&self, topic: Topic) -> BTreeSet<(i32, i64)> {
        self.seen(topic)
            .iter()
            .map(CommittedRecord::place)
            .collect()
    }

    /// The records of a topic that can be decoded; the others are findings of their own.
    fn events(&self, topic: Topic) -> impl Iterator<Item = (&CommittedRecord, Event<'_>)> {
        self.seen(topic).iter().filter_map(move |seen| {
            let event = Event::decode(topic, Some(&seen.value)).ok()?;
            Some((seen, event))
        })
    }
}

/// What is wrong, counted; each counter must be 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Acknowledged or committed, and without its effect.
    pub(crate) lost: u64,
    /// Counted or written more than once.
    pub(crate) duplicated: u64,
    /// Not in the order of its key.
    pub(crate) reordered: u64,
    /// Visible without a committed transaction or an input behind it.
    pub(crate) aborted_visible: u64,
    /// There once and in order, and with another content than a single-threaded replay has.
    pub(crate) diverged: u64,
    /// In a transaction that was neither committed nor aborted.
    pub(crate) never_ended: u64,
    /// The first ones in words.
    pub(crate) notes: Vec<String>,
}

const MOST_NOTES: usize = 30;

impl Findings {
    fn note(&mut self, kind: &str, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(format!("{kind}: {text}"));
        }
    }

    fn lost(&mut self, count: u64, text: String) {
        self.lost += count;
        self.note("lost", text);
    }

    fn duplicated(&mut self, count: u64, text: String) {
        self.duplicated += count;
        self.note("duplicated", text);
    }

    fn reordered(&mut self, text: String) {
        self.reordered += 1;
        self.note("reordered", text);
    }

    fn aborted_visible(&mut self, text: String) {
        self.aborted_visible += 1;
        self.note("aborted_visible", text);
    }

    fn never_ended(&mut self, text: String) {
        self.never_ended += 1;
        self.note("never_ended", text);
    }

    fn diverged(&mut self, text: String) {
        self.diverged += 1;
        self.note("diverged", text);
    }
}

pub(crate) fn check(observed: &Observed) -> Findings {
    let mut findings = Findings::default();
    inputs::check(observed, &mut findings);
    market::check(observed, &mut findings);
    risk::check(observed, &mut findings);
    places::check(observed, &mut findings);
    findings
}

/// What the processors were told in the run, but for limits: what those do depends on how marks
/// and fills met.
fn oracle_settings(observed: &Observed) -> RiskSettings {
    RiskSettings {
        accounts: observed.accounts.clone(),
        ..RiskSettings::new(Currency::USD)
    }
}

/// Everything a processor makes of one record, or, without one, of a commit.
fn outputs(
    processor: &mut dyn Processor,
    record: Option<(Origin, &Event<'_>)>,
) -> Vec<Event<'static>> {
    let mut out = Out::default();
    if let Some((origin, event)) = record {
        // A refused record makes nothing; that it was refused is seen among the dead letters.
        let _refused = processor.process(origin, event, Micros(0), &mut out);
    } else {
        processor.before_commit(Micros(0), &mut out);
        for store in processor.stores() {
            let _encodes = store.drain_changes(&mut |_, _| {});
        }
    }
    out.drain().collect()
}
