//! `chaos pipeline`: three real brokers, the real engine and several processes of the pipeline,
//! hit by a seeded plan of faults while records with known ids flow; then everything is read
//! back and checked.

mod checker;
mod configuration;
pub(super) mod feed;
mod inject;
mod observe;
mod plan;
mod plant;
mod report;
mod segments;
mod upgrade;
mod wait;
mod wire;
mod world;

use std::path::Path;
use std::time::Duration;

use tapeline_schemas::topics::Topic;

use checker::Observed;
use feed::{FedRecords, Feeder};
use plan::{Kind, Step};
use report::Report;
use segments::OffsetState;
use world::World;

use super::arguments::Arguments;
use super::failure::{Failure, Outcome};
use super::member::{PANICKED, count_in_logs};
use super::plan::{Fault, plan};
use super::{Report as Told, Suite, say};

pub(super) const SUITE: Suite = Suite {
    name: "pipeline",
    kinds: || Kind::ALL.iter().map(|kind| kind.name()).collect(),
    needs_program: true,
    run: pipeline,
};

/// Short, so that a process frozen for longer is a true zombie, cheaply.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);
/// librdkafka refuses a task's producer whose requests could outlive its transaction.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a group gives a dead member's partitions to another.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Of every topic.
const PARTITIONS: u32 = 4;

/// How a task says that another process fenced it.
const FENCED: &str = "another producer took over this task";
/// How a task says that it completed a torn transaction.
const MENDED: &str = "were written again";

fn pipeline(arguments: &Arguments, data: &Path, program: &Path) -> Outcome<Box<dyn Told>> {
    let mut report = Report::new(arguments.clone());
    say("starting three brokers and the store");
    let mut world = World::start(data, program, arguments.from.as_deref())?;
    world.start_members()?;
    let feeder = Feeder::start(&world.kafka, arguments.seed)?;
    begins(&mut world)?;
    say(&format!("records flow after {} s", report.run.seconds()));
    if arguments.from.is_some() {
        say("rolling from the former program to the present one");
        report.upgraded = upgrade::roll(&mut world, &mut report.run.stuck)?;
        say(&format!("upgraded after {} s", report.run.seconds()));
    }
    if report.run.stuck.is_empty() {
        hit_all(&mut world, &mut report)?;
    }
    say("mending everything, and waiting for the end of the work");
    if report.run.stuck.is_empty() && !wait::recovers(&mut world)? {
        report
            .run
            .stuck
            .push("stuck: no flow after the last fault".to_owned());
    }
    let fed = feeder.stop()?;
    if !wait::settles(&mut world, &fed)? {
        let text = "stuck: not everything arrived in time, and came to rest";
        report.run.stuck.push(text.to_owned());
    }
    say("checking");
    check(&world, fed, &mut report)?;
    report.run.memory_kb = world.peak_memory();
    report.run.exits = std::mem::take(&mut world.exits);
    world.end();
    let logged = |text| count_in_logs(&data.join("logs"), text);
    report.fenced = logged(FENCED)?;
    report.mended = logged(MENDED)?;
    report.panics = logged(PANICKED)?;
    report.run.end();
    Ok(Box::new(report))
}

fn begins(world: &mut World) -> Outcome<()> {
    if wait::flows(world)? {
        return Ok(());
    }
    let exits = world.exits.iter().rev().take(3);
    let exits: Vec<&str> = exits.map(String::as_str).collect();
    Err(Failure::Outside(format!(
        "nothing flowed before the first fault; {}",
        exits.join("; ")
    )))
}

/// Every fault of the plan, until one leaves the run stuck.
fn hit_all(world: &mut World, report: &mut Report) -> Outcome<()> {
    let asked = &report.run.arguments;
    let steps = plan(asked.seed, asked.faults, &Kind::of(&asked.kinds));
    for (number, step) in (1..).zip(&steps) {
        say(&format!(
            "{number}/{} at {} s: {}",
            steps.len(),
            report.run.seconds(),
            step.kind.name()
        ));
        match hit(world, *step)? {
            Ok(()) => *report.run.faults.entry(step.kind.name()).or_insert(0) += 1,
            Err(what) => {
                report
                    .run
                    .stuck
                    .push(format!("stuck: fault {number}: {what}"));
                break;
            }
        }
    }
    Ok(())
}

/// Reads everything back, judges it, and has it done again from the journal.
fn check(world: &World, fed: FedRecords, report: &mut Report) -> Outcome<()> {
    let observed = observe::observe(world, fed)?;
    report.findings = checker::check(&observed);
    report.fed = acknowledged(&observed.fed);
    report.unfed = unfed(&observed.fed);
    report.aborted = aborted(&observed);
    for processor in ["market", "risk"] {
        let (differences, said) = world.replay(processor)?;
        report.replay_differences += differences;
        if differences > 0 {
            say(&format!("the replay of {processor} differs: {said}"));
        }
    }
    if report.run.arguments.plant && report.is_clean() {
        say("planting faults into what was read");
        report.planted = plant::plant(&observed);
    }
    Ok(())
}

/// Does a fault and waits as the plan says; the inner error is why the run is stuck.
fn hit(world: &mut World, step: Step) -> Outcome<Result<(), String>> {
    if !inject::inject(world, step)? {
        return Ok(Err(format!("{} was not possible", step.kind.name())));
    }
    if let Some(gap) = step.next_after {
        world.until(gap, |_| false)?;
    } else if !wait::recovers(world)? {
        return Ok(Err(format!("no flow after {}", step.kind.name())));
    }
    Ok(Ok(()))
}

fn acknowledged(fed: &FedRecords) -> u64 {
    let all = fed.values().flatten();
    all.filter(|fed| fed.acknowledged).count() as u64
}

fn unfed(fed: &FedRecords) -> u64 {
    let is_unfed = |topic: &&Topic| {
        let mut of_it = fed.get(topic).into_iter().flatten();
        !of_it.any(|fed| fed.acknowledged)
    };
    feed::TOPICS.iter().filter(is_unfed).count() as u64
}

fn aborted(observed: &Observed) -> u64 {
    let states = observed
        .states
        .values()
        .flat_map(|states| states.of.values());
    states
        .filter(|state| **state == OffsetState::Aborted)
        .count() as u64
}
