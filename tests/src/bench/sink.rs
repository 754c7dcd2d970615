//! Rows a second from a topic into the store, against the same rows inserted raw: as few requests
//! as the store's front takes, into a table made like the sink's, in the same engine.
//!
//! The topic is full when the sink starts, and it is measured from the first record it takes until
//! the last row is there. Broker, sink and store share this machine's processors.

use std::time::Duration;

use super::cpu::Sample;
use super::quotes::{self, Walk};
use super::report::{Better, Budget, Line, Report};
use super::stage::{Space, Store};
use super::statistics::median;
use super::{Bench, Outcome, disk, say};

const PARTITIONS: u32 = 4;
const ROLES: &[&str] = &["sinks"];
const WITHIN: Duration = Duration::from_mins(10);
const QUOTES: &[(&str, &str)] = &[("table", "quotes")];
/// All that the sink sends; the time of the insert is the store's.
const COLUMNS: &str = "symbol, venue, seq, bid_price, ask_price, bid_size, ask_size, event_time, \
    ingest_time, source, _partition, _offset";
/// Stays below what the store's front takes at a time.
const ROWS_A_REQUEST: u64 = 1_000_000;
const BUDGET: Budget = Budget::Ratio {
    must: 0.30,
    aim: 0.45,
};

/// Of one way into the store.
#[derive(Default)]
struct Throughput {
    per_second: Vec<f64>,
    /// Of broker, sink and store, as far as they take part.
    rows_a_cpu_second: [Vec<f64>; 3],
    rows_a_cpu_second_of_all: Vec<f64>,
}

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let store = bench.start_store()?;
    let count = bench.options.quotes;
    let [mut ours, mut raw, mut bare] = [(); 3].map(|()| Throughput::default());
    let rounds = bench.options.rounds;
    for round in 1..=rounds {
        let database = format!("sink{round}");
        let configuration = store.configuration(&database);
        let space = bench.stage.space(&database, PARTITIONS, &configuration);
        space.tapeline(&["store", "apply"]);
        say(&format!("round {round}: writing {count} quotes"));
        let mut walk = Walk::new(quotes::SYMBOLS).from(quotes::now());
        quotes::fill(&space.kafka, &mut walk, count);

        let pids = [bench.stage.broker_pid(), None, store.pid()];
        let samples = through_kafka(&space, &store, pids, &database, count);
        ours.add("through Kafka", samples, count);
        disk::wait_merged(&store.url(), &database);

        let url = store.url();
        let bodies = exported(&store, &database, count);
        let ask = |sql: &str| store.query(&database, sql);
        ask("CREATE TABLE raw AS quotes");
        ask("CREATE TABLE bare AS quotes");
        for sums in ask(
            "SELECT name FROM system.projections WHERE database = currentDatabase() AND table = 'bare'",
        )
        .lines()
        {
            ask(&format!("ALTER TABLE bare DROP PROJECTION {sums}"));
        }
        for (table, way) in [("raw", &mut raw), ("bare", &mut bare)] {
            let samples = inserted(&store, &database, table, &bodies, count);
            way.add(table, samples, count);
            disk::wait_merged(&url, &database);
        }
        if round == rounds {
            ask("DROP TABLE raw");
            ask("DROP TABLE bare");
            store.query_bytes(&database, b"OPTIMIZE TABLE quotes FINAL");
            disk::report_columns("sink", "quotes", &url, &database, report)?;
            disk::report_tables("sink", &url, &database, report)?;
        } else {
            ask(&format!("DROP DATABASE {database}"));
        }
    }
    add_lines(&ours, &raw, &bare, report);
    Ok(())
}

fn add_lines(ours: &Throughput, raw: &Throughput, bare: &Throughput, report: &mut Report) {
    let mut line =
        |name, unit, ours: &[f64], peer: Option<&[f64]>, limit: Option<&[f64]>, budget| {
            report.add(&Line {
                name,
                unit,
                better: Better::More,
                ours: median(ours),
                peer: peer.map(median),
                limit: limit.map(median),
                budget,
            });
        };
    let peer = Some(raw.per_second.as_slice());
    line("sink", "rows/s", &ours.per_second, peer, None, BUDGET);
    // What the sums that are kept with the rows cost when rows come.
    let without = Some(bare.per_second.as_slice());
    let unit = "rows/s";
    line(
        "sink_raw",
        unit,
        &raw.per_second,
        None,
        without,
        Budget::None,
    );
    let unit = "rows/CPU s";
    let all = Some(raw.rows_a_cpu_second_of_all.as_slice());
    let of_all = &ours.rows_a_cpu_second_of_all;
    line("sink_cpu", unit, of_all, all, None, Budget::None);
    let [broker, sink, store] = &ours.rows_a_cpu_second;
    line("sink_cpu_broker", unit, broker, None, None, Budget::None);
    line("sink_cpu_sink", unit, sink, None, None, Budget::None);
    let raw_store = Some(raw.rows_a_cpu_second[2].as_slice());
    line("sink_cpu_store", unit, store, raw_store, None, Budget::None);
}

/// The processes that take part, at the beginning and at the end.
type Samples = [Option<(Sample, Sample)>; 3];

impl Throughput {
    fn add(&mut self, who: &str, samples: Samples, count: u64) {
        let rows = count as f64;
        let seconds = samples.iter().flatten().map(|(a, b)| a.seconds_until(*b));
        let seconds = seconds.fold(f64::NAN, f64::max);
        let mut of_all = 0.0;
        let mut said = format!("{who}: {:.0} rows/s; CPU s", rows / seconds);
        for (index, name) in ["broker", "sink", "store"].iter().enumerate() {
            let Some((begin, end)) = samples[index] else {
                continue;
            };
            let cpu = begin.cpu_until(end);
            of_all += cpu;
            said = format!("{said} {name} {cpu:.2}");
            self.rows_a_cpu_second[index].push(rows / cpu);
        }
        say(&said);
        self.per_second.push(rows / seconds);
        self.rows_a_cpu_second_of_all.push(rows / of_all);
    }
}

fn through_kafka(
    space: &Space,
    store: &Store,
    mut pids: [Option<u32>; 3],
    database: &str,
    count: u64,
) -> Samples {
    let mut sink = space.start(ROLES);
    pids[1] = Some(sink.pid());
    let now = || pids.map(|pid| pid.and_then(Sample::of));
    let mut begin = now();
    let end = sink.until("all rows are in the store", WITHIN, |metrics| {
        let before = now();
        let buffered = metrics.value("tapeline_sink_buffered_bytes", &[]);
        let rows = metrics.value("tapeline_sink_rows_total", QUOTES);
        if rows.is_none_or(|rows| rows < 1.0) && buffered.is_none_or(|bytes| bytes < 1.0) {
            begin = before;
        }
        (rows? >= count as f64).then(now)
    });
    sink.stop();
    let held = store.query(database, "SELECT count() FROM quotes");
    assert_eq!(held, count.to_string(), "each quote is there once");
    std::array::from_fn(|index| begin[index].zip(end[index]))
}

/// The rows as they came, each body a request.
fn exported(store: &Store, database: &str, count: u64) -> Vec<Vec<u8>> {
    let pieces = (0..count).step_by(ROWS_A_REQUEST as usize);
    pieces
        .map(|from| {
            let rows = format!(
                "SELECT {COLUMNS} FROM quotes ORDER BY seq LIMIT {ROWS_A_REQUEST} OFFSET {from} \
                 FORMAT RowBinary"
            );
            store.query_bytes(database, rows.as_bytes())
        })
        .collect()
}

fn inserted(store: &Store, database: &str, table: &str, bodies: &[Vec<u8>], count: u64) -> Samples {
    let head = format!("INSERT INTO {table} ({COLUMNS}) FORMAT RowBinary\n");
    let requests: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| [head.as_bytes(), body.as_slice()].concat())
        .collect();
    let now = || store.pid().and_then(Sample::of);
    let begin = now();
    for request in &requests {
        store.query_bytes(database, request);
    }
    let end = now();
    let held = store.query(database, &format!("SELECT count() FROM {table}"));
    assert_eq!(held, count.to_string(), "the same rows are in {table}");
    [None, None, begin.zip(end)]
}
