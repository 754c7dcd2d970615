//! Results that are sent while the engine computes them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Read;

use common::{Answer, http, parse, request, select, shared_store, store_port, wait_for_query};

/// Three million rows: 24 MB as numbers in binary.
const ROWS: usize = 3_000_000;
/// As many as fit into a request.
const HALF: usize = ROWS / 2;

fn ask(path: &str, headers: &[(&str, &str)], sql: &str) -> Answer {
    http(store_port(), "POST", path, headers, sql.as_bytes())
}

fn numbers(format: &str) -> String {
    format!("SELECT number FROM numbers({ROWS}) FORMAT {format}")
}

/// What `numbers("RowBinary")` must give.
fn expected() -> Vec<u8> {
    (0..ROWS as u64).flat_map(u64::to_le_bytes).collect()
}

#[test]
fn large_results_are_one_document_in_every_format() {
    let binary = ask("/", &[], &numbers("RowBinary"));
    assert_eq!(binary.status, 200);
    assert!(binary.complete && binary.body == expected());
    assert_eq!(
        binary.header("Content-Type"),
        Some("application/octet-stream")
    );
    assert_eq!(binary.header("X-ClickHouse-Format"), Some("RowBinary"));

    let named = ask("/", &[], &numbers("CSVWithNames")).text();
    assert_eq!(named.matches("number").count(), 1);
    assert_eq!(named.lines().count(), ROWS + 1);

    let json = ask("/", &[], &numbers("JSONCompact")).body;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["rows"], ROWS);
    assert_eq!(json["data"].as_array().unwrap().len(), ROWS);

    for format in [
        "Parquet",
        "ArrowStream",
        "Native",
        "RowBinaryWithNamesAndTypes",
    ] {
        let half = numbers(format).replace(&ROWS.to_string(), &HALF.to_string());
        let body = ask("/", &[], &half).body;
        select("CREATE OR REPLACE TABLE read_back (number UInt64) ENGINE = Memory");
        let insert = format!("/?query=INSERT%20INTO%20read_back%20FORMAT%20{format}");
        http(store_port(), "POST", &insert, &[], &body).ok();
        assert_eq!(
            ask("/", &[], "SELECT count(), sum(number) FROM read_back").ok(),
            format!("{HALF}\t{}\n", HALF * (HALF - 1) / 2),
            "{format}"
        );
    }
    let empty = ask(
        "/",
        &[],
        "SELECT number FROM numbers(0) FORMAT TSVWithNames",
    );
    assert_eq!(empty.ok(), "number\n");
}

#[test]
fn large_results_are_packed_piece_by_piece() {
    let gzip = ask("/", &[("Accept-Encoding", "gzip")], &numbers("RowBinary"));
    assert_eq!(gzip.header("Content-Encoding"), Some("gzip"));
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(gzip.body.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    assert!(plain == expected());

    // Our own blocks go back in as they came.
    let half = format!("SELECT number FROM numbers({}) FORMAT RowBinary", ROWS / 2);
    let frames = ask("/?compress=1", &[], &half).body;
    ask(
        "/",
        &[],
        "CREATE OR REPLACE TABLE framed (n UInt64) ENGINE = Memory",
    )
    .ok();
    let insert = "/?decompress=1&query=INSERT%20INTO%20framed%20FORMAT%20RowBinary";
    http(store_port(), "POST", insert, &[], &frames).ok();
    assert_eq!(
        ask("/", &[], "SELECT count(), max(n) FROM framed").ok(),
        format!("{}\t{}\n", ROWS / 2, ROWS / 2 - 1)
    );
}

const FAILS_LATE: &str =
    "SELECT number, throwIf(number = 2000000, 'too far') FROM numbers(3000000) FORMAT RowBinary";

#[test]
fn an_error_in_the_middle_is_told_in_the_data_and_breaks_the_connection() {
    let answer = ask("/", &[], FAILS_LATE);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("X-ClickHouse-Exception-Code"), None);
    assert!(!answer.complete, "it must not look like a whole result");
    let tag = answer.header("X-ClickHouse-Exception-Tag").unwrap();
    let tail = String::from_utf8_lossy(&answer.body[answer.body.len() - 1000..]).into_owned();
    let (_, told) = tail
        .split_once(&format!("\r\n__exception__\r\n{tag}\r\n"))
        .expect("an exception in the data");
    let told = told.strip_suffix("\r\n__exception__\r\n").unwrap();
    let (message, end) = told.rsplit_once('\n').unwrap();
    assert!(
        message.starts_with("Code: 395. DB::Exception: too far"),
        "{message}"
    );
    assert!(!message.contains("OUTFILE"), "{message}");
    assert_eq!(end, format!("{} {tag}", message.len() + 1));

    // In time, it has a status.
    let early = ask("/", &[], "SELECT throwIf(number = 1000) FROM numbers(2000)");
    common::refused(&early, 395, 500);
    let syntax = ask("/", &[], "SELECT 1 FROM numbers(1) WHER 1 x");
    common::refused(&syntax, 62, 400);
    assert!(!syntax.text().contains("/proc/self"), "{}", syntax.text());
}

/// Endless, and marked.
fn endless(marker: &str) -> String {
    format!("SELECT number, '{marker}' FROM system.numbers FORMAT RowBinary")
}

#[test]
fn whoever_leaves_in_the_middle_takes_the_query_along() {
    let mut stream = request(
        store_port(),
        "POST",
        "/",
        &[],
        endless("read-a-bit").as_bytes(),
    );
    stream.read_exact(&mut vec![0; 5_000_000]).unwrap();
    wait_for_query(store_port(), "read-a-bit", true);
    drop(stream);
    wait_for_query(store_port(), "read-a-bit", false);
}

#[test]
fn a_result_on_its_way_can_be_killed() {
    let sql = endless("kill-in-flight");
    let mut stream = request(
        store_port(),
        "POST",
        "/?query_id=flight-1",
        &[],
        sql.as_bytes(),
    );
    let mut raw = vec![0; 5_000_000];
    stream.read_exact(&mut raw).unwrap();
    ask("/", &[], "KILL QUERY WHERE query_id = 'flight-1'").ok();
    stream.read_to_end(&mut raw).unwrap();
    let answer = parse(&raw);
    assert!(!answer.complete);
    let tail = String::from_utf8_lossy(&answer.body[answer.body.len() - 600..]).into_owned();
    assert!(tail.contains("Code: 394."), "{tail}");
    wait_for_query(store_port(), "kill-in-flight", false);
}

/// Kilobytes of the engine's process that are in memory.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_result() {
    let (port, pid) = shared_store();
    // Half a gigabyte, of which the first piece brings up what every query needs.
    let sql = "SELECT toString(number), repeat('x', 90) FROM numbers(5000000) FORMAT RowBinary";
    let mut stream = request(port, "POST", "/", &[], sql.as_bytes());
    let mut piece = vec![0; 1 << 20];
    stream.read_exact(&mut piece).unwrap();
    let (before, mut most, mut read) = (resident(pid), 0, piece.len());
    loop {
        let got = stream.read(&mut piece).unwrap();
        if got == 0 {
            break;
        }
        read += got;
        most = most.max(resident(pid));
    }
    assert!(read > 450_000_000, "{read}");
    println!("{before} kB before, at most {most} kB");
    // Other tests of this program run at the same time.
    assert!(most < before + 250_000, "{before} kB before, {most} kB");
}
