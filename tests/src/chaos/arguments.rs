//! What the program was asked to do.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::failure::{Failure, Outcome};
use super::{SUITES, Suite};

const FAULTS: usize = 40;
const RUNS: usize = 100;

#[derive(Clone)]
pub(crate) struct Arguments {
    pub(crate) suite: &'static Suite,
    pub(crate) faults: usize,
    /// Lives of a login.
    pub(crate) runs: usize,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    /// What may happen.
    pub(crate) kinds: Vec<&'static str>,
    /// The program under test; without one, the one beside this program.
    pub(crate) program: Option<PathBuf>,
    /// The program of a former release, with which the run of a pipeline begins.
    pub(crate) from: Option<PathBuf>,
    /// Whether the checker is shown planted faults after the run.
    pub(crate) plant: bool,
}

pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Outcome<Arguments> {
    let mut words = words.into_iter();
    let name = words.next().ok_or_else(|| usage("name a suite"))?;
    let suite = SUITES.iter().find(|suite| suite.name == name);
    let suite = suite.ok_or_else(|| usage(&format!("suite '{name}' is unknown")))?;
    let mut arguments = Arguments {
        suite,
        faults: FAULTS,
        runs: RUNS,
        seed: some_seed(),
        json: false,
        kinds: (suite.kinds)(),
        program: None,
        from: None,
        plant: false,
    };
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next();
            value.ok_or_else(|| usage(&format!("'{word}' wants a value")))
        };
        match word.as_str() {
            "--runs" if suite.name == "logins" => {
                arguments.runs = at_least_one(&word, &value()?)?;
            }
            "--faults" if suite.name != "logins" => {
                arguments.faults = at_least_one(&word, &value()?)?;
            }
            "--seed" => arguments.seed = number(&word, &value()?)?,
            "--json" => arguments.json = true,
            "--kinds" => arguments.kinds = kinds(suite, &value()?)?,
            "--program" => arguments.program = Some(value()?.into()),
            "--from" if suite.name == "pipeline" => arguments.from = Some(value()?.into()),
            "--plant" => arguments.plant = true,
            _ => return Err(usage(&format!("'{word}' is unknown"))),
        }
    }
    Ok(arguments)
}

fn number(option: &str, text: &str) -> Outcome<u64> {
    let number = text.parse();
    number.map_err(|_| usage(&format!("'{option}' wants a whole number")))
}

/// A run of nothing finds nothing.
fn at_least_one(option: &str, text: &str) -> Outcome<usize> {
    match number(option, text)? {
        0 => Err(usage(&format!("'{option}' wants a number above 0"))),
        count => Ok(count as usize),
    }
}

fn kinds(suite: &Suite, names: &str) -> Outcome<Vec<&'static str>> {
    let all = (suite.kinds)();
    let known = names.split(',').map(|name| {
        let known = all.iter().copied().find(|known| *known == name);
        known.ok_or_else(|| {
            let all = all.join(", ");
            usage(&format!("kind '{name}' is unknown; kinds: {all}"))
        })
    });
    known.collect()
}

/// Another one each time; the report names it.
fn some_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

fn usage(problem: &str) -> Failure {
    let suites: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    Failure::Usage(format!(
        "{problem}; suites: {}\nusage: chaos SUITE [--faults N] [--seed S] [--json] \
         [--kinds KIND,KIND...] [--program PATH] [--plant]\n\
         pipeline: [--from PATH OF A FORMER PROGRAM]\n\
         logins: [--runs N] instead of --faults",
        suites.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Outcome<Arguments> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_suite_and_its_options() {
        let asked = parsed(
            "pipeline --faults 12 --seed 3 --json --kinds processor_kill,stall \
             --program a/tapeline --from b/tapeline",
        );
        let asked = asked.ok().unwrap();
        assert_eq!(
            (asked.suite.name, asked.faults, asked.seed, asked.json),
            ("pipeline", 12, 3, true)
        );
        assert_eq!(asked.kinds, ["processor_kill", "stall"]);
        assert_eq!(asked.program, Some("a/tapeline".into()));
        assert_eq!(asked.from, Some("b/tapeline".into()));
        assert!(!asked.plant);
        for suite in ["pipeline", "store", "logins"] {
            let asked = parsed(&format!("{suite} --plant"));
            assert!(asked.ok().unwrap().plant);
        }
        assert_eq!(parsed("logins --runs 7").ok().unwrap().runs, 7);
    }

    #[test]
    fn anything_else_is_wrong_usage_and_lists_the_suites() {
        for wrong in [
            "",
            "nothing",
            "pipeline --faults x",
            "pipeline --what",
            "pipeline --seed",
            "pipeline --kinds processor_kill,nothing",
            "store --kinds processor_kill",
            "store --from a/tapeline",
            "pipeline --faults 0",
            "logins --runs 0",
            "pipeline --runs 3",
            "logins --faults 3",
        ] {
            let failure = parsed(wrong).err().unwrap();
            assert_eq!(failure.code(), 2, "{wrong}");
            assert!(
                failure.to_string().contains("suites: pipeline, store"),
                "{failure}"
            );
        }
    }
}
