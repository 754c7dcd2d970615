//! How long the questions and the views take, over a made-up history (`history.sql`) in the
//! tables as the migrations make them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tapeline_clickhouse::{Format, QUERIES, Store, StoreSettings, views};
use tapeline_tests::{query, query_bytes};
use tokio::runtime::Runtime;

use super::quotes::now;
use super::report::{Better, Budget, Line, Report};
use super::statistics::{median, percentile};
use super::{Bench, disk, say};

const HISTORY: &str = include_str!("history.sql");
const DATABASE: &str = "views";
const WARM_UPS: usize = 2;
const REQUEST_WITHIN: Duration = Duration::from_mins(2);
const BUDGET: Budget = Budget::Ours {
    must: 100.0,
    aim: Some(50.0),
};

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) {
    let embedded = match bench.stage.start_store() {
        Ok(store) => store,
        Err(error) => {
            say(&format!("views is left out: without a store, {error}"));
            return;
        }
    };
    let url = embedded.url();
    let store = Store::connect(&StoreSettings {
        url: url.clone(),
        database: DATABASE.to_owned(),
        request_timeout: REQUEST_WITHIN,
        ..StoreSettings::default()
    })
    .unwrap();
    let runtime = Runtime::new().unwrap();
    runtime
        .block_on(tapeline_clickhouse::apply(&store))
        .unwrap();
    make_history(&url, bench.options.history, bench.options.fills);
    disk::wait_merged(&url, DATABASE);

    let asks = bench.options.asks;
    for question in QUERIES {
        let all = BTreeMap::new();
        let times = timed(asks, || {
            let answer = store.ask(question, &all, Format::Json, |_| {});
            runtime.block_on(answer).unwrap();
        });
        add(report, question.name, &times);
    }
    for view in views() {
        let times = timed(asks, || {
            query(&url, DATABASE, &view.example());
        });
        add(report, view.name, &times);
    }
    disk::report_columns("views", "quotes", &url, DATABASE, report);
    disk::report_tables("views", &url, DATABASE, report);
}

fn make_history(url: &str, quotes: u64, fills: u64) {
    say(&format!("making {quotes} quotes and {fills} fills"));
    let end = format!("fromUnixTimestamp64Micro(toInt64({}), 'UTC')", now().0);
    let text = HISTORY
        .replace("{quotes}", &quotes.to_string())
        .replace("{fills}", &fills.to_string())
        .replace("{end}", &end);
    for statement in text.split(";\n").filter(|text| text.contains("INSERT")) {
        let started = Instant::now();
        query_bytes(url, DATABASE, statement.as_bytes());
        let table = statement.split("INSERT INTO ").nth(1).unwrap_or_default();
        let table = table.split(' ').next().unwrap_or_default();
        say(&format!(
            "{table}: {:.1} s",
            started.elapsed().as_secs_f64()
        ));
    }
}

/// In milliseconds.
fn timed(times: usize, mut ask: impl FnMut()) -> Vec<f64> {
    for _ in 0..WARM_UPS {
        ask();
    }
    (0..times)
        .map(|_| {
            let started = Instant::now();
            ask();
            started.elapsed().as_secs_f64() * 1000.0
        })
        .collect()
}

fn add(report: &mut Report, name: &str, times: &[f64]) {
    say(&format!("{name}: half within {:.1} ms", median(times)));
    report.add(&Line {
        name: &format!("views_{name}"),
        unit: "ms",
        better: Better::Less,
        ours: percentile(times, 95.0),
        peer: None,
        limit: None,
        budget: BUDGET,
    });
}
