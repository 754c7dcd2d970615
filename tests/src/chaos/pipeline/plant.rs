//! Faults that are put into what was read of a clean run, one at a time: the checker must find
//! each by the counter that is there for it.

use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::checker::{CommittedRecord, Findings, Observed, check};
use super::segments::OffsetState;

/// A fault, how it is planted, and what finds it. A plant is `None` where the run has nothing to
/// plant it into.
struct Fault {
    name: &'static str,
    plant: fn(&mut Observed) -> Option<()>,
    found_by: fn(&Findings) -> u64,
}

const FAULTS: [Fault; 12] = [
    Fault {
        name: "an acknowledged record is gone",
        plant: |observed| erase(observed, Topic::BrokerAccounts),
        found_by: |found| found.lost,
    },
    Fault {
        name: "an output is gone",
        plant: |observed| erase(observed, Topic::RiskPositions),
        found_by: |found| found.lost,
    },
    Fault {
        name: "a transaction is torn: its positions are aborted, its equity is not",
        plant: |observed| {
            let at = observed.last(Topic::RiskPositions)?;
            erase(observed, Topic::RiskPositions)?;
            observed.set_state(Topic::RiskPositions, at, OffsetState::Aborted);
            Some(())
        },
        found_by: |found| found.lost,
    },
    Fault {
        name: "an output is written twice",
        plant: |observed| {
            let value = observed.topics.get(&Topic::RiskPositions)?.last()?.clone();
            append(observed, Topic::RiskPositions, value.value);
            Some(())
        },
        found_by: |found| found.duplicated,
    },
    Fault {
        name: "an input is written twice",
        plant: |observed| {
            let value = observed.topics.get(&Topic::MarketQuotes)?.last()?.clone();
            append(observed, Topic::MarketQuotes, value.value);
            Some(())
        },
        found_by: |found| found.duplicated,
    },
    Fault {
        name: "two records of a key trade their places",
        plant: swap_quotes,
        found_by: |found| found.reordered,
    },
    Fault {
        name: "an aborted record is read",
        plant: |observed| {
            let at = observed.last(Topic::RiskEquity)?;
            observed.set_state(Topic::RiskEquity, at, OffsetState::Aborted);
            Some(())
        },
        found_by: |found| found.aborted_visible,
    },
    Fault {
        name: "a record is in a topic that was not fed",
        plant: |observed| {
            append(observed, Topic::MarketTrades, b"foreign".to_vec());
            Some(())
        },
        found_by: |found| found.aborted_visible,
    },
    Fault {
        name: "an output cannot be decoded",
        plant: |observed| {
            append(observed, Topic::RiskVerdicts, b"foreign".to_vec());
            Some(())
        },
        found_by: |found| found.diverged,
    },
    Fault {
        name: "a transaction is never ended",
        plant: |observed| {
            let (partition, offset) = observed.last(Topic::MarketMarks)?;
            let at = (partition, offset + 1_000);
            observed.set_state(Topic::MarketMarks, at, OffsetState::Open);
            Some(())
        },
        found_by: |found| found.never_ended,
    },
    Fault {
        name: "a row is gone",
        plant: |observed| {
            let rows = observed.rows.get_mut(&Topic::BrokerFills)?;
            rows.pop_first().map(|_| ())
        },
        found_by: |found| found.lost,
    },
    Fault {
        name: "a row is there twice",
        plant: |observed| {
            let rows = observed.rows.get_mut(&Topic::RiskEquity)?;
            *rows.first_entry()?.get_mut() += 1;
            Some(())
        },
        found_by: |found| found.duplicated,
    },
];

/// Each fault by its name, and whether it was found.
pub(crate) fn plant(observed: &Observed) -> Vec<(&'static str, bool)> {
    let each = FAULTS.iter().map(|fault| {
        let mut broken = observed.clone();
        let is_planted = (fault.plant)(&mut broken).is_some();
        let is_found = is_planted && (fault.found_by)(&check(&broken)) > 0;
        (fault.name, is_found)
    });
    each.collect()
}

impl Observed {
    /// Where the last record of a topic is.
    fn last(&self, topic: Topic) -> Option<(i32, i64)> {
        let seen = self.topics.get(&topic)?.last()?;
        Some((seen.partition, seen.offset))
    }

    fn set_state(&mut self, topic: Topic, (partition, offset): (i32, i64), state: OffsetState) {
        let states = self.states.entry((topic, partition)).or_default();
        states.of.insert(offset, state);
    }
}

/// Takes the last record out of a topic, as if it had never been written.
fn erase(observed: &mut Observed, topic: Topic) -> Option<()> {
    let seen = observed.topics.get_mut(&topic)?.pop()?;
    let at = (seen.partition, seen.offset);
    observed.rows.get_mut(&topic)?.remove(&at);
    let states = observed.states.get_mut(&(topic, seen.partition))?;
    states.of.remove(&seen.offset).map(|_| ())
}

/// Writes a record behind the last one of a topic's last partition, with its row.
fn append(observed: &mut Observed, topic: Topic, value: Vec<u8>) {
    let (partition, last) = observed.last(topic).unwrap_or((0, 0));
    let offset = last + 2;
    let seen = CommittedRecord {
        partition,
        offset,
        value,
    };
    observed.topics.entry(topic).or_default().push(seen);
    let rows = observed.rows.entry(topic).or_default();
    rows.insert((partition, offset), 1);
    observed.set_state(topic, (partition, offset), OffsetState::Committed);
}

/// The last two quotes of one symbol.
fn swap_quotes(observed: &mut Observed) -> Option<()> {
    let seen = observed.topics.get_mut(&Topic::MarketQuotes)?;
    let symbol =
        |seen: &CommittedRecord| match Event::decode(Topic::MarketQuotes, Some(&seen.value)) {
            Ok(Event::Quote(quote)) => Some(quote.symbol.into_owned()),
            _ => None,
        };
    let (last, before) = seen.split_last_mut()?;
    let of_last = symbol(last)?;
    let mut before = before.iter_mut().rev();
    let other = before.find(|other| symbol(other).as_ref() == Some(&of_last))?;
    std::mem::swap(&mut other.value, &mut last.value);
    Some(())
}
