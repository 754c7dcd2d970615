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
fn a_reader_sets_what_is_on_the_list() {
    // As clickhouse-jdbc 0.9.1 asks, and clickhouse-go for a caller with a minute's patience.
    let jdbc = "/?query_id=j1&compress=0&result_overflow_mode=break&async_insert=0&wait_end_of_query=0&max_result_rows=1048575";
    assert_eq!(reader(jdbc, "SELECT 1").ok(), "1\n");
    let go = "/?max_execution_time=65&extremes=0";
    let time = "SELECT getSetting('max_execution_time')";
    assert_eq!(reader(go, time).ok(), "60\n");
    assert_eq!(reader("/?max_execution_time=5", time).ok(), "5\n");
    for setting in [
        "async_insert=1",
        "bool_true_representation=yes",
        "cast_keep_nullable=1",
        "date_time_input_format=best_effort",
        "date_time_output_format=iso",
        "describe_include_subcolumns=1",
        "format_csv_delimiter=;",
        "input_format_binary_read_json_as_string=1",
        "join_use_nulls=1",
        "low_cardinality_allow_in_native_format=0",
        "max_block_size=1000",
        "max_threads=2",
        "output_format_avro_codec=deflate",
        "output_format_binary_write_json_as_string=1",
        "output_format_json_quote_64bit_integers=0",
        "output_format_pretty_max_rows=5",
        "prefer_column_name_to_alias=1",
        "readonly=1",
        "session_timezone=UTC",
        "transform_null_in=1",
        "wait_for_async_insert=0",
    ] {
        assert_eq!(
            reader(&format!("/?{setting}"), "SELECT 1").ok(),
            "1\n",
            "{setting}"
        );
    }
    for setting in [
        "readonly=0",
        "readonly=2",
        "allow_ddl=1",
        "allow_introspection_functions=1",
        "max_execution_time=0",
        "max_memory_usage_for_user=0",
        "max_query_size=9999999",
        "max_result_rows=9999999",
        "max_threads=9999",
        "output_format_schema=/tmp/never",
        "format_schema=x",
        "use_query_cache=1",
    ] {
        let answer = reader(&format!("/?{setting}"), "SELECT 1");
        refused(&answer, 164, 500);
        let name = setting.split('=').next().unwrap();
        let words = format!("DB::Exception: Cannot modify '{name}' setting in readonly mode. ");
        assert!(answer.text().contains(&words), "{}", answer.text());
    }
    // Nothing of it comes back with the statement.
    refused(&reader("/", "SELECT 1 SETTINGS async_insert = 0"), 164, 500);
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
