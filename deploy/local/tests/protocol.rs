//! What clients of other languages send, byte for byte as recorded from them, and what they need
//! in the answer: clickhouse-go 2.50 (which Grafana's data source uses over HTTP) and
//! clickhouse-jdbc 0.9.2. Neither has to be installed for this.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{Answer, http, parse, refused, store_port};

/// What clickhouse-go puts into every URL; with LZ4 it adds the rest.
const GO: &str =
    "/?client_protocol_version=54460&database=default&default_format=Native&max_execution_time=9";
const GO_LZ4: &str = "&compress=1&network_compression_method=LZ4";
const GO_AGENT: (&str, &str) = (
    "User-Agent",
    "clickhouse-go/2.50.0 (lv:go/1.26.8; os:linux)",
);
const BLOCK_INFO: &[u8] = &[1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0];

fn go(more: &str, sql: &str) -> Answer {
    let path = format!("{GO}{more}");
    // default: and an empty password
    let headers = [GO_AGENT, ("Authorization", "Basic ZGVmYXVsdDo=")];
    http(store_port(), "POST", &path, &headers, sql.as_bytes())
}

/// Without the checksums: what ClickHouse's own blocks hold.
fn unpack(mut frames: &[u8]) -> Vec<u8> {
    let size = |at: usize, frames: &[u8]| {
        u32::from_le_bytes(frames[at..at + 4].try_into().unwrap()) as usize
    };
    let mut out = Vec::new();
    while !frames.is_empty() {
        let (packed, plain) = (size(17, frames), size(21, frames));
        assert_eq!(frames[16], 0x82);
        out.extend(lz4_flex::block::decompress(&frames[25..16 + packed], plain).unwrap());
        frames = &frames[16 + packed..];
    }
    out
}

#[test]
fn the_hello_of_the_go_client_is_answered_in_its_protocol() {
    let hello = "SELECT displayName(), version(), revision(), timezone()";
    let plain = go("", hello);
    assert_eq!(plain.status, 200, "{}", plain.text());
    let expected = [BLOCK_INFO, b"\x04\x01\x0ddisplayName()\x06String\0"].concat();
    assert!(plain.body.starts_with(&expected), "{:?}", plain.text());
    for column in [
        "version()\x06String\0",
        "revision()\x06UInt32\0",
        "timezone()\x06String\0",
    ] {
        assert!(plain.text().contains(column), "{:?}", plain.text());
    }
    let packed = go(GO_LZ4, hello);
    assert_eq!(unpack(&packed.body), plain.body);
    let path = format!("{GO}{GO_LZ4}");
    let headers = [
        GO_AGENT,
        ("Authorization", "Basic cmVhZGVyOnJlYWQtc2VjcmV0"),
    ];
    let reader = http(store_port(), "POST", &path, &headers, hello.as_bytes());
    assert_eq!(unpack(&reader.body), plain.body, "a reader may ask, too");
}

/// One of each kind of type that the tables and functions of users have.
const TYPES: [&str; 20] = [
    "number",
    "toString(number)",
    "toLowCardinality(toString(number % 3))",
    "toLowCardinality(if(number % 2 = 0, NULL, toString(number)))",
    "if(number % 2 = 0, NULL, 'odd')",
    "range(number % 4)",
    "arrayMap(n -> toLowCardinality(toString(n)), range(number % 4))",
    "[[number], []]",
    "map('a', toNullable(number))",
    "(number, 'x', toLowCardinality('y'))",
    "CAST((number, 'x'), 'Tuple(a UInt64, `b c` String)')",
    "toDecimal64(number, 2)",
    "toDecimal128(number, 8)",
    "toDateTime64('2026-11-20 10:00:00', 6, 'UTC')",
    "toDate('2026-11-20')",
    "toFixedString('ab', 3)",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "CAST('a,(', 'Enum8(\\'a,(\\' = 1)')",
    "(1.5, 2.5)::Point",
    "emptyArrayString()",
];

#[test]
fn every_type_is_framed_where_it_ends() {
    let columns: Vec<String> = (0..TYPES.len())
        .map(|at| format!("{} AS column_{at:02}", TYPES[at]))
        .collect();
    let sql = format!("SELECT {} FROM numbers(50)", columns.join(", "));
    let framed = go("", &sql);
    assert_eq!(framed.status, 200, "{}", framed.text());
    let plain = http(
        store_port(),
        "POST",
        "/?default_format=Native",
        &[],
        sql.as_bytes(),
    )
    .body;

    // Names are where columns begin; a byte comes behind each type, and the properties in front.
    let mut expected = BLOCK_INFO.to_vec();
    let mut done = 0;
    for at in 0..TYPES.len() {
        let name = format!("\x09column_{at:02}");
        let begin = plain[done..]
            .windows(name.len())
            .position(|bytes| bytes == name.as_bytes())
            .unwrap()
            + done
            + name.len();
        let end = begin + 1 + plain[begin] as usize;
        expected.extend_from_slice(&plain[done..end]);
        expected.push(0);
        done = end;
    }
    expected.extend_from_slice(&plain[done..]);
    assert_eq!(framed.body, expected);

    let opaque = go("", "SELECT sumState(number) FROM numbers(3)");
    refused(&opaque, 48, 501);
}

#[test]
fn a_dashboard_reads_time_buckets_over_the_go_client() {
    let create = "CREATE OR REPLACE TABLE ticks (at DateTime64(6, 'UTC'), symbol LowCardinality(String), price Decimal(18, 8)) ENGINE = MergeTree ORDER BY (symbol, at)";
    assert_eq!(go(GO_LZ4, create).status, 200);
    let fill = "INSERT INTO ticks SELECT toDateTime64('2026-11-20 10:00:00', 6, 'UTC') + number, concat('S', toString(number % 3)), number / 100 FROM numbers(36000)";
    assert_eq!(go(GO_LZ4, fill).status, 200);
    // With the macros $__timeInterval and $__timeFilter_ms written out.
    let panel = "SELECT toStartOfInterval(toDateTime(at), INTERVAL 60 second) AS time, symbol, avg(price) AS price FROM ticks WHERE at >= fromUnixTimestamp64Milli(1763629200000) AND at <= fromUnixTimestamp64Milli(4000000000000) GROUP BY time, symbol ORDER BY time LIMIT 100000";
    let answer = go(GO_LZ4, panel);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("X-ClickHouse-Format"), Some("Native"));
    let block = unpack(&answer.body);
    // Three columns, 600 minutes of three symbols.
    let head = [BLOCK_INFO, b"\x03\x88\x0e\x04time\x08DateTime\0"].concat();
    assert!(block.starts_with(&head), "{:?}", &block[..60]);

    let late = "SELECT number, throwIf(number = 3000000, 'too far') FROM numbers(5000000)";
    let broken = go("", late);
    assert!(!broken.complete && broken.body.starts_with(BLOCK_INFO));
    let tag = broken.header("X-ClickHouse-Exception-Tag").unwrap();
    let end = format!(" {tag}\r\n__exception__\r\n");
    assert!(broken.body.ends_with(end.as_bytes()));
}

/// As the driver for Java sends it: a body in chunks, names of formats in headers.
fn java(sql: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", store_port())).unwrap();
    write!(
        stream,
        "POST /?compress=1&wait_end_of_query=1 HTTP/1.1\r\nContent-Type: text/plain\r\nX-ClickHouse-Format: RowBinaryWithNamesAndTypes\r\nX-ClickHouse-Database: default\r\nAuthorization: Basic ZGVmYXVsdDpudWxs\r\nUser-Agent: ClickHouse JDBC Driver V2/0.9.2 clickhouse-java-v2/0.9.2 (Linux; jvm:17.0.15) Apache-HttpClient/5.4.4\r\nAccept-Encoding: gzip, x-gzip, deflate\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{sql}\r\n0\r\n\r\n",
        sql.len()
    )
    .unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    parse(&raw)
}

#[test]
fn the_driver_for_java_gets_what_it_looks_at() {
    let version = java("SELECT version() as server_version");
    let summary = version.header("X-ClickHouse-Summary").unwrap();
    // It takes a result without rows for empty.
    assert!(summary.contains("\"result_rows\":\"1\""), "{summary}");
    assert!(unpack(&version.body).starts_with(b"\x01\x0eserver_version\x06String\x0826."));
    assert_eq!(version.header("Content-Encoding"), None);

    let counted = java("SELECT count() FROM numbers(1000)");
    let summary = counted.header("X-ClickHouse-Summary").unwrap();
    assert!(
        summary.contains("\"read_rows\":\"1000\"") && summary.contains("\"result_rows\":\"1\""),
        "{summary}"
    );

    // Larger than what is kept in memory, and an error that comes later than that.
    let large = java("SELECT number FROM numbers(1000000)");
    assert!(large.complete);
    assert_eq!(
        unpack(&large.body).len(),
        b"\x01\x06number\x06UInt64".len() + 8_000_000
    );
    let summary = large.header("X-ClickHouse-Summary").unwrap();
    assert!(summary.contains("\"result_rows\":\"1000000\""), "{summary}");
    let late = java("SELECT number, throwIf(number = 900000) FROM numbers(1000000)");
    refused(&late, 395, 500);
}
