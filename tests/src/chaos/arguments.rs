//! What the program was asked to do.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::failure::{Failure, Outcome};
use super::plan::Kind;

/// Every suite there is.
pub(crate) const SUITES: &[&str] = &["pipeline"];
const FAULTS: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) suite: String,
    pub(crate) faults: usize,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    /// What may happen.
    pub(crate) kinds: Vec<Kind>,
    /// The program under test; without one, the one beside this program.
    pub(crate) program: Option<PathBuf>,
    /// The program of a former release, with which the run begins.
    pub(crate) from: Option<PathBuf>,
}

pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Outcome<Arguments> {
    let mut words = words.into_iter();
    let suite = words.next().ok_or_else(|| usage("name a suite"))?;
    if !SUITES.contains(&suite.as_str()) {
        return Err(usage(&format!("suite '{suite}' is unknown")));
    }
    let mut arguments = Arguments {
        suite,
        faults: FAULTS,
        seed: some_seed(),
        json: false,
        kinds: Kind::ALL.to_vec(),
        program: None,
        from: None,
    };
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next();
            value.ok_or_else(|| usage(&format!("'{word}' wants a value")))
        };
        match word.as_str() {
            "--faults" => arguments.faults = number(&word, &value()?)? as usize,
            "--seed" => arguments.seed = number(&word, &value()?)?,
            "--json" => arguments.json = true,
            "--kinds" => arguments.kinds = kinds(&value()?)?,
            "--program" => arguments.program = Some(value()?.into()),
            "--from" => arguments.from = Some(value()?.into()),
            _ => return Err(usage(&format!("'{word}' is unknown"))),
        }
    }
    Ok(arguments)
}

fn number(option: &str, text: &str) -> Outcome<u64> {
    let number = text.parse();
    number.map_err(|_| usage(&format!("'{option}' wants a whole number")))
}

fn kinds(names: &str) -> Outcome<Vec<Kind>> {
    let parsed = names.split(',').map(|name| {
        Kind::named(name).ok_or_else(|| {
            let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            usage(&format!(
                "kind '{name}' is unknown; kinds: {}",
                all.join(", ")
            ))
        })
    });
    parsed.collect()
}

/// Another one each time; the report names it.
fn some_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

fn usage(problem: &str) -> Failure {
    Failure::Usage(format!(
        "{problem}; suites: {}\nusage: chaos SUITE [--faults N] [--seed S] [--json] \
         [--kinds KIND,KIND...] [--program PATH] [--from PATH OF A FORMER PROGRAM]",
        SUITES.join(", ")
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
        let expected = Arguments {
            suite: "pipeline".to_owned(),
            faults: 12,
            seed: 3,
            json: true,
            kinds: vec![Kind::ProcessorKill, Kind::Stall],
            program: Some("a/tapeline".into()),
            from: Some("b/tapeline".into()),
        };
        let asked = parsed(
            "pipeline --faults 12 --seed 3 --json --kinds processor_kill,stall \
             --program a/tapeline --from b/tapeline",
        )
        .unwrap();
        assert_eq!(asked, expected);
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
        ] {
            let failure = parsed(wrong).unwrap_err();
            assert_eq!(failure.code(), 2, "{wrong}");
            assert!(
                failure.to_string().contains("suites: pipeline"),
                "{failure}"
            );
        }
    }
}
