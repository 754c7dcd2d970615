//! `chaos store`: a broker, the real engine and one or two sinks, with a proxy between them. A
//! seeded plan of faults hits them while records flow; then the tables are compared with the
//! topics and with tables that a fresh sink filled undisturbed.

mod check;
mod configuration;
mod disk;
mod feed;
mod inject;
mod plan;
mod plant;
mod report;
mod views;
mod wait;
mod world;

use std::path::Path;

use feed::{FedTotals, Feeder};
use plan::{Kind, Step};
use report::Report;
use world::World;

use super::arguments::Arguments;
use super::failure::{Failure, Outcome};
use super::member::{PANICKED, count_in_logs};
use super::plan::{Fault, plan};
use super::{Report as Told, Suite, say};

pub(super) const SUITE: Suite = Suite {
    name: "store",
    kinds: || Kind::ALL.iter().map(|kind| kind.name()).collect(),
    needs_program: true,
    run,
};

fn run(arguments: &Arguments, data: &Path, program: &Path) -> Outcome<Box<dyn Told>> {
    let mut report = Report::new(arguments.clone());
    say("starting a broker and the store");
    let mut world = World::start(data, program)?;
    let outcome = harm_and_check(&mut world, &mut report);
    report.run.memory_kb = world.peak_memory();
    report.run.exits = std::mem::take(&mut world.exits);
    report.accepted = world.proxy.inserts().accepted();
    report.refused = world.proxy.inserts().refused();
    world.end(outcome.is_ok() && report.is_clean());
    outcome?;
    report.panics = count_in_logs(&data.join("logs"), PANICKED)?;
    report.run.end();
    Ok(Box::new(report))
}

fn harm_and_check(world: &mut World, report: &mut Report) -> Outcome<()> {
    let seed = report.run.arguments.seed;
    world.sink.start()?;
    world.processors.start()?;
    let feeder = Feeder::start(&world.kafka, seed)?;
    if !wait::flows(world)? {
        let exits = world.exits.join("; ");
        return Err(Failure::Outside(format!(
            "nothing flowed before the first fault; {exits}"
        )));
    }
    say(&format!("records flow after {} s", report.run.seconds()));
    hit_all(world, report)?;
    say("mending everything, and waiting for the end of the work");
    if report.run.stuck.is_empty() && !wait::recovers(world)? {
        let text = "stuck: no flow after the last fault";
        report.run.stuck.push(text.to_owned());
    }
    let fed = feeder.stop()?;
    report.fed = fed.records;
    report.poison = fed.poison.len() as u64;
    if !report.run.stuck.is_empty() {
        return Ok(());
    }
    say(&format!("checking after {} s", report.run.seconds()));
    check(world, report, &fed)?;
    if report.run.arguments.plant && report.is_clean() {
        say(&format!("planting faults after {} s", report.run.seconds()));
        report.planted = plant::plant(world, seed)?;
    }
    Ok(())
}

/// Every fault of the plan, until one leaves the run stuck.
fn hit_all(world: &mut World, report: &mut Report) -> Outcome<()> {
    let asked = &report.run.arguments;
    let mut kinds = Kind::of(&asked.kinds);
    if world.disk.is_none() && kinds.contains(&Kind::FullDisk) {
        say("no file system can be mounted here: full_disk is left out");
        kinds.retain(|kind| *kind != Kind::FullDisk);
        report.left_out.push(Kind::FullDisk.name());
    }
    let steps = plan(asked.seed, asked.faults, &kinds);
    for (number, step) in (1..).zip(&steps) {
        say(&format!(
            "{number}/{} at {} s: {}",
            steps.len(),
            report.run.seconds(),
            step.kind.name()
        ));
        if let Err(what) = hit(world, *step, report)? {
            let text = format!("stuck: fault {number}: {what}");
            report.run.stuck.push(text);
            break;
        }
        *report.run.faults.entry(step.kind.name()).or_insert(0) += 1;
    }
    Ok(())
}

/// Does a fault and waits as the plan says; the inner error is why the run is stuck.
fn hit(world: &mut World, step: Step, report: &mut Report) -> Outcome<Result<(), String>> {
    let name = step.kind.name();
    if !inject::inject(world, step, &mut report.hits)? {
        return Ok(Err(format!("{name} was not possible")));
    }
    if let Some(gap) = step.next_after {
        world.until(gap, |_| false)?;
    } else if !wait::recovers(world)? {
        return Ok(Err(format!("no flow after {name}")));
    }
    Ok(Ok(()))
}

fn check(world: &mut World, report: &mut Report, fed: &FedTotals) -> Outcome<()> {
    if !wait::topics_rest(world)? {
        let text = "stuck: the topics go on growing though nothing is fed";
        report.run.stuck.push(text.to_owned());
        return Ok(());
    }
    world.processors.kill();
    if let Err(said) = check::audit(world, "tapeline.toml")? {
        let text = format!("stuck: the sink did not catch up: {said}");
        report.run.stuck.push(text);
        return Ok(());
    }
    check::letters(world, fed, &mut report.findings)?;
    say("filling tables undisturbed, to compare with");
    super::deploy::deploy(&world.binary, &world.data.join("reference.toml"))?;
    world.fresh.start()?;
    if let Err(said) = check::compare(world, &mut report.findings)? {
        report.run.stuck.push(format!("stuck: {said}"));
    }
    Ok(())
}
