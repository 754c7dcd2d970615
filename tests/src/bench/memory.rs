//! What all roles together hold in memory, once 10,000 symbols and 1,000
//! portfolios have state and as many quotes as in `throughput` went through
//! everything, into the tables as well. The broker and the store are processes of their own
//! and not counted.
//!
//! The peer keeps a state for each symbol and no more. It gets a heap that it
//! works well with: left alone, Java would take a quarter of the machine.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use tapeline_model::Event;
use tapeline_model::records::Side;

use super::broker::{Trade, UNIT, deposit, fill};
use super::peer::EXACTLY_ONCE;
use super::quotes::{self, EventPublisher, Walk};
use super::report::{Better, Budget, Line, Report};
use super::stage::{Metrics, Space};
use super::{Bench, Outcome, say};

const SYMBOLS: usize = 10_000;
const PORTFOLIOS: usize = 1000;
const PARTITIONS: u32 = 4;
const ROLES: &[&str] = &["connectors", "processors", "sinks"];
const WITHIN: Duration = Duration::from_mins(10);
/// The demo goes on meanwhile: nobody is ever at the very end.
const CAUGHT_UP: f64 = 1000.0;
const BUDGET: Budget = Budget::Ours {
    must: 300.0,
    aim: Some(120.0),
};

/// Of a process, in MB.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Resident {
    now: f64,
    peak: f64,
}

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let store = bench.start_store()?;
    let configuration =
        store.configuration("memory") + &configuration(&bench.options.commit_interval);
    let space = bench.stage.space("memory", PARTITIONS, &configuration);
    space.tapeline(&["store", "apply"]);
    let count = bench.options.quotes.max(SYMBOLS as u64);
    let ours = all_roles(&space, count);
    drop(store);
    let peer = bench.peer.map(|streams| {
        let mut job = streams.small().count(&space, EXACTLY_ONCE, count);
        job.wait_for("done");
        let resident = Resident::of(job.pid()).unwrap();
        told("Kafka Streams", resident)
    });
    let line = |name, of: fn(Resident) -> f64| Line {
        name,
        unit: "MB",
        better: Better::Less,
        ours: of(ours),
        peer: peer.map(of),
        limit: None,
        budget: BUDGET,
    };
    report.add(&line("memory", |resident| resident.now));
    report.add(&line("memory_peak", |resident| resident.peak));
    Ok(())
}

fn configuration(commit_interval: &str) -> String {
    let mut text = format!(
        "[processors]\ncommit_interval = '{commit_interval}'\n\
         [demo]\nenabled = true\n[demo.settings]\nsymbols = 20\nquotes_per_second = 100\n"
    );
    for number in 0..PORTFOLIOS {
        writeln!(text, "[[accounts]]\nid = '{}'", portfolio(number)).unwrap();
    }
    text
}

fn portfolio(number: usize) -> String {
    format!("portfolio{number:04}")
}

/// Every symbol once, each portfolio with money and a position, then the market.
fn write_input(space: &Space, count: u64) {
    let mut walk = Walk::new(SYMBOLS);
    let mut feed = EventPublisher::new(&space.kafka);
    for symbol in walk.symbols() {
        let price = 100 * UNIT;
        feed.publish(&Event::Quote(quotes::quote(symbol, price, price, 0)));
    }
    for (number, symbol) in walk.symbols().iter().take(PORTFOLIOS).enumerate() {
        let account = portfolio(number);
        feed.publish(&deposit(&account));
        feed.publish(&fill(&Trade {
            account: &account,
            symbol,
            id: &account,
            side: Side::Buy,
            price: 100 * UNIT,
            quantity: 100,
            fee: 0,
        }));
    }
    feed.flush();
    quotes::fill(&space.kafka, &mut walk, count - SYMBOLS as u64);
}

/// The demo wants topics without a past of others: everything is written while all run.
fn all_roles(space: &Space, count: u64) -> Resident {
    let mut program = space.start(ROLES);
    let pid = program.pid();
    program.wait_ready();
    say(&format!("writing {count} quotes of {SYMBOLS} symbols"));
    write_input(space, count);
    program.until("everything is in the tables", WITHIN, |metrics| {
        is_through(metrics, count as f64).then_some(())
    });
    let resident = told("ours", Resident::of(pid).unwrap());
    program.stop();
    resident
}

fn is_through(metrics: &mut Metrics<'_>, count: f64) -> bool {
    let mut at_least = |name, label, wanted| {
        let value = metrics.value(name, &[label]);
        value.is_some_and(|value| value >= wanted)
    };
    let entries = "tapeline_state_entries";
    // A portfolio and what it holds.
    at_least(entries, ("processor", "risk"), 2.0 * PORTFOLIOS as f64)
        && at_least(entries, ("processor", "market"), SYMBOLS as f64)
        && at_least("tapeline_sink_rows_total", ("table", "quotes"), count)
        && lag(metrics).is_some_and(|records| records <= CAUGHT_UP)
}

/// Records that anybody has still to read; told every few seconds.
fn lag(metrics: &mut Metrics<'_>) -> Option<f64> {
    metrics.value("tapeline_kafka_consumer_lag_records", &[])
}

fn told(who: &str, resident: Resident) -> Resident {
    let Resident { now, peak } = resident;
    say(&format!(
        "{who}: {now:.0} MB resident, {peak:.0} MB at most"
    ));
    resident
}

impl Resident {
    /// None once the process is gone.
    fn of(pid: u32) -> Option<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }

    fn read(status: &str) -> Option<Self> {
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kibibytes * 1024.0 / 1_000_000.0)
        };
        Some(Self {
            now: megabytes("VmRSS:")?,
            peak: megabytes("VmHWM:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_holds_is_read_in_megabytes() {
        let status =
            "Name:\tjava\nVmPeak:\t 9000000 kB\nVmHWM:\t  250000 kB\nVmRSS:\t  125000 kB\n";
        let resident = Resident {
            now: 128.0,
            peak: 256.0,
        };
        assert_eq!(Resident::read(status), Some(resident));
        assert_eq!(Resident::read("VmRSS:\t 1 kB\n"), None);
        assert_eq!(Resident::of(u32::MAX), None);
        assert!(Resident::of(std::process::id()).is_some());
    }
}
