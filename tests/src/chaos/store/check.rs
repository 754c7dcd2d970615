//! Judges what a run left in the store: against the topics, against a store that was filled
//! undisturbed, and against its own rows without projections.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tapeline_kafka::{KafkaError, read_to_end};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;

use super::feed::FedTotals;
use super::views;
use super::world::{DATABASE, PARTITIONS, REFERENCE, World};
use crate::chaos::deploy;
use crate::chaos::failure::{Failure, Outcome};

const PARTITION_WITHIN: Duration = Duration::from_secs(60);
/// Whose letters are looked at: processors write their own about what they cannot read.
const SINK: &str = "sink";
const MOST_NOTES: usize = 30;
const WITHOUT: &str = "SETTINGS optimize_use_projections = 0";
const FORCED: &str = "SETTINGS optimize_use_projections = 1, force_optimize_projection = 1";
/// How the engine says that it has no projection for a question.
const NO_PROJECTION: &str = "PROJECTION_NOT_USED";

/// What is wrong, counted: each must be 0. And how much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) extra: u64,
    /// Rows that only one of the two databases has.
    pub(crate) rows_differ: u64,
    /// Views that say something else without projections, or of undisturbed tables.
    pub(crate) views_differ: u64,
    /// What an audit of the undisturbed tables found: then nothing can be compared with them.
    pub(crate) reference_unclean: u64,
    /// Records without a row that have no letter.
    pub(crate) letters_missing: u64,
    /// Letters about other records, or second ones with another id.
    pub(crate) letters_extra: u64,

    pub(crate) rows: u64,
    pub(crate) letters: u64,
    /// Letters that came again with the same id, which is allowed.
    pub(crate) letters_repeated: u64,
    pub(crate) views: u64,
    pub(crate) views_with_rows: u64,
    pub(crate) views_by_projection: u64,
    pub(crate) notes: Vec<String>,
}

impl Findings {
    fn note(&mut self, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(text);
        }
    }
}

/// Records against rows, as the program itself tells it.
pub(crate) struct Audited {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) extra: u64,
    rows: u64,
}

/// Waits for the sink, then audits; the inner error is why there is no answer.
pub(crate) fn audit(world: &World, config: &str) -> Outcome<Result<Audited, String>> {
    let config = world.data.join(config);
    let output = deploy::run(&world.binary, &config, &["audit", "--json"])?;
    let said = serde_json::from_slice::<Value>(&output.stdout);
    let (Some(0 | 1), Ok(said)) = (output.status.code(), said) else {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    };
    Ok(audited(&said).ok_or_else(|| format!("the audit does not say what it found: {said}")))
}

fn audited(said: &Value) -> Option<Audited> {
    let count = |name: &str| said[name].as_u64();
    let topics = said["topics"].as_array()?.iter();
    Some(Audited {
        lost: count("lost")?,
        duplicated: count("duplicated")?,
        extra: count("extra")?,
        rows: topics
            .map(|topic| topic["store_rows"].as_u64())
            .sum::<Option<u64>>()?,
    })
}

/// Everything, but the letters: those come before there is a reference, which writes them again.
pub(crate) fn compare(world: &World, findings: &mut Findings) -> Outcome<Result<(), String>> {
    let views: Vec<&str> = tapeline_clickhouse::views()
        .iter()
        .map(|view| view.name)
        .collect();
    compare_with(world, &views, findings)
}

pub(crate) fn compare_with(
    world: &World,
    views: &[&str],
    findings: &mut Findings,
) -> Outcome<Result<(), String>> {
    for (config, is_reference) in [("tapeline.toml", false), ("reference.toml", true)] {
        let audited = match audit(world, config)? {
            Ok(audited) => audited,
            Err(said) => return Ok(Err(format!("no audit with {config}: {said}"))),
        };
        if is_reference {
            findings.reference_unclean = audited.lost + audited.duplicated + audited.extra;
        } else {
            findings.lost = audited.lost;
            findings.duplicated = audited.duplicated;
            findings.extra = audited.extra;
            findings.rows = audited.rows;
        }
    }
    rows(world, findings)?;
    for view in views {
        one_view(world, view, findings)?;
    }
    Ok(Ok(()))
}

fn ask(world: &World, database: &str, sql: &str) -> Outcome<String> {
    let answer = world.ask(database, sql);
    answer.map_err(Failure::while_doing(format!("asking the store: {sql}")))
}

fn rows(world: &World, findings: &mut Findings) -> Outcome<()> {
    for topic in Topic::ALL {
        let table = topic.table();
        let sql = views::rows_apart(table, DATABASE, REFERENCE);
        let apart: u64 = ask(world, DATABASE, &sql)?.parse().unwrap_or(u64::MAX);
        if apart > 0 {
            findings.rows_differ = findings.rows_differ.saturating_add(apart);
            findings.note(format!("rows_differ: {apart} of {table}"));
        }
    }
    Ok(())
}

fn one_view(world: &World, view: &str, findings: &mut Findings) -> Outcome<()> {
    let described = ask(world, DATABASE, &format!("DESCRIBE TABLE {view}"))?;
    let columns = views::columns(&described);
    let within = views::hash_of(view, &columns, false);
    let without = ask(world, DATABASE, &format!("{within} {WITHOUT}"))?;
    let with = match world.ask(DATABASE, &format!("{within} {FORCED}")) {
        Ok(forced) => {
            findings.views_by_projection += 1;
            forced
        }
        Err(said) if said.contains(NO_PROJECTION) => ask(world, DATABASE, &within)?,
        Err(said) => return Err(Failure::Outside(format!("{within}: {said}"))),
    };
    let across = views::hash_of(view, &columns, true);
    let here = ask(world, DATABASE, &across)?;
    let there = ask(world, REFERENCE, &across)?;
    findings.views += 1;
    findings.views_with_rows += u64::from(!here.starts_with("0\t"));
    if with != without {
        findings.note(format!(
            "views_differ: {view} without projections says {without}, with them {with}"
        ));
    }
    if here != there {
        findings.note(format!(
            "views_differ: {view} says {here}, of undisturbed tables {there}"
        ));
    }
    findings.views_differ += u64::from(with != without || here != there);
    Ok(())
}

/// Each record without a row has letters of one id, and nothing else has any.
pub(crate) fn letters(world: &World, fed: &FedTotals, findings: &mut Findings) -> Outcome<()> {
    let mut found: Letters = BTreeMap::new();
    let names = world.kafka.names();
    let topic = names.topic(Topic::DeadLetters);
    for partition in 0..PARTITIONS as i32 {
        let read = read_to_end(
            &world.kafka,
            topic,
            partition,
            None,
            PARTITION_WITHIN,
            |message| {
                let event = Event::decode(Topic::DeadLetters, message.value);
                if let Ok(Event::DeadLetter(letter)) = event
                    && letter.source == SINK
                {
                    let value = letter.value.unwrap_or_default();
                    found
                        .entry(value)
                        .or_default()
                        .push(letter.letter_id.to_string());
                }
                Ok::<(), KafkaError>(())
            },
        );
        read.map_err(Failure::while_doing(format!("reading {topic}")))?;
    }
    judge_letters(&found, &fed.poison, findings);
    Ok(())
}

/// Ids of letters by the bytes they keep.
type Letters = BTreeMap<Vec<u8>, Vec<String>>;

fn judge_letters(found: &Letters, poison: &[Vec<u8>], findings: &mut Findings) {
    let poison: BTreeSet<&Vec<u8>> = poison.iter().collect();
    for value in &poison {
        if !found.contains_key(*value) {
            findings.letters_missing += 1;
            let text = String::from_utf8_lossy(value);
            findings.note(format!("letters_missing: about {text:?}"));
        }
    }
    for (value, ids) in found {
        let different: BTreeSet<&String> = ids.iter().collect();
        findings.letters += different.len() as u64;
        findings.letters_repeated += (ids.len() - different.len()) as u64;
        let allowed = usize::from(poison.contains(value));
        if different.len() > allowed {
            findings.letters_extra += (different.len() - allowed) as u64;
            let text = String::from_utf8_lossy(value);
            findings.note(format!("letters_extra: {different:?} about {text:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(found: &[(&str, &[&str])], poison: &[&str]) -> (u64, u64, u64) {
        let found = found.iter().map(|(value, ids)| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            (value.as_bytes().to_vec(), ids)
        });
        let poison: Vec<Vec<u8>> = poison.iter().map(|p| p.as_bytes().to_vec()).collect();
        let mut findings = Findings::default();
        judge_letters(&found.collect(), &poison, &mut findings);
        let Findings {
            letters_missing,
            letters_extra,
            letters_repeated,
            ..
        } = findings;
        (letters_missing, letters_extra, letters_repeated)
    }

    #[test]
    fn an_audit_that_leaves_something_out_is_not_believed() {
        let whole = serde_json::json!({
            "lost": 1, "duplicated": 2, "extra": 3, "topics": [{"store_rows": 4}, {"store_rows": 5}],
        });
        let found = audited(&whole).unwrap();
        let found = (found.lost, found.duplicated, found.extra, found.rows);
        assert_eq!(found, (1, 2, 3, 9));
        for name in whole.as_object().unwrap().keys() {
            let mut part = whole.clone();
            part[name] = Value::Null;
            assert!(audited(&part).is_none(), "{name}");
        }
        let mut part = whole.clone();
        part["topics"][1] = Value::Null;
        assert!(audited(&part).is_none());
    }

    #[test]
    fn each_poisoned_record_has_letters_of_one_id_and_no_other_has_any() {
        let clean: &[(&str, &[&str])] = &[("a", &["1"]), ("b", &["2", "2"])];
        assert_eq!(judged(clean, &["a", "b"]), (0, 0, 1));
        assert_eq!(judged(&[("a", &["1"])], &["a", "b"]), (1, 0, 0));
        assert_eq!(judged(&[("a", &["1", "2"])], &["a"]), (0, 1, 0));
        assert_eq!(judged(&[("a", &["1"]), ("c", &["3"])], &["a"]), (0, 1, 0));
    }
}
