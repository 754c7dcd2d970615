//! `chaos pipeline`: three real brokers, the real engine and several processes of the pipeline,
//! hit by a seeded plan of faults while records with known ids flow; then everything is read
//! back and checked.

mod arguments;
mod checker;
mod failure;
mod feed;
mod inject;
mod member;
mod observe;
mod plan;
mod proxy;
mod random;
mod report;
mod segments;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tapeline_schemas::topics::Topic;

use arguments::Arguments;
use checker::Observed;
use failure::{Failure, Outcome};
use feed::{FedRecords, Feeder};
use plan::Step;
use report::Report;
use segments::Fate;
use world::World;

/// Short, so that a process frozen for longer is a true zombie, cheaply.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);
/// librdkafka refuses a task's producer whose requests could outlive its transaction.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a group gives a dead member's partitions to another.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Of every topic.
const PARTITIONS: u32 = 4;

/// After a fault, everything flows again within this, or the run is stuck.
const FLOWS_WITHIN: Duration = Duration::from_secs(120);
const WHOLE_WITHIN: Duration = Duration::from_secs(180);
/// After the last record, everything is counted and in the tables within this.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);
/// No new row for so long is the end.
const QUIET: Duration = Duration::from_secs(3);
/// Between two questions to the store.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// How a task says that another process fenced it.
const FENCED: &str = "another producer took over this task";

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
    let _gone = writeln!(std::io::stderr(), "chaos: {text}");
}

/// True if nothing was found. What a failed run left is kept, and named.
fn run(arguments: &Arguments) -> Outcome<bool> {
    let folder = tempfile::Builder::new()
        .prefix("tapeline-chaos-")
        .tempdir()
        .map_err(Failure::while_doing("making a data folder"))?;
    say(&format!(
        "suite {}, {} faults, seed {}",
        arguments.suite, arguments.faults, arguments.seed
    ));
    let outcome = program().and_then(|program| pipeline(arguments, folder.path(), &program));
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
    let _gone = report.write_table(std::io::stderr());
    if arguments.json {
        let _gone = writeln!(std::io::stdout(), "{}", report.json());
    }
    Ok(is_clean)
}

/// `tapeline`, where cargo puts it beside this program.
fn program() -> Outcome<PathBuf> {
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

fn pipeline(arguments: &Arguments, data: &Path, program: &Path) -> Outcome<Report> {
    let started = Instant::now();
    say("starting three brokers and the store");
    let mut world = World::start(data, program)?;
    world.start_members()?;
    let feeder = Feeder::start(&world.kafka, arguments.seed)?;
    if !flows(&mut world)? {
        let exits = world.exits.iter().rev().take(3);
        let exits: Vec<&str> = exits.map(String::as_str).collect();
        let text = format!(
            "nothing flowed before the first fault; {}",
            exits.join("; ")
        );
        return Err(Failure::Outside(text));
    }
    say(&format!(
        "records flow after {} s",
        started.elapsed().as_secs()
    ));

    let mut faults = BTreeMap::new();
    let mut stuck = Vec::new();
    let steps = plan::plan(arguments.seed, arguments.faults);
    for (number, step) in (1..).zip(&steps) {
        say(&format!(
            "{number}/{} at {} s: {}",
            steps.len(),
            started.elapsed().as_secs(),
            step.kind.name()
        ));
        match hit(&mut world, *step)? {
            Ok(()) => *faults.entry(step.kind).or_insert(0) += 1,
            Err(what) => {
                stuck.push(format!("stuck: fault {number}: {what}"));
                break;
            }
        }
    }
    say("mending everything, and waiting for the end of the work");
    if stuck.is_empty() && !recovers(&mut world)? {
        stuck.push("stuck: no flow after the last fault".to_owned());
    }
    let fed = feeder.stop()?;
    if !settles(&mut world, &fed)? {
        say("not everything arrived in time; checking what did");
    }
    say("checking");
    let observed = observe::observe(&world, fed)?;
    let findings = checker::check(&observed);
    let mut replay_differences = 0;
    for processor in ["market", "risk"] {
        let (differences, said) = world.replay(processor)?;
        replay_differences += differences;
        if differences > 0 {
            say(&format!("the replay of {processor} differs: {said}"));
        }
    }
    let exits = std::mem::take(&mut world.exits);
    world.end();
    let fenced = observe::count_in_logs(&data.join("logs"), FENCED);
    Ok(Report {
        arguments: arguments.clone(),
        took: started.elapsed(),
        faults,
        fed: acknowledged(&observed.fed),
        aborted: aborted(&observed),
        fenced,
        findings,
        replay_differences,
        stuck,
        exits,
    })
}

/// Does a fault and waits as the plan says; the inner error is why the run is stuck.
fn hit(world: &mut World, step: Step) -> Outcome<Result<(), String>> {
    if !inject::inject(world, step)? {
        return Ok(Err(format!("{} was not possible", step.kind.name())));
    }
    if let Some(gap) = step.next_after {
        world.until(gap, |_| false)?;
    } else if !recovers(world)? {
        return Ok(Err(format!("no flow after {}", step.kind.name())));
    }
    Ok(Ok(()))
}

fn recovers(world: &mut World) -> Outcome<bool> {
    Ok(world.until(WHOLE_WITHIN, |world| world.is_whole())? && flows(world)?)
}

/// Waits until every task has committed something after this moment, and the tables show it.
fn flows(world: &mut World) -> Outcome<bool> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default().as_micros();
    let sql = format!(
        "SELECT (SELECT count(DISTINCT _partition) FROM positions WHERE ingest_time > fromUnixTimestamp64Micro({since})), \
         (SELECT count(DISTINCT symbol) FROM marks WHERE ingest_time > fromUnixTimestamp64Micro({since}))"
    );
    let expected = format!("{PARTITIONS}\t{}", feed::SYMBOLS.len());
    asks(world, FLOWS_WITHIN, &sql, |answer| answer == expected)
}

/// Asks the store now and then until the answer is right; false if it never is.
fn asks(
    world: &mut World,
    within: Duration,
    sql: &str,
    mut is_right: impl FnMut(&str) -> bool,
) -> Outcome<bool> {
    let mut next = Instant::now();
    world.until(within, |world| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + ASK_EVERY;
        world.query(sql).is_some_and(|answer| is_right(&answer))
    })
}

/// Waits until what was acknowledged is counted, and then until nothing is added any more.
fn settles(world: &mut World, fed: &FedRecords) -> Outcome<bool> {
    let count = |topic| {
        let fed: &[feed::Fed] = fed.get(&topic).map_or(&[], Vec::as_slice);
        fed.iter().filter(|fed| fed.acknowledged).count()
    };
    let fills = count(Topic::BrokerFills);
    let quotes = count(Topic::MarketQuotes);
    let sql = format!(
        "SELECT (SELECT count() FROM fills) >= {fills} AND (SELECT count() FROM positions) >= {fills} \
         AND (SELECT count() FROM quotes) >= {quotes} \
         AND (SELECT sum(q) FROM (SELECT max(quotes) AS q FROM marks GROUP BY symbol)) >= {quotes} \
         AND (SELECT count() FROM account_events) >= {} \
         AND (SELECT sum(c) FROM (SELECT max(cash_flow) AS c FROM equity GROUP BY portfolio)) \
           >= (SELECT sum(amount) FROM account_events)",
        count(Topic::BrokerAccounts)
    );
    let arrived = asks(world, SETTLES_WITHIN, &sql, |answer| answer == "1")?;
    let tables: Vec<String> = Topic::ALL
        .iter()
        .map(|topic| {
            format!(
                "(SELECT count() FROM {})",
                tapeline_clickhouse::table(*topic)
            )
        })
        .collect();
    let sql = format!("SELECT {}", tables.join(" + "));
    let mut last = (String::new(), Instant::now());
    let quiet = asks(world, SETTLES_WITHIN, &sql, |answer| {
        if last.0 != answer {
            last = (answer.to_owned(), Instant::now());
        }
        last.1.elapsed() >= QUIET
    })?;
    Ok(arrived && quiet)
}

fn acknowledged(fed: &FedRecords) -> u64 {
    let all = fed.values().flatten();
    all.filter(|fed| fed.acknowledged).count() as u64
}

fn aborted(observed: &Observed) -> u64 {
    let fates = observed.fates.values().flat_map(|fates| fates.of.values());
    fates.filter(|fate| **fate == Fate::Aborted).count() as u64
}
