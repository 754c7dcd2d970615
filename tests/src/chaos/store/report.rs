//! What came out, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::check::Findings;
use super::plan::Kind;
use super::plant;
use super::world::FRESH;
use crate::chaos::Report as Told;
use crate::chaos::arguments::Arguments;
use crate::chaos::plan::Fault;
use crate::chaos::run::Run;

/// No sink that is hit may ever have more: what waits for the store is bounded, whatever stalls.
const MEMORY_MB: u64 = 150;
/// One that begins with whole topics before it: 165 MB have been seen of a debug build, with full
/// queues of what is fetched and of what waits for the store.
const FRESH_MEMORY_MB: u64 = 250;

/// What the faults of each kind met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    /// By kind: how many faults met something, and how much.
    of: BTreeMap<&'static str, (u64, u64)>,
}

impl Hits {
    /// `met` counts what its kind is about: inserts under way, inserts that were refused, …
    pub(crate) fn add(&mut self, kind: Kind, met: u64) {
        let (faults, all) = self.of.entry(kind.name()).or_default();
        *faults += u64::from(met > 0);
        *all += met;
    }

    fn faults(&self) -> BTreeMap<&'static str, u64> {
        let each = self.of.iter();
        each.map(|(kind, (faults, _))| (*kind, *faults)).collect()
    }

    fn met(&self) -> BTreeMap<&'static str, u64> {
        let each = self.of.iter();
        each.map(|(kind, (_, met))| (*kind, *met)).collect()
    }
}

pub(crate) struct Report {
    pub(crate) run: Run,
    pub(crate) hits: Hits,
    /// Kinds of faults that are not possible here.
    pub(crate) left_out: Vec<&'static str>,
    pub(crate) fed: u64,
    pub(crate) poison: u64,
    /// Inserts that the store took, and that it refused.
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) findings: Findings,
    /// Lines of the members' logs that tell of a panic.
    pub(crate) panics: u64,
    /// What the checker found of each planted fault.
    pub(crate) planted: Value,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(arguments: Arguments) -> Self {
        Self {
            run: Run::new(arguments),
            hits: Hits::default(),
            left_out: Vec::new(),
            fed: 0,
            poison: 0,
            accepted: 0,
            refused: 0,
            findings: Findings::default(),
            panics: 0,
            planted: Value::Null,
        }
    }

    /// Kinds that were tried, and never met what they are about: nothing was shown by them.
    fn kinds_without_hit(&self) -> u64 {
        let hits = self.hits.faults();
        let tried = self.run.faults.keys();
        tried
            .filter(|kind| hits.get(*kind).is_none_or(|hits| *hits == 0))
            .count() as u64
    }

    fn memory_exceeded(&self) -> u64 {
        let beyond = self.run.memory_kb.iter().filter(|(name, kb)| {
            let most = if *name == FRESH {
                FRESH_MEMORY_MB
            } else {
                MEMORY_MB
            };
            *kb > most * 1024
        });
        beyond.count() as u64
    }

    /// Records that the feeder knows to be in Kafka, beyond the rows there are: counted apart from
    /// what the program's own audit says.
    fn rows_missing(&self) -> u64 {
        let storable = self.fed.saturating_sub(self.poison);
        storable.saturating_sub(self.findings.rows)
    }

    /// Nothing was fed, or no view had a row: then nothing could have differed.
    fn nothing_compared(&self) -> u64 {
        u64::from(self.fed == 0) + u64::from(self.findings.views_with_rows == 0)
    }

    fn must_be_zero(&self) -> Vec<(&'static str, u64)> {
        let found = &self.findings;
        let mut zeros = vec![
            ("lost", found.lost),
            ("duplicated", found.duplicated),
            ("extra", found.extra),
            ("rows_missing", self.rows_missing()),
            ("nothing_compared", self.nothing_compared()),
            ("rows_differ", found.rows_differ),
            ("views_differ", found.views_differ),
            ("reference_unclean", found.reference_unclean),
            ("letters_missing", found.letters_missing),
            ("letters_extra", found.letters_extra),
            ("kinds_without_hit", self.kinds_without_hit()),
            ("stuck", self.run.stuck.len() as u64),
            ("panics", self.panics),
            ("memory_exceeded", self.memory_exceeded()),
        ];
        if !self.planted.is_null() {
            zeros.push(("planted_unfound", plant::unfound(&self.planted)));
        }
        zeros
    }
}

impl Told for Report {
    fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    fn json(&self) -> Value {
        let found = &self.findings;
        let mut besides = json!({
            "faults_that_hit": self.hits.faults(),
            "met": self.hits.met(),
            "left_out": self.left_out,
            "fed": self.fed,
            "poison": self.poison,
            "rows": found.rows,
            "inserts_accepted": self.accepted,
            "inserts_refused": self.refused,
            "letters": found.letters,
            "letters_repeated": found.letters_repeated,
            "views": found.views,
            "views_with_rows": found.views_with_rows,
            "views_by_projection": found.views_by_projection,
        });
        if !self.planted.is_null() {
            besides["planted"] = self.planted.clone();
        }
        self.run.json(besides, &self.must_be_zero())
    }

    fn write_table(&self, to: &mut dyn Write) -> io::Result<()> {
        let found = &self.findings;
        let besides = format!(
            "{} records fed ({} without a row), {} rows, {} inserts taken and {} refused, \
             {} letters ({} again), {} views ({} with rows, {} by a projection)",
            self.fed,
            self.poison,
            found.rows,
            self.accepted,
            self.refused,
            found.letters,
            found.letters_repeated,
            found.views,
            found.views_with_rows,
            found.views_by_projection,
        );
        let zeros = self.must_be_zero();
        self.run.write_table(to, &zeros, &besides, &found.notes)?;
        for (kind, met) in self.hits.met() {
            writeln!(to, "  hit: {kind} met {met}")?;
        }
        for kind in &self.left_out {
            writeln!(to, "  left out: {kind} is not possible on this machine")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::arguments::parse;

    #[test]
    fn a_kind_that_never_met_anything_is_told() {
        let words = ["store", "--seed", "1"].map(str::to_owned);
        let mut report = Report::new(parse(words).ok().unwrap());
        (report.fed, report.poison) = (5, 1);
        (report.findings.rows, report.findings.views_with_rows) = (4, 1);
        assert!(report.is_clean());
        report.run.faults.insert(Kind::SinkKill.name(), 2);
        report.hits.add(Kind::SinkKill, 0);
        assert!(!report.is_clean());
        assert_eq!(report.json()["kinds_without_hit"], 1);
        report.hits.add(Kind::SinkKill, 3);
        assert!(report.is_clean());
        assert_eq!(report.json()["met"]["sink_kill"], 3);
    }

    #[test]
    fn what_was_never_looked_at_is_not_clean() {
        let words = ["store", "--seed", "1"].map(str::to_owned);
        let mut report = Report::new(parse(words).ok().unwrap());
        assert_eq!(report.json()["nothing_compared"], 2);
        // An audit that says that all is well, of tables that hold too little.
        (report.fed, report.poison) = (100, 10);
        report.findings.views_with_rows = 1;
        for (rows, missing) in [(0, 90), (89, 1), (90, 0), (95, 0)] {
            report.findings.rows = rows;
            assert_eq!(report.json()["rows_missing"], missing);
            assert_eq!(report.is_clean(), missing == 0);
        }
    }

    #[test]
    fn a_planted_fault_that_is_not_found_is_not_clean() {
        let words = ["store", "--seed", "1"].map(str::to_owned);
        let mut report = Report::new(parse(words).ok().unwrap());
        (report.fed, report.findings.rows) = (5, 5);
        report.findings.views_with_rows = 1;
        let found = json!({
            "lost": 1, "duplicated": 1, "rows_differ": 4, "views_differ": 1,
            "doubled_by_spoilt_retries": 3,
        });
        report.planted = found.clone();
        assert!(report.is_clean());
        for name in found.as_object().unwrap().keys() {
            report.planted = found.clone();
            report.planted[name] = 0.into();
            assert!(!report.is_clean(), "{name}");
        }
    }
}
