//! Whatever is wrong is told with its place, and nothing is left out.

use std::path::Path;

use parquet::basic::Compression;
use parquet::data_type::{ByteArrayType, DoubleType, Int64Type};
use tapeline_backtest::History;

use crate::files::{texts, write_column, writer};

/// What the first error says, without the folder.
fn fault(path: &Path) -> String {
    let error = match History::open(&[path]) {
        Err(error) => error,
        Ok(mut history) => history.find_map(Result::err).expect("an error"),
    };
    let folder = format!("{}/", path.parent().unwrap().display());
    error.to_string().replace(&folder, "")
}

fn fault_in(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    fault(&path)
}

const TRADES: &str = "time,symbol,price,size\n1795253400,A,10,1\n";

fn trade(row: &str) -> String {
    fault_in("t.csv", format!("{TRADES}{row}\n").as_bytes())
}

fn bar(row: &str) -> String {
    let head = "time,symbol,interval,open,high,low,close,volume\n";
    fault_in("b.csv", format!("{head}{row}\n").as_bytes())
}

#[test]
fn a_bad_value_is_told_with_file_line_column_and_remedy() {
    for (row, said) in [
        (
            "1795253401,A,ten,1",
            "t.csv line 3: column price `ten` is no decimal number",
        ),
        (
            "1795253401,A,1e3,1",
            "t.csv line 3: column price `1e3` is no decimal number",
        ),
        (
            "1795253401,A,1.123456789,1",
            "column price `1.123456789` is no decimal number like 12.5 with at most 8 places: write it out, rounded",
        ),
        (
            "1795253401,A,99999999999,1",
            "column price `99999999999` is larger than a price",
        ),
        (
            "1795253401,A,10,0",
            "column size `0` is not above zero: take the row away",
        ),
        ("1795253401,A,10,-1", "column size `-1` is not above zero"),
        ("1795253401,A,10,", "column size has no value"),
        ("1795253401,,10,1", "column symbol has no value"),
        (
            "soon,A,10,1",
            "column time `soon` is no time: write RFC 3339 with an offset",
        ),
        (
            "1795253399,A,10,1",
            "t.csv line 3: column time `2026-11-21T09:29:59.000000Z` lies before 2026-11-21T09:30:00.000000Z of an earlier row: sort the file by time",
        ),
        (
            "1795253401,A,10",
            "t.csv line 3: has 3 values, but the first line names 4 columns",
        ),
    ] {
        let told = trade(row);
        assert!(told.contains(said), "{row}: {told}");
    }
}

#[test]
fn a_bar_must_hold_together() {
    for (row, said) in [
        (
            "1795253400,A,1w,1,1,1,1,1",
            "column interval `1w` is no interval: write 1s, 1m",
        ),
        (
            "1795253400,A,0m,1,1,1,1,1",
            "column interval `0m` is no interval",
        ),
        (
            "1795253400,A,m,1,1,1,1,1",
            "column interval `m` is no interval",
        ),
        (
            "1795253400,A,30d,1,1,1,1,1",
            "column interval `30d` is no interval",
        ),
        (
            "1795253400,A,1m,5,4,1,2,1",
            "b.csv line 2: column open `5` does not lie between low 1 and high 4",
        ),
        (
            "1795253400,A,1m,2,4,1,0.5,1",
            "column close `0.5` does not lie between low 1 and high 4",
        ),
        (
            "1795253400,A,1m,2,1,4,2,1",
            "does not lie between low 4 and high 1",
        ),
        (
            "1795253400,A,1m,2,4,1,2,-1",
            "column volume `-1` is below zero",
        ),
    ] {
        let told = bar(row);
        assert!(told.contains(said), "{row}: {told}");
    }
}

#[test]
fn unknown_columns_are_told_with_those_that_are_known() {
    for head in [
        "time,symbol,price",
        "time,symbol,price,size,venue",
        "time,symbol,price,size,size",
        "Time,symbol,price,size",
        "time,symbol,bid,ask",
    ] {
        let told = fault_in("t.csv", format!("{head}\n").as_bytes());
        assert!(
            told.starts_with(&format!(
                "t.csv line 1: the columns {}",
                head.replace(',', ", ")
            )),
            "{told}"
        );
        assert!(told.contains("quotes (time, symbol, bid, bid_size, ask, ask_size)"));
    }
    assert!(fault_in("t.csv", b"").contains("the first line must name the columns"));
    let told = fault_in("t.jsonl", b"{\"time\": 1, \"symbol\": \"A\"}\n");
    assert!(
        told.starts_with("t.jsonl line 1: the columns time, symbol are neither"),
        "{told}"
    );
}

#[test]
fn bad_json_is_told() {
    let good = r#"{"time": 1795253400, "symbol": "A", "price": 10, "size": 1}"#;
    for (line, said) in [
        ("{", "t.jsonl line 2: is no JSON object: "),
        ("[1]", "t.jsonl line 2: is no JSON object: "),
        (
            r#"{"time": 1795253400, "symbol": "A", "price": true, "size": 1}"#,
            "column price `true` must be a number or a text",
        ),
        (
            r#"{"time": 1795253400, "symbol": "A", "price": null, "size": 1}"#,
            "column price has no value",
        ),
        (
            r#"{"time": 1795253400, "symbol": "A", "size": 1}"#,
            "column price has no value",
        ),
        (
            r#"{"time": 1795253400, "symbol": "A", "price": 0.30000000000000004, "size": 1}"#,
            "column price `0.30000000000000004` is no decimal",
        ),
        (
            r#"{"time": 1795253400, "symbol": "A", "price": 1, "size": 1, "x": 1}"#,
            "the key `x` is unknown",
        ),
        (
            r#"{"time": 1795253400, "symbol": "A", "price": 1, "price": 2, "size": 1}"#,
            "the key `price` is there twice",
        ),
    ] {
        let told = fault_in("t.jsonl", format!("{good}\n{line}\n").as_bytes());
        assert!(told.contains(said), "{line}: {told}");
    }
}

#[test]
fn files_that_are_none_are_told() {
    assert!(
        fault_in("t.txt", b"").contains("t.txt: its name must end with .csv, .jsonl or .parquet")
    );
    let told = fault(Path::new("nowhere/t.csv"));
    assert!(told.starts_with("t.csv: cannot be read: "), "{told}");
    let told = fault_in("t.parquet", b"no Parquet at all");
    assert!(
        told.starts_with("t.parquet: cannot be read as Parquet: "),
        "{told}"
    );
    let told = fault_in("t.csv", b"time,symbol,price,size\n1,\xff,1,1\n");
    assert!(told.contains("t.csv line 2: is not UTF-8"), "{told}");
    let told = fault_in("t.jsonl", b"{\"time\": \"\xff\"}\n");
    assert!(told.contains("t.jsonl line 1: is not UTF-8"), "{told}");
}

/// It costs no more memory than a row may have.
#[test]
fn a_row_without_end_is_told() {
    let endless = "x".repeat(3 << 20);
    let told = trade(&format!("1795253401,\"{endless}"));
    assert!(
        told.contains("the row is longer than 1048576 bytes"),
        "{told}"
    );
    let told = fault_in("t.jsonl", format!("{{\"time\": \"{endless}\"}}").as_bytes());
    assert!(
        told.contains("the row is longer than 1048576 bytes"),
        "{told}"
    );
}

#[test]
fn bad_parquet_is_told_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let schema = "message trades {
        required int64 time (TIMESTAMP(MICROS, true));
        required binary symbol (STRING);
        required double price;
        optional double size;
    }";
    for (second, price, size, said) in [
        (
            1,
            0.1 + 0.2,
            Some(1.0),
            "t.parquet row 2: column price `0.30000000000000004` is no decimal",
        ),
        (
            1,
            f64::NAN,
            Some(1.0),
            "row 2: column price `NaN` is no decimal",
        ),
        (1, 1.0, None, "row 2: column size has no value"),
        (
            -1,
            1.0,
            Some(1.0),
            "row 2: column time `2026-11-21T09:29:59.000000Z` lies before",
        ),
    ] {
        let mut out = writer(&path, schema, Compression::UNCOMPRESSED);
        let mut group = out.next_row_group().unwrap();
        let start = 1_795_253_400_000_000;
        write_column::<Int64Type>(&mut group, &[start, start + second * 1_000_000], None);
        write_column::<ByteArrayType>(&mut group, &texts(&["A", "A"]), None);
        write_column::<DoubleType>(&mut group, &[1.0, price], None);
        let sizes: Vec<f64> = [Some(1.0), size].into_iter().flatten().collect();
        let levels = [1, i16::from(size.is_some())];
        write_column::<DoubleType>(&mut group, &sizes, Some(&levels));
        group.close().unwrap();
        out.close().unwrap();
        let told = fault(&path);
        assert!(told.contains(said), "{told}");
    }
}
