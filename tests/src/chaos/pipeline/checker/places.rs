//! Offset by offset: what the log files say, what a committed read shows, what the tables hold.

use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::{Findings, Observed};
use crate::chaos::pipeline::segments::OffsetState;

pub(super) fn check(observed: &Observed, findings: &mut Findings) {
    for topic in observed.topics.keys() {
        states(observed, *topic, findings);
        rows(observed, *topic, findings);
    }
}

/// A committed read shows what the log files say is visible, all of it and nothing else.
fn states(observed: &Observed, topic: Topic, findings: &mut Findings) {
    let visible = observed.places(topic);
    let mut known = BTreeSet::new();
    for ((_, partition), states) in observed.states.iter().filter(|((of, _), _)| *of == topic) {
        for (offset, state) in &states.of {
            let at = (*partition, *offset);
            known.insert(at);
            match (state.is_visible(), visible.contains(&at)) {
                (true, false) => {
                    findings.lost(1, format!("{topic} {at:?} is {state:?} and not read"));
                }
                (false, true) => {
                    findings.aborted_visible(format!("{topic} {at:?} is {state:?} and read"));
                }
                // What comes behind it stays invisible.
                (false, false) if *state == OffsetState::Open => {
                    findings.never_ended(format!("{topic} {at:?} is in an open transaction"));
                }
                _ => {}
            }
        }
    }
    for at in visible.difference(&known) {
        findings.aborted_visible(format!("{topic} {at:?} is read and in no log file"));
    }
    for seen in observed.seen(topic) {
        if Event::decode(topic, Some(&seen.value)).is_err() {
            let at = seen.place();
            findings.diverged(format!("{topic} {at:?} cannot be decoded"));
        }
    }
}

fn rows(observed: &Observed, topic: Topic, findings: &mut Findings) {
    let nothing = BTreeMap::new();
    let visible = observed.places(topic);
    let rows = observed.rows.get(&topic).unwrap_or(&nothing);
    for at in &visible {
        match rows.get(at).copied().unwrap_or(0) {
            0 => findings.lost(1, format!("{topic} {at:?} is not in its table")),
            1 => {}
            copies => {
                let text = format!("{topic} {at:?} is {copies} times in its table");
                findings.duplicated(copies - 1, text);
            }
        }
    }
    for at in rows.keys().filter(|at| !visible.contains(at)) {
        findings.aborted_visible(format!("{topic} {at:?} is in its table and in no topic"));
    }
}
