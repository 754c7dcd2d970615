//! What a page in a browser, a guest or a stolen connection may try, against the real engine: each
//! is answered with a status and one sentence, and nothing is written, held or stopped.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use common::{Answer, http, refused, select, store_port, wait_for_query};

const CANARY: &str = "a-line-that-is-nowhere-else";

fn post(path: &str, headers: &[(&str, &str)], sql: &str) -> Answer {
    http(store_port(), "POST", path, headers, sql.as_bytes())
}

/// Refused in one sentence, which tells nothing of any file.
#[track_caller]
fn attack(answer: &Answer) {
    let text = answer.text();
    assert!(
        (400..=501).contains(&answer.status),
        "{} {text}",
        answer.status
    );
    assert!(
        text.starts_with("Code: ") && text.lines().count() == 1,
        "{text}"
    );
    assert!(!text.contains(CANARY), "{text}");
}

/// A folder outside of the store, with a file that is not to be read.
fn outside() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    std::fs::write(folder.path().join("secret.csv"), format!("{CANARY}\n")).unwrap();
    folder
}

#[track_caller]
fn untouched(folder: &Path) {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["secret.csv", "taken"]);
    assert_eq!(
        std::fs::read_to_string(folder.join("secret.csv")).unwrap(),
        format!("{CANARY}\n")
    );
}

#[test]
fn pages_of_other_sites_are_refused_before_anything_is_done() {
    let make = "CREATE TABLE from_a_page (a UInt8) ENGINE = Memory";
    for headers in [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Host", "evil.example")],
        [("Host", "evil.example:8123")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
    ] {
        refused(&post("/", &headers, make), 497, 403);
        let read = http(store_port(), "GET", "/?query=SELECT%201", &headers, b"");
        refused(&read, 497, 403);
        refused(&http(store_port(), "OPTIONS", "/", &headers, b""), 497, 403);
    }
    assert_eq!(select("EXISTS from_a_page"), "0\n");
    // What a browser sends for an address that somebody typed in.
    let typed = [("Sec-Fetch-Site", "none")];
    assert_eq!(post("/", &typed, "SELECT 1").ok(), "1\n");
}

#[test]
fn a_host_of_another_name_alone_is_refused() {
    let mut stream = TcpStream::connect(("127.0.0.1", store_port())).unwrap();
    write!(
        stream,
        "GET /?query=SELECT%201 HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut raw = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut raw).unwrap();
    refused(&common::parse(&raw), 497, 403);
}

#[test]
fn a_page_that_is_listed_may_ask() {
    let page = [
        ("Origin", "http://localhost:3000"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    let answer = post("/", &page, "SELECT 1");
    assert_eq!(
        answer.header("Access-Control-Allow-Origin"),
        Some("http://localhost:3000")
    );
    assert_eq!(answer.ok(), "1\n");
    let asked = http(store_port(), "OPTIONS", "/", &page, b"");
    assert_eq!(asked.status, 204);
    assert!(
        asked
            .header("Access-Control-Allow-Headers")
            .unwrap()
            .contains("authorization")
    );
}

#[test]
fn get_never_writes() {
    for readonly in [
        "0", "00", "000", "%2B0", "-0", "0x0", "0.0", "%200", "", "3", "true",
    ] {
        for (sql, made) in [
            ("CREATE%20TABLE%20by_get(a%20Int8)ENGINE%3DMemory", "by_get"),
            ("INSERT%20INTO%20by_get%20VALUES(1)", "by_get"),
            ("KILL%20QUERY%20WHERE%201", "by_get"),
            ("SYSTEM%20FLUSH%20LOGS", "by_get"),
        ] {
            for method in ["GET", "HEAD"] {
                let path = format!("/?readonly={readonly}&query={sql}");
                let answer = http(store_port(), method, &path, &[], b"");
                assert!(answer.status >= 400, "{method} {path}: {}", answer.text());
            }
            assert_eq!(select(&format!("EXISTS {made}")), "0\n");
        }
    }
    let read = http(
        store_port(),
        "GET",
        "/?readonly=00&query=SELECT%20getSetting('readonly')",
        &[],
        b"",
    );
    assert_eq!(read.ok(), "2\n");
}

/// Each statement reads or writes `{}`, a folder outside of the store, or something like it.
const STATEMENTS: &[&str] = &[
    "SELECT b FROM values('a String, b String ALIAS file(\\'{}/secret.csv\\')', 'x')",
    "SELECT * FROM values('a String DEFAULT throwIf(1, file(\\'{}/secret.csv\\'))', 'x')",
    "SELECT b FROM generateRandom('a String, b String ALIAS file(\\'{}/secret.csv\\')') LIMIT 1",
    "SELECT b FROM viewIfPermitted(SELECT 'x' AS b ELSE null('b String ALIAS file(\\'{}/secret.csv\\')'))",
    "CREATE VIEW stolen (c1 String) DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT * FROM system.one, `{}/secret.csv`",
    "CREATE TABLE stolen ENGINE = Alias(default, '{}/secret.csv')",
    "SELECT * FROM file('{}/secret.csv', 'LineAsString')",
    "SELECT file('{}/secret.csv')",
    "SELECT `fi\\x6ce`('{}/secret.csv')",
    "SELECT arrayMap(file, ['{}/secret.csv'])",
    "SELECT * APPLY(file) FROM (SELECT '{}/secret.csv' AS a)",
    "SELECT * APPLY file FROM (SELECT '{}/secret.csv' AS a)",
    "SELECT * FROM `{}/secret.csv`",
    "SELECT * FROM '{}/secret.csv'",
    "SELECT * FROM system.one, `{}/secret.csv`",
    "SELECT * FROM default.`{}/secret.csv`",
    "SELECT * FROM format(JSONEachRow, 'a String DEFAULT file(\\'{}/secret.csv\\')', '{{}}')",
    "SELECT * FROM format(concat('JSONEach', 'Row'), 'a String DEFAULT file(\\'{}/secret.csv\\')', '{{}}')",
    "DESCRIBE TABLE file('{}/secret.csv')",
    "EXISTS TABLE `{}/secret.csv`",
    "DROP TABLE IF EXISTS `{}/secret.csv`",
    "TRUNCATE TABLE `{}/secret.csv`",
    "INSERT INTO `{}/new.csv` VALUES (1)",
    "INSERT INTO FUNCTION file('{}/new.csv') SELECT 1",
    "INSERT INTO FUNCTION file('{}/new.csv') VALUES (1)",
    "SELECT 1 INTO OUTFILE '{}/new.csv'",
    "INSERT INTO victim FROM INFILE '{}/secret.csv' FORMAT CSV",
    "INSERT INTO victim VALUES (file('{}/secret.csv'))",
    "INSERT INTO victim SELECT * FROM file('{}/secret.csv', 'LineAsString')",
    "INSERT INTO victim SELECT a FROM input('a String DEFAULT file(\\'{}/secret.csv\\'), b String') FORMAT JSONEachRow {{\"b\": \"x\"}}",
    "INSERT INTO victim SETTINGS input_format_values_interpret_expressions = 1 VALUES (file('{}/secret.csv'))",
    "INSERT INTO victim SELECT 'a' PARALLEL WITH INSERT INTO victim SELECT 'b'",
    "CREATE TABLE stolen (a String) ENGINE = File(CSV, '{}/secret.csv')",
    "CREATE TABLE stolen (a String) ENGINE = File(CSV)",
    "CREATE TABLE stolen (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "CREATE TABLE stolen (a String) ENGINE = SQLite('{}/new.db', 't')",
    "CREATE TABLE stolen (a String) ENGINE = Executable('x', CSV)",
    "CREATE TABLE stolen (a String) ENGINE = EmbeddedRocksDB(0, '{}/new') PRIMARY KEY a",
    "CREATE TABLE stolen (a String) ENGINE KeeperMap('{}/new') PRIMARY KEY a",
    "CREATE TABLE stolen (a String) ENGINE = FileLog('{}/', 'CSV')",
    "CREATE TABLE stolen (a String) ENGINE = Distributed(default, default, victim)",
    "CREATE TABLE stolen AS file('{}/secret.csv', 'LineAsString')",
    "CREATE TABLE stolen (a String DEFAULT file('{}/secret.csv')) ENGINE = Memory",
    "CREATE TABLE stolen (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = object_storage, object_storage_type = local_blob_storage, path = '{}/new/')",
    "CREATE TABLE stolen (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = 'default'",
    "ATTACH TABLE stolen FROM '{}/taken' (a String) ENGINE = MergeTree ORDER BY a",
    "CREATE VIEW stolen AS SELECT file('{}/secret.csv')",
    "CREATE VIEW stolen AS SELECT * FROM '{}/secret.csv'",
    "CREATE MATERIALIZED VIEW stolen ENGINE = Memory AS SELECT * FROM '{}/secret.csv'",
    "CREATE VIEW stolen AS SELECT arrayMap({{f:Identifier}}, ['{}/secret.csv'])",
    "CREATE FUNCTION stolen AS x -> file(x)",
    "CREATE DICTIONARY stolen (k String) PRIMARY KEY k SOURCE(EXECUTABLE(COMMAND 'touch {}/new' FORMAT 'CSV')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    "CREATE DATABASE stolen ENGINE = Filesystem('{}')",
    "CREATE DATABASE stolen ENGINE = SQLite('{}/new.db')",
    "CREATE DATABASE stolen ENGINE = S3('http://127.0.0.1:1/')",
    "CREATE DATABASE stolen ENGINE = HDFS('127.0.0.1:1')",
    "CREATE DATABASE stolen ENGINE = Overlay('default')",
    "BACKUP TABLE victim TO File('{}/new')",
    "RESTORE TABLE victim FROM File('{}/new')",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{}/secret.csv'",
    "SELECT 1 FORMAT Protobuf SETTINGS output_format_schema = '{}/new.proto'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '{}/secret.csv:M'",
    "SELECT * FROM victim SETTINGS additional_table_filters = {{'victim': 'file(\\'{}/secret.csv\\') = 1'}}",
    "SELECT 1 SETTINGS dialect = 'kusto'",
    "SELECT hasColumnInTable('127.0.0.1:1', 'u', 'p', 'd', 't', 'c')",
    "SELECT * FROM url('http://127.0.0.1:1/{}', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM cluster('{}', system.one)",
    "SELECT * FROM executable('{}/secret.csv', 'CSV', 'a String')",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM SUSPEND FOR 10 SECOND",
    "GRANT files TO default",
    "SET ROLE files; SELECT * FROM file('{}/secret.csv', 'LineAsString')",
];

/// A parameter that is a name, in data that the engine reads.
#[test]
fn values_take_no_names_as_parameters() {
    select("CREATE OR REPLACE TABLE named (a String) ENGINE = Memory");
    let sql = "INSERT INTO named VALUES (arrayMap({f:Identifier}, ['/etc/hostname'])[1])";
    attack(&post("/?param_f=file", &[], sql));
    assert_eq!(select("SELECT count() FROM named"), "0\n");
}

#[test]
fn not_even_default_reaches_out_of_the_store() {
    select("CREATE OR REPLACE TABLE victim (a String) ENGINE = MergeTree ORDER BY a");
    let folder = outside();
    for statement in STATEMENTS {
        let sql = statement
            .replace("{{", "\u{1}")
            .replace("}}", "\u{2}")
            .replace("{}", &folder.path().display().to_string())
            .replace('\u{1}', "{")
            .replace('\u{2}', "}");
        let answer = post("/", &[], &sql);
        assert_ne!(answer.status, 200, "{sql}\n{}", answer.text());
        attack(&answer);
        untouched(folder.path());
        assert_eq!(select("SELECT count() FROM victim"), "0\n", "{sql}");
        assert_eq!(select("EXISTS stolen"), "0\n", "{sql}");
    }
    assert_eq!(select("EXISTS DATABASE stolen"), "0\n");
}

#[test]
fn nor_do_settings_and_parameters_beside_the_statement() {
    let folder = outside();
    let file = format!(
        "{}%2Fsecret.csv",
        folder.path().display().to_string().replace('/', "%2F")
    );
    let new = file.replace("secret.csv", "new.proto");
    for (path, sql) in [
        (
            format!("/?format_template_resultset={file}"),
            "SELECT 1 FORMAT Template",
        ),
        (
            format!("/?output_format_schema={new}"),
            "SELECT 1 FORMAT Protobuf",
        ),
        ("/?dialect=kusto".to_owned(), "print 1"),
        ("/?s3queue_default_zookeeper_path=x".to_owned(), "SELECT 1"),
        (
            "/?input_format_values_interpret_expressions=1".to_owned(),
            "SELECT 1",
        ),
        (format!("/?param_t={file}"), "SELECT * FROM {t:Identifier}"),
        (
            "/?param_f=file".to_owned(),
            "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])",
        ),
        (
            "/?param_f=%5Cx66ile".to_owned(),
            "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])",
        ),
    ] {
        let answer = post(&path, &[], sql);
        assert_ne!(answer.status, 200, "{path} {sql}: {}", answer.text());
        attack(&answer);
        // A reader as well.
        let reader = [
            ("X-ClickHouse-User", "reader"),
            ("X-ClickHouse-Key", "read-secret"),
        ];
        attack(&post(&path, &reader, sql));
        untouched(folder.path());
    }
}

#[test]
fn values_hold_literals_and_parameters() {
    select(
        "CREATE OR REPLACE TABLE literals (a Int64, b String, c Array(Int8), d Nullable(DateTime), e Map(String, Int8)) ENGINE = Memory",
    );
    post("/", &[], "INSERT INTO literals VALUES (-1, 'it''s', [1, 2], NULL, {'a': 1}), (2, 'file(\\'x\\')', [], '2026-01-02 03:04:05', {})").ok();
    post(
        "/?param_n=7&param_s=x",
        &[],
        "INSERT INTO literals VALUES ({n:Int64}, {s:String}, [], NULL, {})",
    )
    .ok();
    assert_eq!(select("SELECT sum(a), count() FROM literals"), "8\t3\n");
    for path in ["/", "/?param_n=7"] {
        let answer = post(
            path,
            &[],
            "INSERT INTO literals VALUES ({n:Int64}, file('/etc/hostname'), [], NULL, {})",
        );
        attack(&answer);
    }
    let sum = "INSERT INTO literals VALUES (2 + 3, '', [], NULL, {})";
    refused(&post("/", &[], sum), 344, 500);
    assert_eq!(select("SELECT count() FROM literals"), "3\n");
}

fn slow(marker: &str) -> String {
    format!(
        "SELECT sum(sleepEachRow(0.05)), '{marker}' FROM numbers(2000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000"
    )
}

/// Sends a query and leaves the answer alone.
fn leave(path: &str, sql: &str) -> TcpStream {
    common::request(store_port(), "POST", path, &[], sql.as_bytes())
}

#[test]
fn a_client_cancels_no_query_but_its_own() {
    let victim = leave(
        "/?query_id=shared-id&log_comment=shared-id",
        &slow("the-victim"),
    );
    wait_for_query(store_port(), "the-victim", true);
    let twin = post("/?query_id=shared-id", &[], "SELECT 1");
    refused(&twin, 216, 500);
    for path in ["/?log_comment=shared-id", "/?query_id=%25"] {
        let other = leave(path, &slow("the-other"));
        wait_for_query(store_port(), "the-other", true);
        drop(other);
        // Its own is cancelled, though it called itself by another's id or comment.
        wait_for_query(store_port(), "the-other", false);
        wait_for_query(store_port(), "the-victim", true);
    }
    drop(victim);
    wait_for_query(store_port(), "the-victim", false);
}
