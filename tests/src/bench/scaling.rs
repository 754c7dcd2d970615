//! How the pipeline's speed follows the number of tasks and the size of records,
//! each beside what reading the same topic allows.
//!
//! Tasks share this machine's processors with the broker: with two of them, more
//! tasks cannot be quicker for long, but they must not be dearer.

use super::cpu::Rate;
use super::quotes::{self, SYMBOLS, Walk};
use super::report::{Better, Budget, Line, Report};
use super::work::{self, Rates};
use super::{Bench, Outcome, say};

/// Of the quotes of `throughput`: there is one topic for each of the cases.
const SHARE: u64 = 3;
const PARTITIONS: u32 = 4;

struct Case {
    per_cpu_second: &'static str,
    per_second: &'static str,
    /// A task each.
    partitions: u32,
    /// None for quotes as they are.
    bytes: Option<usize>,
}

/// Both names of a case.
macro_rules! case {
    ($name:literal, $partitions:expr, $bytes:expr) => {
        Case {
            per_cpu_second: $name,
            per_second: concat!($name, "_wall"),
            partitions: $partitions,
            bytes: $bytes,
        }
    };
}

const CASES: &[Case] = &[
    case!("scaling_tasks_1", 1, None),
    case!("scaling_tasks_2", 2, None),
    case!("scaling_tasks_4", 4, None),
    case!("scaling_bytes_60", PARTITIONS, Some(60)),
    case!("scaling_bytes_200", PARTITIONS, Some(200)),
    case!("scaling_bytes_1000", PARTITIONS, Some(1000)),
];

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let count = (bench.options.quotes / SHARE).max(1);
    let configuration = work::configuration(&bench.options.commit_interval);
    for case in CASES {
        let name = case.per_cpu_second;
        let space = bench.stage.space(name, case.partitions, &configuration);
        say(&format!("{name}: writing {count} quotes"));
        let walk = Walk::new(SYMBOLS);
        let mut walk = match case.bytes {
            Some(bytes) => walk.padded(bytes),
            None => walk,
        };
        quotes::fill(&space.kafka, &mut walk, count);
        let [mut ours, mut limit] = [(); 2].map(|()| Rates::default());
        ours.add("ours", work::processors(&space, count)?);
        limit.add("librdkafka", work::read_only(&space, count));
        let line = |name, unit, of: fn(&Rate) -> f64| Line {
            name,
            unit,
            better: Better::More,
            ours: ours.median(of).unwrap_or(f64::NAN),
            peer: None,
            limit: limit.median(of),
            budget: Budget::None,
        };
        report.add(&line(case.per_cpu_second, "records/CPU s", |rate| {
            rate.per_cpu_second
        }));
        report.add(&line(case.per_second, "records/s", |rate| rate.per_second));
    }
    Ok(())
}
