//! Quotes a second and a CPU second. Both programs find the topic full and work
//! through it from its beginning; each is measured from the first record it takes.
//!
//! The pipeline runs the full `market` processor: every field decoded and
//! checked, state in a changelog, a mark a symbol and commit, progress, all in
//! transactions. The peer does less (see its source).

use super::cpu::Rate;
use super::peer::{AT_LEAST_ONCE, EXACTLY_ONCE};
use super::report::{Better, Budget, Line, Report};
use super::work::{self, Rates};
use super::{Bench, Outcome, quotes, say};

const PARTITIONS: u32 = 4;

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let options = bench.options;
    let [mut ours, mut exactly, mut at_least, mut limit] = [(); 4].map(|()| Rates::default());
    let configuration = work::configuration(&options.commit_interval);
    for round in 1..=options.rounds {
        let name = format!("throughput{round}");
        let space = bench.stage.space(&name, PARTITIONS, &configuration);
        let count = options.quotes;
        say(&format!("round {round}: writing {count} quotes"));
        quotes::fill(&space.kafka, &mut quotes::Walk::new(quotes::SYMBOLS), count);
        ours.add("ours", work::processors(&space, count)?);
        if let Some(streams) = bench.peer {
            let rate = work::kafka_streams(streams, &space, EXACTLY_ONCE, count);
            exactly.add("Kafka Streams, exactly once", rate);
            let rate = work::kafka_streams(streams, &space, AT_LEAST_ONCE, count);
            at_least.add("Kafka Streams, at least once", rate);
        }
        limit.add("librdkafka", work::read_only(&space, count));
    }
    let cpu = |rate: &Rate| rate.per_cpu_second;
    let wall = |rate: &Rate| rate.per_second;
    let line = |name, unit, peer: &Rates, budget, of: fn(&Rate) -> f64| Line {
        name,
        unit,
        better: Better::More,
        ours: ours.median(of).unwrap_or(f64::NAN),
        peer: peer.median(of),
        limit: limit.median(of),
        budget,
    };
    let budget = Budget::Ratio {
        must: 4.0,
        aim: 6.0,
    };
    // What we promise less is cheaper for the peer: shown, and no budget of ours.
    let (per_cpu, per_second) = ("records/CPU s", "records/s");
    let lines = [
        line("throughput", per_cpu, &exactly, budget, cpu),
        line("throughput_wall", per_second, &exactly, Budget::None, wall),
        line("throughput_alo", per_cpu, &at_least, Budget::None, cpu),
        line(
            "throughput_alo_wall",
            per_second,
            &at_least,
            Budget::None,
            wall,
        ),
    ];
    for line in &lines {
        report.add(line);
    }
    Ok(())
}
