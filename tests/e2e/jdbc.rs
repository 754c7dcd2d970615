//! The user `reader` asks with ClickHouse's JDBC driver, as DBeaver, DataGrip and Metabase do.

use std::process::Command;

use tapeline_local::find_java;
use tapeline_tests::{Namespace, shared};

/// What SQLLine, a shell for any JDBC driver, says to a script.
fn shell(namespace: &Namespace, script: &str) -> String {
    let jars = std::env::var("TAPELINE_TEST_JDBC")
        .expect("TAPELINE_TEST_JDBC is not set: run this through `./dev test`");
    let file = namespace.folder().join("script.sql");
    std::fs::write(&file, script).unwrap();
    let host = shared().clickhouse.trim_start_matches("http://");
    let url = format!(
        "jdbc:clickhouse://{host}/{}?user=reader",
        namespace.database
    );
    let class_path = format!("{jars}/*");
    let run = format!("--run={}", file.display());
    let history = format!("--historyfile={}", file.with_extension("history").display());
    let output = Command::new(find_java().unwrap().path)
        .args([
            "-cp",
            class_path.as_str(),
            "sqlline.SqlLine",
            "-u",
            url.as_str(),
        ])
        .args([
            "--connectInteractionMode=notAskCredentials",
            "--outputformat=csv",
        ])
        .args(["--silent=true", history.as_str(), run.as_str()])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_reader_looks_around_and_asks_by_jdbc() {
    let namespace = Namespace::new("jdbc", "");
    namespace.query(
        "INSERT INTO quotes (symbol, seq, bid_price, ask_price, event_time, ingest_time, _partition, _offset) \
         SELECT concat('S', toString(number % 2)), number, number, number + 0.5, \
         toDateTime64('2026-11-20 10:00:00', 6, 'UTC') + number, toDateTime64('2026-11-20 10:00:01', 6, 'UTC'), 0, number \
         FROM numbers(100)",
    );
    let said = shell(
        &namespace,
        "!schemas\n!tables\n!columns quotes\n!primarykeys quotes\n!indexes quotes\n!dbinfo\n!typeinfo\n\
         SELECT symbol, count() AS quotes, max(bid_price) AS bid FROM quotes GROUP BY symbol ORDER BY symbol;\n\
         !set rowlimit 1048575\nSELECT count() AS whole FROM v_quote_rates;\n\
         !set rowlimit 5\nSELECT seq, 'limited' FROM quotes ORDER BY seq LIMIT 5;\n",
    );
    assert!(!said.contains("DB::Exception"), "{said}");
    assert!(!said.contains("java.sql."), "{said}");
    let table = format!("'{}','quotes','TABLE'", namespace.database);
    let view = format!("'{}','v_quote_rates','VIEW'", namespace.database);
    for part in [
        table.as_str(),
        view.as_str(),
        "'quotes','bid_price',",
        "'S0','50','98.00000000'",
        "'whole'\n'",
        "'4','limited'",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn a_reader_changes_nothing_by_jdbc() {
    let namespace = Namespace::new("jdbc", "");
    for statement in [
        "DROP TABLE quotes",
        "INSERT INTO quotes (symbol) VALUES ('S')",
        "SET readonly = 0",
        "SELECT * FROM quotes SETTINGS max_execution_time = 0",
    ] {
        let said = shell(&namespace, &format!("{statement};\n"));
        assert!(said.contains("Code: 164."), "{statement}: {said}");
    }
}
