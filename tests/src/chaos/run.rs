//! What every suite tells of a run.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::arguments::Arguments;

pub(crate) struct Run {
    pub(crate) arguments: Arguments,
    started: Instant,
    took: Duration,
    /// By the name of their kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Faults after which nothing moved on in time.
    pub(crate) stuck: Vec<String>,
    /// Processes that ended without being asked, and were started again.
    pub(crate) exits: Vec<String>,
    /// The most memory that each member had, in KiB.
    pub(crate) memory_kb: Vec<(&'static str, u64)>,
}

/// Counters by name.
pub(crate) type Counters<'a> = &'a [(&'static str, u64)];

impl Run {
    /// Of a run that begins now.
    pub(crate) fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            started: Instant::now(),
            took: Duration::ZERO,
            faults: BTreeMap::new(),
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

    /// Members that had more than this, or whose memory is not known.
    pub(crate) fn above_mb(&self, most: u64) -> u64 {
        let is_within = |kb: u64| (1..=most * 1024).contains(&kb);
        let beyond = self.memory_kb.iter().filter(|(_, kb)| !is_within(*kb));
        beyond.count() as u64
    }

    /// What all suites tell, then what one tells besides, then what must be 0.
    pub(crate) fn json(&self, besides: Value, must_be_zero: Counters<'_>) -> Value {
        let mut told = json!({
            "suite": self.arguments.suite.name,
            "seed": self.arguments.seed,
            "seconds": self.took.as_secs(),
            "faults": self.faults,
            "every_kind_at_least": self.every_kind_at_least(),
            "peak_memory_mb": self.peak_memory_mb(),
            "unasked_exits": self.exits.len(),
        });
        let zeros = must_be_zero
            .iter()
            .map(|(name, count)| ((*name).to_owned(), (*count).into()));
        let besides = match besides {
            Value::Object(besides) => besides,
            _ => Map::new(),
        };
        if let Some(told) = told.as_object_mut() {
            told.extend(besides);
            told.extend(zeros);
        }
        told
    }

    pub(crate) fn write_table(
        &self,
        to: &mut dyn Write,
        must_be_zero: Counters<'_>,
        besides: &str,
        notes: &[String],
    ) -> io::Result<()> {
        writeln!(to, "\n{:<20} {:>8}", "FAULT", "TIMES")?;
        for (kind, count) in &self.faults {
            writeln!(to, "{kind:<20} {count:>8}")?;
        }
        let total: u64 = self.faults.values().sum();
        writeln!(to, "{:<20} {total:>8}\n", "all")?;
        writeln!(to, "{:<20} {:>8}", "MUST BE 0", "FOUND")?;
        for (name, count) in must_be_zero {
            writeln!(to, "{name:<20} {count:>8}")?;
        }
        writeln!(
            to,
            "\nseed {}, {besides}, at most {} MB of memory in a member, \
             {} processes ended unasked, {} s",
            self.arguments.seed,
            self.peak_memory_mb(),
            self.exits.len(),
            self.took.as_secs(),
        )?;
        for line in notes.iter().chain(&self.stuck) {
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
