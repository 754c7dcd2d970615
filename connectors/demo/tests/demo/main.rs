//! The simulation as the pipeline sees it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broker;
mod determinism;
mod drawdown;
mod ledger;
mod market;

use tapeline_demo::{DemoSettings, STEPS_PER_SECOND, Simulation};
use tapeline_model::{Event, Micros};
use tapeline_venue::Outgoing;

/// 2026-11-21T09:00:00Z
const START: Micros = Micros(1_795_251_600_000_000);

fn settings(seed: u64) -> DemoSettings {
    DemoSettings {
        seed,
        ..DemoSettings::default()
    }
}

fn simulation(seed: u64) -> Simulation {
    Simulation::new(&settings(seed)).unwrap()
}

/// The time of a step, had it run against an exact clock.
fn time_of(step: u64) -> Micros {
    START.plus_millis((step * 1000 / STEPS_PER_SECOND) as i64)
}

/// What is emitted within so many seconds.
fn run(seed: u64, seconds: u64) -> Vec<Outgoing> {
    let mut simulation = simulation(seed);
    let mut out = Vec::new();
    for step in 0..seconds * STEPS_PER_SECOND {
        simulation.step(time_of(step), &mut out);
    }
    out
}

fn seconds_since_start(event: &Event<'_>) -> i64 {
    event.event_time().since(START) / 1_000_000
}
