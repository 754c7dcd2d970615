//! What came out, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::arguments::Arguments;
use super::checker::Findings;
use super::plan::Kind;

/// No member may ever have more: queues are bounded, whatever stalls. Of a debug build with all
/// tasks of both processors, 45 MB have been seen.
const MEMORY_MB: u64 = 150;

pub(crate) struct Report {
    pub(crate) arguments: Arguments,
    started: Instant,
    took: Duration,
    /// Members that went from the former program to the present one under load.
    pub(crate) upgraded: u64,
    pub(crate) faults: BTreeMap<Kind, u64>,
    /// Records that Kafka acknowledged to the feeder.
    pub(crate) fed: u64,
    /// Records of aborted transactions in the log files: what nobody may see.
    pub(crate) aborted: u64,
    /// How often a task's former owner was told that it is no longer the owner.
    pub(crate) fenced: u64,
    /// Transactions that the brokers tore, completed by the next owner.
    pub(crate) mended: u64,
    pub(crate) findings: Findings,
    /// Transactions that come out differently when done again from the journal.
    pub(crate) replay_differences: u64,
    /// Faults after which nothing moved on in time.
    pub(crate) stuck: Vec<String>,
    /// Processes that ended without being asked, and were started again.
    pub(crate) exits: Vec<String>,
    /// The most memory that each member had, in KiB.
    pub(crate) memory_kb: Vec<(&'static str, u64)>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            started: Instant::now(),
            took: Duration::ZERO,
            upgraded: 0,
            faults: BTreeMap::new(),
            fed: 0,
            aborted: 0,
            fenced: 0,
            mended: 0,
            findings: Findings::default(),
            replay_differences: 0,
            stuck: Vec::new(),
            exits: Vec::new(),
            memory_kb: Vec::new(),
        }
    }

    /// Since the begin.
    pub(crate) fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    pub(crate) fn end(&mut self) {
        self.took = self.started.elapsed();
    }

    fn every_kind_at_least(&self) -> u64 {
        let kinds = self.arguments.kinds.iter();
        let counts = kinds.map(|kind| self.faults.get(kind).copied().unwrap_or(0));
        counts.min().unwrap_or(0)
    }

    fn peak_memory_mb(&self) -> u64 {
        let peaks = self.memory_kb.iter().map(|(_, kb)| kb.div_ceil(1024));
        peaks.max().unwrap_or(0)
    }

    fn memory_exceeded(&self) -> u64 {
        let beyond = self
            .memory_kb
            .iter()
            .filter(|(_, kb)| *kb > MEMORY_MB * 1024);
        beyond.count() as u64
    }

    /// Every counter that must be 0 is.
    pub(crate) fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    fn must_be_zero(&self) -> [(&'static str, u64); 8] {
        let found = &self.findings;
        [
            ("lost", found.lost),
            ("duplicated", found.duplicated),
            ("reordered", found.reordered),
            ("aborted_visible", found.aborted_visible),
            ("diverged", found.diverged),
            ("replay_differences", self.replay_differences),
            ("stuck", self.stuck.len() as u64),
            ("memory_exceeded", self.memory_exceeded()),
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
            "every_kind_at_least": self.every_kind_at_least(),
            "upgraded": self.upgraded,
            "peak_memory_mb": self.peak_memory_mb(),
            "fed": self.fed,
            "aborted_records": self.aborted,
            "fenced": self.fenced,
            "mended": self.mended,
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
             {} times fenced, {} torn transactions mended, \
             {} members upgraded, at most {} MB of memory in a member, \
             {} processes ended unasked, {} s",
            self.arguments.seed,
            self.fed,
            self.aborted,
            self.fenced,
            self.mended,
            self.upgraded,
            self.peak_memory_mb(),
            self.exits.len(),
            self.took.as_secs(),
        )?;
        for line in self.findings.notes.iter().chain(&self.stuck) {
            writeln!(to, "  {line}")?;
        }
        for (name, kb) in &self.memory_kb {
            writeln!(to, "  memory: {name} had {} MB at most", kb.div_ceil(1024))?;
        }
        self.exits
            .iter()
            .take(20)
            .try_for_each(|line| writeln!(to, "  exit: {line}"))
    }
}
