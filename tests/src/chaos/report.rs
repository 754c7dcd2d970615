//! What came out, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::arguments::Arguments;
use super::checker::Findings;
use super::plan::Kind;

pub(crate) struct Report {
    pub(crate) arguments: Arguments,
    pub(crate) took: Duration,
    pub(crate) faults: BTreeMap<Kind, u64>,
    /// Records that Kafka acknowledged to the feeder.
    pub(crate) fed: u64,
    /// Records of aborted transactions in the log files: what nobody may see.
    pub(crate) aborted: u64,
    /// How often a task's former owner was told that it is no longer the owner.
    pub(crate) fenced: u64,
    pub(crate) findings: Findings,
    /// Transactions that come out differently when done again from the journal.
    pub(crate) replay_differences: u64,
    /// Faults after which nothing moved on in time.
    pub(crate) stuck: Vec<String>,
    /// Processes that ended without being asked, and were started again.
    pub(crate) exits: Vec<String>,
}

impl Report {
    /// Every counter that must be 0 is.
    pub(crate) fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    fn must_be_zero(&self) -> [(&'static str, u64); 7] {
        let found = &self.findings;
        [
            ("lost", found.lost),
            ("duplicated", found.duplicated),
            ("reordered", found.reordered),
            ("aborted_visible", found.aborted_visible),
            ("diverged", found.diverged),
            ("replay_differences", self.replay_differences),
            ("stuck", self.stuck.len() as u64),
        ]
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let faults: serde_json::Map<String, serde_json::Value> = self
            .faults
            .iter()
            .map(|(kind, count)| (kind.name().to_owned(), (*count).into()))
            .collect();
        let mut json = serde_json::json!({
            "suite": self.arguments.suite,
            "seed": self.arguments.seed,
            "seconds": self.took.as_secs(),
            "faults": faults,
            "fed": self.fed,
            "aborted_records": self.aborted,
            "fenced": self.fenced,
            "unasked_exits": self.exits.len(),
        });
        for (name, count) in self.must_be_zero() {
            json[name] = count.into();
        }
        json
    }

    pub(crate) fn write_table(&self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "\n{:<20} {:>8}", "FAULT", "TIMES")?;
        for (kind, count) in &self.faults {
            writeln!(to, "{:<20} {count:>8}", kind.name())?;
        }
        let total: u64 = self.faults.values().sum();
        writeln!(to, "{:<20} {total:>8}\n", "all")?;
        writeln!(to, "{:<20} {:>8}", "MUST BE 0", "FOUND")?;
        for (name, count) in self.must_be_zero() {
            writeln!(to, "{name:<20} {count:>8}")?;
        }
        writeln!(
            to,
            "\nseed {}, {} records acknowledged, {} records of aborted transactions, \
             {} times fenced, {} processes ended unasked, {} s",
            self.arguments.seed,
            self.fed,
            self.aborted,
            self.fenced,
            self.exits.len(),
            self.took.as_secs(),
        )?;
        for line in self.findings.notes.iter().chain(&self.stuck) {
            writeln!(to, "  {line}")?;
        }
        self.exits
            .iter()
            .take(20)
            .try_for_each(|line| writeln!(to, "  exit: {line}"))
    }
}
