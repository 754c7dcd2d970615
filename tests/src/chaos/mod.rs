//! Failure suites on a real Kafka and the real ClickHouse engine: a seeded plan of faults hits
//! what runs while records with known ids flow; then everything is read back and checked.

mod arguments;
mod deploy;
mod failure;
mod logins;
mod member;
mod memory;
mod namespace;
mod pipeline;
mod plan;
mod proxy;
mod random;
mod run;
mod store;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::Arguments;
use failure::{Failure, Outcome};

/// Runs the suite that the command line names.
pub fn main() -> ExitCode {
    let outcome = arguments::parse(std::env::args().skip(1)).and_then(|asked| run(&asked));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn say(text: &str) {
    let _gone = writeln!(io::stderr(), "chaos: {text}");
}

/// What a suite found.
trait Report {
    /// Every counter that must be 0 is.
    fn is_clean(&self) -> bool;
    fn json(&self) -> serde_json::Value;
    fn write_table(&self, to: &mut dyn Write) -> io::Result<()>;
}

struct Suite {
    name: &'static str,
    /// The faults it knows.
    kinds: fn() -> Vec<&'static str>,
    /// Whether it runs `tapeline` itself, or parts of it.
    needs_program: bool,
    /// Runs it in a data folder, with the program under test.
    run: fn(&Arguments, &Path, &Path) -> Outcome<Box<dyn Report>>,
}

const SUITES: &[Suite] = &[pipeline::SUITE, store::SUITE, logins::SUITE];

/// True if nothing was found. What a failed run left is kept, and named.
fn run(arguments: &Arguments) -> Outcome<bool> {
    if arguments.suite.name == store::SUITE.name {
        namespace::enter();
    }
    let folder = tempfile::Builder::new()
        .prefix("tapeline-chaos-")
        .tempdir()
        .map_err(Failure::while_doing("making a data folder"))?;
    let (suite, seed) = (arguments.suite.name, arguments.seed);
    let how_much = if suite == logins::SUITE.name {
        format!("{} runs", arguments.runs)
    } else {
        format!("{} faults", arguments.faults)
    };
    say(&format!("suite {suite}, {how_much}, seed {seed}"));
    let outcome = program(arguments)
        .and_then(|program| (arguments.suite.run)(arguments, folder.path(), &program));
    let is_clean = matches!(&outcome, Ok(report) if report.is_clean());
    if !is_clean {
        let kept = folder.keep();
        say(&format!(
            "seed {} failed; data and logs are kept in {}",
            arguments.seed,
            kept.display()
        ));
    }
    let report = outcome?;
    let _gone = report.write_table(&mut io::stderr());
    if arguments.json {
        let _gone = writeln!(io::stdout(), "{}", report.json());
    }
    Ok(is_clean)
}

/// What is named, or `tapeline` where cargo puts it beside this program.
fn program(arguments: &Arguments) -> Outcome<PathBuf> {
    if let Some(named) = &arguments.program {
        return Ok(named.clone());
    }
    if !arguments.suite.needs_program {
        return Ok(PathBuf::new());
    }
    let own = std::env::current_exe().map_err(Failure::while_doing("finding this program"))?;
    let program = own.with_file_name("tapeline");
    if program.exists() {
        return Ok(program);
    }
    let place = program.display();
    Err(Failure::Outside(format!(
        "{place} is missing: `./dev chaos` builds it, or `cargo build -p tapeline`"
    )))
}
