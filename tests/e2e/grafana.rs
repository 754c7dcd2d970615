//! The dashboards: every panel asks the store something it can answer.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tapeline_tests::Namespace;

/// A few rows of everything, now.
const ROWS: &[&str] = &[
    "INSERT INTO quotes (symbol, seq, bid_price, ask_price, event_time, ingest_time, source, _partition, _offset) \
     SELECT 'S', number, 9 + number % 3, 11, now64(6, 'UTC') - toIntervalMinute(multiIf(number < 5, 9, number < 8, 5, 0)), \
     now64(6, 'UTC'), 'test', 0, number FROM numbers(10)",
    "INSERT INTO marks (symbol, price, bid_price, ask_price, event_time, ingest_time, _partition, _offset) \
     SELECT 'S', 10, 9, 11, now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
    "INSERT INTO fills (kind, exec_id, portfolio, account, symbol, side, price, quantity, event_time, ingest_time, _partition, _offset) \
     SELECT 'FILL', 'e', 'one', 'a1', 'S', 'BUY', 10, 1, now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
    "INSERT INTO positions (portfolio, account, symbol, quantity, average_price, realised, fees, unrealised, mark_price, market_value, \
     currency, strategy, realised_change, fees_change, income_change, fill_side, fill_price, fill_quantity, fill_market_price, \
     fill_market_time, trade_side, trade_quantity, trade_entry_price, trade_exit_price, trade_opened_at, trade_result, \
     event_time, ingest_time, _partition, _offset) \
     SELECT 'one', 'a1', 'S', -3, 10, 5, 1, 0, 10, -30, 'USD', 'trend', 5, 1, 0, 'SELL', 12, 5, 10, now64(6, 'UTC'), \
     'BUY', 2, 10, 12, now64(6, 'UTC') - toIntervalMinute(6), number - 2, now64(6, 'UTC'), now64(6, 'UTC'), 0, number FROM numbers(5)",
    "INSERT INTO equity (portfolio, cash_flow, realised, unrealised, equity, high_water, drawdown, currency, gross, net, leverage, limits, \
     event_time, ingest_time, _partition, _offset) \
     SELECT 'one', 1000, 5, 0, 1005, 1010, 5, 'USD', 30, -30, 0.03, [('day', 'daily_loss', '', 'PASS', 5, 100, 'USD')], \
     now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
    "INSERT INTO verdicts (portfolio, rule, reason, grade, guard, value, limit, distance, message, event_time, ingest_time, _partition, _offset) \
     SELECT 'one', 'daily_loss', 'DAILY_LOSS', if(number = 0, 'BREACH', 'REFUSE'), 'HALTED', 101, 100, -1, 'too much', \
     now64(6, 'UTC'), now64(6, 'UTC'), 0, number FROM numbers(2)",
    "INSERT INTO alerts (key, subject, rule, severity, message, event_time, ingest_time, _partition, _offset) \
     SELECT 'k', 'one', 'daily_loss', 'CRITICAL', 'too much', now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
    "INSERT INTO auth_events (event_id, portfolio, account, venue, kind, event_time, ingest_time, _partition, _offset) \
     SELECT 'l', 'one', 'a1', 'DEMO', 'LOGIN_SUCCEEDED', now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
    "INSERT INTO deadletters (topic, partition, offset, reason, message, event_time, ingest_time, _partition, _offset) \
     SELECT 'broker.fills', 0, 7, 'CORRUPT', 'bad', now64(6, 'UTC'), now64(6, 'UTC'), 0, 0",
];

/// As Grafana and its plug-in for ClickHouse write it.
fn written(sql: &str) -> String {
    let sql = sql
        .replace("${portfolio:sqlstring}", "'one'")
        .replace("${symbol:sqlstring}", "'S'");
    let mut text = String::new();
    let mut rest = sql.as_str();
    while let Some((before, after)) = rest.split_once("$__") {
        let (name, after) = after.split_once('(').unwrap();
        let (column, after) = after.split_once(')').unwrap();
        let cast = match name {
            "timeFilter" => "toDateTime",
            "dateFilter" => "toDate",
            other => panic!("nothing is known of the macro {other}"),
        };
        text += before;
        text += &[column, ">=", cast, "(now() - INTERVAL 1 DAY) AND"].join(" ");
        text += &[" ", column, "<=", cast, "(now() + INTERVAL 1 HOUR)"].join(" ");
        rest = after;
    }
    text + rest
}

#[test]
fn every_panel_of_the_dashboards_shows_something() {
    let namespace = Namespace::new("grafana", "");
    for rows in ROWS {
        namespace.query(rows);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dashboards");
    let mut panels = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let board: Value = serde_json::from_str(&text).unwrap();
        for variable in board["templating"]["list"].as_array().unwrap() {
            let asked = namespace.query(variable["query"].as_str().unwrap());
            assert!(!asked.is_empty(), "{}: {variable}", path.display());
        }
        for panel in board["panels"].as_array().unwrap() {
            let sql = panel["targets"][0]["rawSql"].as_str().unwrap();
            // Panics on an error.
            let shown = namespace.query(&written(sql));
            assert!(!shown.is_empty(), "{}: {}", path.display(), panel["title"]);
            panels += 1;
        }
    }
    assert!(panels > 30, "{panels}");
}
