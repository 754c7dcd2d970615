//! What came out, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};
use tapeline_model::records::AuthEventKind;

use super::check::Findings;
use super::life::LifeOutcome;
use super::logbook::Entry;
use super::login_kind::LoginKind;
use super::plant::Planted;
use crate::chaos::Report as Told;
use crate::chaos::arguments::Arguments;
use crate::chaos::plan::Fault;
use crate::chaos::run::Run;

const NOTES: usize = 20;
/// With so many lives, there is one of each kind.
const ENOUGH: u64 = 200;

pub(crate) struct Report {
    pub(crate) run: Run,
    of: Planted,
    /// By the kind of account.
    lives: BTreeMap<&'static str, u64>,
    findings: Findings,
    seen: Totals,
    /// What was found with each planted fault.
    pub(crate) planted: Vec<(&'static str, Report)>,
}

/// That something happened at all.
#[derive(Debug, Default)]
struct Totals {
    sessions: u64,
    renewals: u64,
    codes: u64,
    processes: u64,
    /// By category.
    told: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn new(arguments: Arguments, of: Planted) -> Self {
        Self {
            run: Run::new(arguments),
            of,
            lives: BTreeMap::new(),
            findings: Findings::default(),
            seen: Totals::default(),
            planted: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, number: usize, lived: LifeOutcome) {
        *self.lives.entry(lived.way.name()).or_insert(0) += 1;
        for kind in lived.faults {
            *self.run.faults.entry(kind.name()).or_insert(0) += 1;
        }
        let (all, one) = (&mut self.findings, lived.findings);
        all.codes_reused += one.codes_reused;
        all.lockouts_exceeded += one.lockouts_exceeded;
        all.login_storms += one.login_storms;
        all.miscategorised += one.miscategorised;
        all.secrets_leaked += one.secrets_leaked;
        all.stuck += one.stuck;
        all.needless_pauses += one.needless_pauses;
        all.wrong_stops += one.wrong_stops;
        all.uninvited += one.uninvited;
        all.fought_over += one.fought_over;
        all.bait_taken += one.bait_taken;
        let (way, notes) = (lived.way.name(), one.notes.into_iter());
        let room = NOTES.saturating_sub(all.notes.len());
        all.notes.extend(
            notes
                .map(|note| format!("run {number}, {way}: {note}"))
                .take(room),
        );
        self.seen.add(&lived.entries);
    }

    fn must_be_zero(&self) -> Vec<(&'static str, u64)> {
        let found = &self.findings;
        let mut zeros = vec![
            ("codes_reused", found.codes_reused),
            ("lockouts_exceeded", found.lockouts_exceeded),
            ("login_storms", found.login_storms),
            ("miscategorised", found.miscategorised),
            ("secrets_leaked", found.secrets_leaked),
            ("stuck", found.stuck),
            ("needless_pauses", found.needless_pauses),
            ("wrong_stops", found.wrong_stops),
            ("uninvited", found.uninvited),
            ("fought_over", found.fought_over),
            ("bait_taken", found.bait_taken),
        ];
        if self.of == Planted::Nothing && self.all_lives() >= ENOUGH {
            zeros.push(("kinds_without_life", self.kinds_without_life()));
        }
        if !self.planted.is_empty() {
            zeros.push(("planted_unfound", self.unfound()));
        }
        zeros
    }

    fn all_lives(&self) -> u64 {
        self.lives.values().sum()
    }

    fn kinds_without_life(&self) -> u64 {
        let lived = |way: &LoginKind| self.lives.contains_key(way.name());
        LoginKind::ALL.iter().filter(|way| !lived(way)).count() as u64
    }

    /// Planted faults that nothing, or the wrong counter, found.
    fn unfound(&self) -> u64 {
        let by = |name: &str| {
            let planted = Planted::ALL
                .into_iter()
                .find(|planted| planted.name() == name);
            planted.map(Planted::found_by)
        };
        let is_unfound = |(name, report): &&(&'static str, Report)| {
            let zeros = report.must_be_zero();
            !zeros
                .iter()
                .any(|(counter, found)| Some(*counter) == by(name) && *found > 0)
        };
        self.planted.iter().filter(is_unfound).count() as u64
    }

    fn planted_json(&self) -> Value {
        let each = self.planted.iter().map(|(name, report)| {
            let found = report.must_be_zero().into_iter();
            let found = found.filter(|(_, count)| *count > 0);
            let found: Map<String, Value> = found
                .map(|(counter, count)| (counter.to_owned(), count.into()))
                .collect();
            ((*name).to_owned(), Value::Object(found))
        });
        Value::Object(each.collect())
    }
}

impl Totals {
    fn add(&mut self, entries: &[Entry]) {
        for entry in entries {
            match entry {
                Entry::Exchange(exchange) => self.codes += u64::from(exchange.code.is_some()),
                Entry::Began { .. } => self.processes += 1,
                Entry::Wanted { .. } | Entry::Brought { .. } => {}
                Entry::Told { step, .. } => {
                    if step.kind == AuthEventKind::LoginSucceeded {
                        match step.method {
                            Some("KEPT") => {}
                            Some("RENEWAL") => self.renewals += 1,
                            _ => self.sessions += 1,
                        }
                    }
                    if let Some(category) = step.category {
                        *self.told.entry(category.as_str()).or_insert(0) += 1;
                    }
                }
            }
        }
    }
}

impl Told for Report {
    fn is_clean(&self) -> bool {
        self.must_be_zero().iter().all(|(_, count)| *count == 0)
    }

    fn json(&self) -> Value {
        let mut besides = json!({
            "runs": self.all_lives(),
            "lives": self.lives,
            "sessions": self.seen.sessions,
            "renewals": self.seen.renewals,
            "codes": self.seen.codes,
            "processes": self.seen.processes,
            "told": self.seen.told,
        });
        if !self.planted.is_empty() {
            besides["planted"] = self.planted_json();
        }
        self.run.json(besides, &self.must_be_zero())
    }

    fn write_table(&self, to: &mut dyn Write) -> io::Result<()> {
        let seen = &self.seen;
        let besides = format!(
            "{} lives, {} processes, {} sessions, {} renewals, {} codes sent",
            self.all_lives(),
            seen.processes,
            seen.sessions,
            seen.renewals,
            seen.codes
        );
        let zeros = self.must_be_zero();
        let notes = &self.findings.notes;
        self.run.write_table(to, &zeros, &besides, notes)?;
        for (way, lives) in &self.lives {
            writeln!(to, "  lives: {way} {lives}")?;
        }
        for (category, times) in &seen.told {
            writeln!(to, "  told: {category} {times}")?;
        }
        for (name, report) in &self.planted {
            let found = report.must_be_zero();
            let found: Vec<String> = found
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(counter, count)| format!("{counter} {count}"))
                .collect();
            writeln!(to, "  planted: {name}: {}", found.join(", "))?;
        }
        Ok(())
    }
}
