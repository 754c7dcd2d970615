//! The runtime's decisions against a simulated log: crashes at every step,
//! repeated records, any interleaving of partitions, zombies and fencing, for
//! thousands of seeds. A seed that fails is printed; `TAPELINE_SEED=n` runs it alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checker;
mod inputs;
mod log;
mod worker;

use checker::check;
use inputs::{Random, inputs};
use log::Log;
use worker::{Habit, Worker};

const SEEDS: u64 = 3_000;
const MOST_STEPS: usize = 4_000;

/// One run: what went wrong, if anything did.
fn run(seed: u64, habit: Habit) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut log = Log::new(inputs(&mut random));
    let mut workers = vec![Worker::take(&mut log, habit, &mut random)];
    for _ in 0..MOST_STEPS {
        if log.is_done() {
            break;
        }
        step(&mut log, &mut workers, habit, &mut random);
    }
    // Whatever is left is read by one last owner, in peace.
    let mut last = Worker::take(&mut log, habit, &mut random);
    last.finish(&mut log, &mut random);
    check(&log)
}

fn step(log: &mut Log, workers: &mut Vec<Worker>, habit: Habit, random: &mut Random) {
    let which = random.below(workers.len() as u64) as usize;
    match random.below(100) {
        // The process dies, now or in the middle of its commit.
        0..3 => {
            workers.remove(which);
        }
        3..6 => {
            let worker = workers.remove(which);
            worker.commit_and_die(log, random);
        }
        // Another process takes the task while this one does not know it yet.
        6..9 => workers.push(Worker::take(log, habit, random)),
        9..25 => {
            if !workers[which].commit(log) {
                workers.remove(which);
            }
        }
        _ => workers[which].read(log, random),
    }
    if workers.is_empty() {
        workers.push(Worker::take(log, habit, random));
    }
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("TAPELINE_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    }
}

#[test]
fn every_seed_counts_every_record_once() {
    for seed in seeds() {
        if let Err(what) = run(seed, Habit::Right) {
            panic!("seed {seed}: {what}\nTAPELINE_SEED={seed} runs it alone");
        }
    }
}

/// The checker itself: each way to be wrong is found within a few hundred seeds.
#[test]
fn wrong_runtimes_are_caught() {
    for habit in [
        Habit::FencesAfterReading,
        Habit::CommitsProgressApart,
        Habit::NeverFences,
    ] {
        let caught = (0..500).find_map(|seed| run(seed, habit).err());
        assert!(caught.is_some(), "{habit:?} was not caught");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let once = |seed| {
        let mut random = Random::new(seed);
        let mut log = Log::new(inputs(&mut random));
        let mut workers = vec![Worker::take(&mut log, Habit::Right, &mut random)];
        for _ in 0..300 {
            step(&mut log, &mut workers, Habit::Right, &mut random);
        }
        log.fingerprint()
    };
    assert_eq!(once(7), once(7));
    assert_ne!(once(7), once(8));
}
