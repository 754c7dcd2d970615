//! Records written and read from a shell, as JSON.

use serde_json::Value;
use tapeline_tests::Namespace;

const QUOTES: &str = r#"{"symbol":"AAPL","venue":"mine","seq":1,"bid_price":"189.12","ask_price":189.13,"bid_size":"100","ask_size":100}
{"symbol":"MSFT","venue":"mine","seq":2,"bid_price":"400","ask_price":"400.00000001","bid_size":"1","ask_size":"1","event_time":"2026-11-21T09:30:00Z"}
"#;

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn lines_become_records_that_processors_and_tables_take() {
    let namespace = Namespace::new("shell", "");
    let file = namespace.folder().join("quotes.jsonl");
    std::fs::write(&file, QUOTES).unwrap();
    let produced = namespace
        .program(["records", "produce", "market.quotes"])
        .input(&file)
        .run()
        .ok();
    assert!(
        produced.stderr.contains("2 records written"),
        "{}",
        produced.stderr
    );

    let read = namespace
        .program([
            "records",
            "tail",
            "market.quotes",
            "--from",
            "oldest",
            "--end",
            "--json",
        ])
        .run()
        .ok();
    let mut read = lines(&read.stdout);
    read.sort_by_key(|record| record["key"].to_string());
    assert_eq!(read.len(), 2);
    assert_eq!(read[0]["value"]["ask_price"], "189.13");
    assert_eq!(read[0]["value"]["source"], "records");
    assert_eq!(read[1]["key"], "MSFT");
    assert_eq!(read[1]["value"]["ask_price"], "400.00000001");
    assert_eq!(
        read[1]["value"]["event_time"],
        "2026-11-21T09:30:00.000000Z"
    );

    // By its key, from its partition alone, for people.
    let one = namespace
        .program([
            "records",
            "tail",
            "market.quotes",
            "--key",
            "MSFT",
            "--from",
            "1h",
            "--count",
            "1",
        ])
        .run()
        .ok();
    assert!(one.stdout.contains("symbol=MSFT"), "{}", one.stdout);
    assert_eq!(one.stdout.lines().count(), 1);

    let roles = namespace.roles(&["processors", "sinks"]);
    namespace.query_until("SELECT count(), sum(bid_size) FROM quotes", "2\t101");
    namespace.query_until("SELECT count() FROM marks", "2");
    roles.stop().ok();
}

#[test]
fn what_cannot_be_written_is_told_and_nothing_is_written() {
    let namespace = Namespace::new("shell_bad", "");
    let file = namespace.folder().join("bad.jsonl");
    let first = QUOTES.lines().next().unwrap();
    std::fs::write(
        &file,
        format!("{first}\n{}\n", first.replace("189.12", "much")),
    )
    .unwrap();
    let produce = |topic| {
        namespace
            .program(["records", "produce", topic])
            .input(&file)
            .run()
    };
    produce("market.quotes").failed(
        2,
        &["line 2", "`bid_price`", "decimal", "nothing was written"],
    );
    produce("risk.equity").failed(2, &["risk.equity", "processor risk", "replay"]);
    produce("market.qoutes").failed(2, &["market.qoutes", "market.quotes"]);
    let read = namespace
        .program([
            "records",
            "tail",
            "market.quotes",
            "--from",
            "oldest",
            "--end",
        ])
        .run()
        .ok();
    assert_eq!(read.stdout, "");
    let tail = |from| {
        namespace
            .program(["records", "tail", "market.quotes", "--from", from])
            .run()
    };
    tail("yesterday").failed(2, &["yesterday", "oldest, newest", "15m"]);
}
