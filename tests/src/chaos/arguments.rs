//! What the program was asked to do.

use std::time::{SystemTime, UNIX_EPOCH};

use super::failure::{Failure, Outcome};

/// Every suite there is.
pub(crate) const SUITES: &[&str] = &["pipeline"];
const FAULTS: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) suite: String,
    pub(crate) faults: usize,
    pub(crate) seed: u64,
    pub(crate) json: bool,
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
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|text| text.parse::<u64>().ok());
            value.ok_or_else(|| usage(&format!("'{word}' wants a whole number")))
        };
        match word.as_str() {
            "--faults" => arguments.faults = number()? as usize,
            "--seed" => arguments.seed = number()?,
            "--json" => arguments.json = true,
            _ => return Err(usage(&format!("'{word}' is unknown"))),
        }
    }
    Ok(arguments)
}

/// Another one each time; the report names it.
fn some_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

fn usage(problem: &str) -> Failure {
    Failure::Usage(format!(
        "{problem}; suites: {}\nusage: chaos SUITE [--faults N] [--seed S] [--json]",
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
        };
        let asked = parsed("pipeline --faults 12 --seed 3 --json").unwrap();
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
