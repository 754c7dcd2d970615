//! What came out, for people and for programs.

use std::io::{self, Write};

use super::checker::Findings;
use crate::chaos::Report as Told;
use crate::chaos::arguments::Arguments;
use crate::chaos::run::Run;

/// No member may ever have more: queues are bounded, whatever stalls. Of a debug build with all
/// tasks of both processors, 45 MB have been seen.
const MEMORY_MB: u64 = 150;

pub(crate) struct Report {
    pub(crate) run: Run,
    /// Members that went from the former program to the present one under load.
    pub(crate) upgraded: u64,
    /// Records that Kafka acknowledged to the feeder.
    pub(crate) fed: u64,
    /// Records of aborted transactions in the log files: what nobody may see.
    pub(crate) aborted: u64,
    /// How often a task's former owner was told that it is no longer the owner.
    pub(crate) fenced: u64,
    /// Transactions that the brokers tore, completed by the next owner.
    pub(crate) mended: u64,
    pub(crate) findings: Findings,
    /// Topics of which nothing that was fed was acknowledged: nothing could have been lost.
    pub(crate) unfed: u64,
    /// Lines of the members' logs that tell of a panic.
    pub(crate) panics: u64,
    /// Transactions that come out differently when done again from the journal.
    pub(crate) replay_differences: u64,
    /// Planted faults, and whether the checker found each.
    pub(crate) planted: Vec<(&'static str, bool)>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(arguments: Arguments) -> Self {
        Self {
            run: Run::new(arguments),
            upgraded: 0,
            fed: 0,
            aborted: 0,
            fenced: 0,
            mended: 0,
            findings: Findings::default(),
            unfed: 0,
            panics: 0,
            planted: Vec::new(),
            replay_differences: 0,
        }
    }

    fn must_be_zero(&self) -> Vec<(&'static str, u64)> {
        let found = &self.findings;
        let mut zeros = vec![
            ("lost", found.lost),
            ("duplicated", found.duplicated),
            ("reordered", found.reordered),
            ("aborted_visible", found.aborted_visible),
            ("diverged", found.diverged),
            ("never_ended", found.never_ended),
            ("unfed", self.unfed),
            ("panics", self.panics),
            ("replay_differences", self.replay_differences),
            ("stuck", self.run.stuck.len() as u64),
            ("memory_exceeded", self.run.above_mb(MEMORY_MB)),
        ];
        if !self.planted.is_empty() {
            let unfound = self.planted.iter().filter(|(_, is_found)| !is_found);
            zeros.push(("planted_unfound", unfound.count() as u64));
        }
        zeros
    }
}

impl Told for Report {
    fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    fn json(&self) -> serde_json::Value {
        let mut besides = serde_json::json!({
            "upgraded": self.upgraded,
            "fed": self.fed,
            "aborted_records": self.aborted,
            "fenced": self.fenced,
            "mended": self.mended,
        });
        if !self.planted.is_empty() {
            besides["planted"] = self.planted.iter().copied().collect();
        }
        self.run.json(besides, &self.must_be_zero())
    }

    fn write_table(&self, to: &mut dyn Write) -> io::Result<()> {
        let besides = format!(
            "{} records acknowledged, {} records of aborted transactions, {} times fenced, \
             {} torn transactions mended, {} members upgraded",
            self.fed, self.aborted, self.fenced, self.mended, self.upgraded
        );
        let zeros = self.must_be_zero();
        self.run
            .write_table(to, &zeros, &besides, &self.findings.notes)?;
        for (name, _) in self.planted.iter().filter(|(_, is_found)| !is_found) {
            writeln!(to, "  planted and not found: {name}")?;
        }
        Ok(())
    }
}
