//! `chaos logins`: thousands of hours of logins, simulated. Each life is of one kind of account.
//! The real logins, flows, codes, seals and leases run against the venues of
//! `connectors/simulators`, in one process and on a clock of their own; a seeded plan of faults
//! hits what is between them.

mod asked;
mod carrier;
mod categories;
mod check;
#[cfg(test)]
mod check_tests;
mod clock;
mod inject;
mod keeping;
mod life;
mod logbook;
mod login_kind;
mod machine;
mod mail;
mod pauses;
mod person;
mod plan;
mod plant;
mod records;
mod report;
mod shared_random;
mod sms;
mod terminal;
mod uninvited;
mod venue;
mod wire;
mod world;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use plan::Kind;
use plant::Planted;
use report::Report;

use super::arguments::Arguments;
use super::failure::{Failure, Outcome};
use super::plan::Fault;
use super::random::Random;
use super::{Report as Told, Suite, say};

pub(super) const SUITE: Suite = Suite {
    name: "logins",
    kinds: || Kind::ALL.iter().map(|kind| kind.name()).collect(),
    needs_program: false,
    run,
};

const TOLD_EVERY: usize = 100;

fn run(arguments: &Arguments, data: &Path, _program: &Path) -> Outcome<Box<dyn Told>> {
    let mut report = Report::new(arguments.clone(), Planted::Nothing);
    live_all(arguments, data, Planted::Nothing, &mut report)?;
    if arguments.plant && report.is_clean() {
        for planted in Planted::ALL {
            say(&format!("planting: {}", planted.name()));
            let mut of_it = Report::new(arguments.clone(), planted);
            live_all(arguments, data, planted, &mut of_it)?;
            report.planted.push((planted.name(), of_it));
        }
    }
    report.run.end();
    Ok(Box::new(report))
}

/// Each life in a world of its own; as many at a time as there are cores.
fn live_all(
    arguments: &Arguments,
    data: &Path,
    planted: Planted,
    report: &mut Report,
) -> Outcome<()> {
    let kinds = Kind::of(&arguments.kinds);
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(report);
    let live = || -> Outcome<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.runs {
                return Ok(());
            }
            let mut random = Random::new(arguments.seed.wrapping_add(number as u64));
            let lived = life::live(random.next(), &kinds, data, planted)?;
            let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
            report.add(number, lived);
            if (number + 1).is_multiple_of(TOLD_EVERY) {
                say(&format!("{} of {}", number + 1, arguments.runs));
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(live)).collect();
        let ended = threads.into_iter().map(|thread| {
            let lost = |_| Failure::Outside("a life ended in a panic; see above".to_owned());
            thread.join().map_err(lost)?
        });
        ended.collect()
    })
}
