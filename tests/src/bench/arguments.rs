//! What the benchmarks can be told.

use std::path::PathBuf;
use std::str::FromStr;

use super::BENCHMARKS;

pub(crate) const HELP: &str = "\
usage: bench NAME... [--json] [OPTIONS]

  --json                one JSON object a line instead of a table
  --save                also into tests/bench/RESULTS.md, beside what stands there
  --profile=FOLDER      a CPU profile of each run of this pipeline into FOLDER; needs perf
                        (Debian: linux-perf) and takes time, so that nothing can be saved
  --quotes=3000000      throughput, memory, sink: how many quotes; scaling: a third of it each;
                        views: 50000000 unless given
  --fills=1000000       views: how many fills, and what comes of them
  --asks=20             views: how often each is asked
  --rounds=3            throughput, restore, sink: how often; the median counts
  --seconds=15          latency: how long each measurement takes, its first two seconds left out
  --warm-up=20          latency: how long all work before they are measured
  --background=10000    latency: quotes a second that nobody waits for
  --keys=500000         restore: how many keys the task holds
  --commit-interval=100ms
                        what the processors are configured with

exit codes: 0 all was measured, 1 what was measured did not do all of its work or there is no
figure, 2 wrong usage, 3 something is missing here";

/// A figure is only comparable with one measured alike.
const MEASURED_WITH: &[&str] = &[
    "--quotes",
    "--fills",
    "--asks",
    "--rounds",
    "--seconds",
    "--warm-up",
    "--background",
    "--keys",
    "--commit-interval",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub names: Vec<String>,
    pub json: bool,
    pub save: bool,
    /// What was given that changes the figures, as it was given.
    pub differing: String,
    pub profile: Option<PathBuf>,
    pub quotes: u64,
    /// Of the history that views are asked about.
    pub history: u64,
    pub fills: u64,
    pub asks: usize,
    pub rounds: usize,
    pub seconds: u64,
    pub warm_up: u64,
    pub background: u64,
    pub keys: u64,
    pub commit_interval: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            json: false,
            save: false,
            differing: String::new(),
            profile: None,
            quotes: 3_000_000,
            history: 50_000_000,
            fills: 1_000_000,
            asks: 20,
            rounds: 3,
            seconds: 15,
            warm_up: 20,
            background: 10_000,
            keys: 500_000,
            commit_interval: "100ms".to_owned(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run(Options),
    List,
    Help,
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    for argument in arguments {
        let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
        if MEASURED_WITH.contains(&name) {
            options.differing = format!("{} {argument}", options.differing);
        }
        match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--json" => options.json = true,
            "--save" => options.save = true,
            "--profile" => options.profile = Some(folder(value)?),
            "--quotes" => {
                options.quotes = positive(name, value)?;
                options.history = options.quotes;
            }
            "--fills" => options.fills = positive(name, value)?,
            "--asks" => options.asks = positive(name, value)?,
            "--rounds" => options.rounds = positive(name, value)?,
            "--seconds" => options.seconds = positive(name, value)?,
            "--warm-up" => options.warm_up = positive(name, value)?,
            "--background" => options.background = positive(name, value)?,
            "--keys" => options.keys = positive(name, value)?,
            "--commit-interval" => options.commit_interval = duration(value)?,
            _ if name.starts_with('-') => return Err(format!("there is no option {name}\n{HELP}")),
            _ if BENCHMARKS.iter().any(|known| known.name == argument) => {
                options.names.push(argument);
            }
            _ => {
                let known: Vec<&str> = BENCHMARKS.iter().map(|b| b.name).collect();
                return Err(format!(
                    "benchmark '{argument}' is unknown; there are: {}",
                    known.join(" ")
                ));
            }
        }
    }
    if options.names.is_empty() {
        return Ok(Command::List);
    }
    if options.save && options.profile.is_some() {
        return Err("--save and --profile do not go together: a recording takes time".to_owned());
    }
    options.differing = options.differing.trim().to_owned();
    Ok(Command::Run(options))
}

fn folder(value: &str) -> Result<PathBuf, String> {
    match value {
        "" => Err("--profile wants a folder, as in --profile=target/profile".to_owned()),
        folder => Ok(folder.into()),
    }
}

fn positive<T: FromStr + PartialOrd + From<u8>>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .ok()
        .filter(|number| *number >= T::from(1))
        .ok_or_else(|| format!("{name} wants a number above zero, as in {name}=10"))
}

fn duration(value: &str) -> Result<String, String> {
    let number = value.strip_suffix("ms").and_then(|n| n.parse::<u32>().ok());
    match number {
        Some(1..) => Ok(value.to_owned()),
        _ => Err("--commit-interval wants milliseconds, as in --commit-interval=100ms".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn names_and_options_come_in_any_order() {
        let expected = Options {
            names: vec!["throughput".to_owned(), "restore".to_owned()],
            json: true,
            quotes: 500,
            history: 500,
            commit_interval: "20ms".to_owned(),
            differing: "--quotes=500 --commit-interval=20ms".to_owned(),
            ..Options::default()
        };
        assert_eq!(
            parsed("throughput --quotes=500 restore --json --commit-interval=20ms"),
            Ok(Command::Run(expected))
        );
    }

    #[test]
    fn what_is_slowed_by_a_profile_is_not_saved() {
        let expected = Options {
            names: vec!["memory".to_owned()],
            profile: Some("out".into()),
            ..Options::default()
        };
        assert_eq!(parsed("memory --profile=out"), Ok(Command::Run(expected)));
        assert!(parsed("memory --profile=out --save").is_err());
        assert!(parsed("memory --profile").is_err());
    }

    #[test]
    fn without_a_name_they_are_listed() {
        assert_eq!(parsed(""), Ok(Command::List));
        assert_eq!(parsed("--json"), Ok(Command::List));
        assert_eq!(parsed("latency --help"), Ok(Command::Help));
    }

    #[test]
    fn what_is_unknown_or_no_number_is_refused() {
        let unknown = parsed("througput").unwrap_err();
        assert!(
            unknown.contains("througput") && unknown.contains("latency"),
            "{unknown}"
        );
        for line in [
            "latency --seconds",
            "latency --seconds=0",
            "latency --quotes=-1",
            "latency --keys=many",
            "latency --fast",
            "latency --commit-interval=1s",
            "latency --commit-interval=0ms",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
