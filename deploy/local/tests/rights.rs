//! What each user of the front may do, against the real engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Answer, http, refused, select, store_port};

#[test]
fn passwords_are_asked_for() {
    let as_user =
        |headers: &[(&str, &str)], path: &str| http(store_port(), "GET", path, headers, b"");
    let basic = "Basic cmVhZGVyOnJlYWQtc2VjcmV0"; // reader:read-secret
    assert_eq!(
        as_user(&[("Authorization", basic)], "/?query=SELECT%201").ok(),
        "1\n"
    );
    assert_eq!(
        as_user(
            &[
                ("X-ClickHouse-User", "reader"),
                ("X-ClickHouse-Key", "read-secret")
            ],
            "/?query=SELECT%201"
        )
        .ok(),
        "1\n"
    );
    assert_eq!(
        as_user(&[], "/?query=SELECT%201&user=reader&password=read-secret").ok(),
        "1\n"
    );
    let wrong = as_user(&[], "/?query=SELECT%201&user=reader&password=wrong");
    refused(&wrong, 516, 403);
    assert!(!wrong.text().contains("wrong"));
    refused(&as_user(&[], "/?query=SELECT%201&user=nobody"), 516, 403);
    refused(
        &as_user(
            &[("Authorization", basic)],
            "/?query=SELECT%201&user=reader",
        ),
        516,
        403,
    );
}

fn reader(path: &str, sql: &str) -> Answer {
    let headers = [
        ("X-ClickHouse-User", "reader"),
        ("X-ClickHouse-Key", "read-secret"),
    ];
    http(store_port(), "POST", path, &headers, sql.as_bytes())
}

#[test]
fn a_reader_reads_within_limits_and_does_nothing_else() {
    assert_eq!(reader("/", "WITH 1 AS x SELECT x").ok(), "1\n");
    assert_eq!(
        reader("/?max_result_rows=5", "SHOW DATABASES LIKE 'system'").ok(),
        "system\n"
    );
    for (sql, code, status) in [
        ("CREATE TABLE r (a UInt8) ENGINE = Memory", 164, 500),
        ("INSERT INTO r FORMAT CSV 1", 164, 500),
        ("SET readonly = DEFAULT", 164, 500),
        ("SELECT 1; SET readonly = DEFAULT; SELECT 2", 62, 400),
        ("KILL QUERY WHERE 1", 164, 500),
        (
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            497,
            403,
        ),
        ("SELECT file('/etc/hostname')", 497, 403),
        (
            "SELECT * FROM url('http://127.0.0.1/', 'CSV', 'a String')",
            497,
            403,
        ),
        (
            "SELECT * FROM s3('http://127.0.0.1/x', 'CSV', 'a String')",
            497,
            403,
        ),
        ("SELECT 1 SETTINGS max_memory_usage = 0", 164, 500),
        ("SELECT * FROM `remote`('127.0.0.1', system.one)", 497, 403),
        ("SELECT 1 SETTINGS max_execution_time = 0", 164, 500),
        ("SELECT * FROM numbers(3000000) FORMAT Null", 396, 500),
    ] {
        refused(&reader("/", sql), code, status);
    }
    let greedy = "SELECT groupArray(toString(number)) FROM numbers(100000000)";
    refused(&reader("/?max_memory_usage=50000000", greedy), 241, 500);
    refused(&reader("/?max_memory_usage=0", "SELECT 1"), 164, 500);
    refused(
        &reader("/?max_execution_time=1", "SELECT sleep(3)"),
        159,
        408,
    );
}

#[test]
fn a_writer_inserts_but_makes_no_tables() {
    select("CREATE OR REPLACE TABLE written (a UInt8) ENGINE = Memory");
    let writer = |sql: &str| {
        let headers = [
            ("X-ClickHouse-User", "writer"),
            ("X-ClickHouse-Key", "write-secret"),
        ];
        http(store_port(), "POST", "/", &headers, sql.as_bytes())
    };
    writer("INSERT INTO written FORMAT CSV\n1\n").ok();
    assert_eq!(writer("SELECT a FROM written").ok(), "1\n");
    refused(&writer("DROP TABLE written"), 497, 403);
    refused(
        &writer("INSERT INTO written SELECT a FROM file('/etc/passwd', 'CSV', 'a UInt8')"),
        497,
        403,
    );
}
