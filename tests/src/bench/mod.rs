//! Benchmarks. Each compares within one run, in turn and on the same broker;
//! nothing here judges a bare time, and no test does.

mod arguments;
mod broker;
mod cpu;
mod disk;
mod latency;
mod ledger;
mod machine;
mod memory;
mod peer;
mod probe;
mod profile;
mod quotes;
mod report;
mod restore;
mod results;
mod risk;
mod scaling;
mod scrape;
mod sink;
mod stage;
mod statistics;
mod throughput;
mod views;
mod work;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Command, Options};
use peer::Peer;
use profile::Profiles;
use report::Report;
use results::Results;
use stage::{Stage, Store};

/// Before each benchmark, the machine is watched for so long ...
const QUIET_SPAN: Duration = Duration::from_secs(3);
/// ... and is quiet if this share of it is free. The idle broker takes a little.
const QUIET_SHARE: f64 = 0.93;

/// A benchmark by its name.
pub(crate) struct Benchmark {
    pub name: &'static str,
    pub about: &'static str,
    run: Runner,
}

enum Runner {
    /// In this process, with nothing started.
    Alone(fn(&Options, &mut Report) -> Outcome),
    OnStage(fn(&Bench<'_>, &mut Report) -> Outcome),
}

/// Why there are no figures, or none that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What was measured did not do its work: exit code 1.
    Failed(String),
    /// Something that it needs is missing here: exit code 3.
    Impossible(String),
}

pub(crate) type Outcome = Result<(), Fault>;

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl Fault {
    fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Impossible(_) => 3,
        }
    }

    fn text(&self) -> &str {
        let (Self::Failed(text) | Self::Impossible(text)) = self;
        text
    }
}

/// What failed counts for more than what was not possible.
fn exit_code(faults: &[Fault]) -> u8 {
    faults.iter().map(Fault::code).min().unwrap_or(0)
}

pub(crate) const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "throughput",
        about: "quotes through the market processor, against Kafka Streams and librdkafka",
        run: Runner::OnStage(throughput::run),
    },
    Benchmark {
        name: "latency",
        about: "from a tick and from a fill to an alert, against Kafka Streams",
        run: Runner::OnStage(latency::run),
    },
    Benchmark {
        name: "restore",
        about: "a task with many keys taken from the log, against reading its changelog",
        run: Runner::OnStage(restore::run),
    },
    Benchmark {
        name: "memory",
        about: "what all roles hold with 10,000 symbols and 1,000 portfolios, against Kafka Streams",
        run: Runner::OnStage(memory::run),
    },
    Benchmark {
        name: "risk",
        about: "a fill, a price and a position with 100,000 portfolios, against a walk through a hash map",
        run: Runner::Alone(risk::run),
    },
    Benchmark {
        name: "scaling",
        about: "throughput with 1, 2 and 4 tasks, and with records of three sizes",
        run: Runner::OnStage(scaling::run),
    },
    Benchmark {
        name: "sink",
        about: "quotes through Kafka into the store, against the same rows inserted raw",
        run: Runner::OnStage(sink::run),
    },
    Benchmark {
        name: "views",
        about: "the questions and views over 50 million quotes and a year of fills",
        run: Runner::OnStage(views::run),
    },
];

/// What every benchmark is given.
pub(crate) struct Bench<'a> {
    pub options: &'a Options,
    pub stage: &'a Stage,
    /// None where it cannot be built; the report then has no figure of it.
    pub peer: Option<&'a Peer>,
}

impl Bench<'_> {
    fn start_store(&self) -> Result<Store, Fault> {
        let store = self.stage.start_store();
        store.map_err(|error| Fault::Impossible(format!("there is no store: {error}")))
    }
}

pub(crate) fn main() -> ExitCode {
    let options = match arguments::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            say(arguments::HELP);
            list();
            return ExitCode::SUCCESS;
        }
        Ok(Command::List) => {
            list();
            return ExitCode::SUCCESS;
        }
        Err(fault) => {
            say(&fault);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(faults) => ExitCode::from(exit_code(&faults)),
        Err(fault) => {
            say(&fault);
            ExitCode::from(3)
        }
    }
}

/// All that can be missing is looked for before anything is measured. A fault of one benchmark
/// does not keep the others from being measured.
fn run(options: &Options) -> Result<Vec<Fault>, String> {
    let results = options.save.then(|| {
        let date = quotes::now().to_string();
        let date = date.split('T').next().unwrap_or_default();
        Results::open(date, &options.differing)
    });
    let profiles = options.profile.as_deref().map(Profiles::into_folder);
    let (results, profiles) = (results.transpose()?, profiles.transpose()?);
    let wanted = |benchmark: &&Benchmark| options.names.iter().any(|name| name == benchmark.name);
    let wanted: Vec<&Benchmark> = BENCHMARKS.iter().filter(wanted).collect();
    let needs_stage = wanted.iter().any(|it| matches!(it.run, Runner::OnStage(_)));
    let stage = needs_stage.then(|| set_up(profiles)).transpose()?;
    let bench = stage.as_ref().map(|(stage, peer)| Bench {
        options,
        stage,
        peer: peer.as_ref(),
    });
    let mut report = Report::new(options.json, results);
    let mut faults = Vec::new();
    for benchmark in wanted {
        say(&format!("{}: {}", benchmark.name, benchmark.about));
        report.set_quiet(is_quiet());
        let outcome = match (&benchmark.run, &bench) {
            (Runner::OnStage(run), Some(bench)) => run(bench, &mut report),
            (Runner::Alone(run), _) => run(options, &mut report),
            (Runner::OnStage(_), None) => Err(Fault::Impossible("there is no broker".to_owned())),
        };
        let found = outcome.err().into_iter().chain(report.take_faults());
        for fault in found {
            say(&format!("{} FAILED: {}", benchmark.name, fault.text()));
            faults.push(fault);
        }
    }
    Ok(faults)
}

fn set_up(profiles: Option<Profiles>) -> Result<(Stage, Option<Peer>), String> {
    let peer = Peer::prepare();
    if let Err(reason) = &peer {
        say(&format!("Kafka Streams is left out: {reason}"));
    }
    say("starting a broker");
    let stage = Stage::start(profiles).map_err(|error| error.to_string())?;
    Ok((stage, peer.ok()))
}

/// Whether others leave the machine alone: the budgets are for one that is quiet.
fn is_quiet() -> bool {
    let Some(idle) = cpu::idle_share(QUIET_SPAN) else {
        return false;
    };
    let quiet = idle >= QUIET_SHARE;
    if !quiet {
        let busy = (1.0 - idle) * 100.0;
        say(&format!(
            "others use {busy:.0} % of this machine: latencies come out longer than they are"
        ));
    }
    quiet
}

fn list() {
    let mut stdout = std::io::stdout().lock();
    for Benchmark { name, about, .. } in BENCHMARKS {
        let _closed = writeln!(stdout, "{name:<12}{about}");
    }
}

/// Progress goes to standard error: standard output is for results.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "bench: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_an_exit_code() {
        let failed = || Fault::Failed("x".to_owned());
        let impossible = || Fault::Impossible("x".to_owned());
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[failed()]), 1);
        assert_eq!(exit_code(&[impossible()]), 3);
        assert_eq!(exit_code(&[impossible(), failed()]), 1);
    }
}
