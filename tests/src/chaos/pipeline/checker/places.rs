//! Offset by offset: what the log files say, what a committed read shows, what the tables hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Observed};

pub(super) fn check(observed: &Observed, findings: &mut Findings) {
    let nothing = BTreeMap::new();
    for (topic, seen) in &observed.topics {
        let visible: BTreeSet<(i32, i64)> = seen.iter().map(super::Seen::place).collect();
        for ((_, partition), fates) in observed.fates.iter().filter(|((of, _), _)| of == topic) {
            for (offset, fate) in &fates.of {
                let at = (*partition, *offset);
                match (fate.is_visible(), visible.contains(&at)) {
                    (true, false) => {
                        findings.lost(1, format!("{topic} {at:?} is {fate:?} and not read"));
                    }
                    (false, true) => {
                        findings.aborted_visible(format!("{topic} {at:?} is {fate:?} and read"));
                    }
                    _ => {}
                }
            }
        }
        let rows = observed.rows.get(topic).unwrap_or(&nothing);
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
}
