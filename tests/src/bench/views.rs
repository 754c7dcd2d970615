//! How long the questions and the views take, over a made-up history (`history.sql`) in the
//! tables as the migrations make them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tapeline_clickhouse::{Format, Password, QUERIES, Store, StoreSettings, views};
use tokio::runtime::Runtime;

use super::quotes::now;
use super::report::{Better, Budget, Line, Report};
use super::statistics::{median, percentile};
use super::{Bench, Outcome, disk, say, stage};

const HISTORY: &str = include_str!("history.sql");
const DATABASE: &str = "views";
const WARM_UPS: usize = 2;
const REQUEST_WITHIN: Duration = Duration::from_mins(2);
const BUDGET: Budget = Budget::Ours {
    must: 100.0,
    aim: Some(50.0),
};

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let embedded = bench.start_store()?;
    let url = embedded.url();
    let store = Store::connect(&StoreSettings {
        url: url.clone(),
        database: DATABASE.to_owned(),
        password: Password::new(embedded.password()),
        request_timeout: REQUEST_WITHIN,
        ..StoreSettings::default()
    })
    .unwrap();
    let runtime = Runtime::new().unwrap();
    runtime
        .block_on(tapeline_clickhouse::apply(&store))
        .unwrap();
    make_history(&embedded, bench.options.history, bench.options.fills);
    disk::wait_merged(&url, DATABASE);

    let asks = bench.options.asks;
    let mut empty = Vec::new();
    for question in QUERIES {
        let all = BTreeMap::new();
        let mut rows = false;
        let times = timed(asks, || {
            // An empty array has no brace.
            let look = |piece: &[u8]| rows |= piece.contains(&b'{');
            let answer = store.ask(question, &all, Format::Json, look);
            runtime.block_on(answer).unwrap();
        });
        empty.extend((!rows).then_some(question.name));
        add(report, question.name, &times);
    }
    for view in views() {
        let mut rows = false;
        let times = timed(asks, || {
            rows |= !embedded.query(DATABASE, &view.example()).is_empty();
        });
        empty.extend((!rows).then_some(view.name));
        add(report, view.name, &times);
    }
    disk::report_columns("views", "quotes", &url, DATABASE, report)?;
    disk::report_tables("views", &url, DATABASE, report)?;
    all_answered(&empty)?;
    Ok(())
}

/// An answer without rows is a quick one, and says nothing about how long one with rows takes.
fn all_answered(empty: &[&str]) -> Result<(), String> {
    if empty.is_empty() {
        return Ok(());
    }
    Err(format!("no row was found by {}", empty.join(", ")))
}

fn make_history(store: &stage::Store, quotes: u64, fills: u64) {
    say(&format!("making {quotes} quotes and {fills} fills"));
    let end = format!("fromUnixTimestamp64Micro(toInt64({}), 'UTC')", now().0);
    let text = HISTORY
        .replace("{quotes}", &quotes.to_string())
        .replace("{fills}", &fills.to_string())
        .replace("{end}", &end);
    for statement in text.split(";\n").filter(|text| text.contains("INSERT")) {
        let started = Instant::now();
        store.query_bytes(DATABASE, statement.as_bytes());
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
