//! The HTTP front against the real engine, over plain HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::{Answer, http, refused, store_port, wait_for_query};

fn post(path: &str, body: &str) -> Answer {
    http(store_port(), "POST", path, &[], body.as_bytes())
}

fn run(sql: &str) -> String {
    post("/", sql).ok()
}

#[test]
fn health_checks_answer() {
    for path in ["/ping", "/", "/replicas_status"] {
        assert_eq!(http(store_port(), "GET", path, &[], b"").ok(), "Ok.\n");
    }
    assert_eq!(http(store_port(), "GET", "/nowhere", &[], b"").status, 404);
}

#[test]
fn a_response_says_what_it_holds() {
    let answer = post(
        "/?query_id=my-id&default_format=JSONEachRow",
        "SELECT 1 AS x",
    );
    assert_eq!(answer.header("X-ClickHouse-Query-Id"), Some("my-id"));
    assert_eq!(answer.header("X-ClickHouse-Format"), Some("JSONEachRow"));
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/x-ndjson; charset=UTF-8")
    );
    assert!(answer.header("X-ClickHouse-Timezone").is_some());
    assert!(answer.header("X-ClickHouse-Server-Display-Name").is_some());
    let summary = answer.header("X-ClickHouse-Summary").unwrap();
    assert!(
        summary.contains("\"read_rows\":\"1\"") && summary.contains("\"elapsed_ns\":\""),
        "{summary}"
    );
    assert_eq!(answer.ok(), "{\"x\":1}\n");
    let named = post("/?default_format=JSON", "SELECT 1 FORMAT CSV");
    assert_eq!(named.header("X-ClickHouse-Format"), Some("CSV"));
    let generated = run("SELECT 1");
    assert_eq!(generated, "1\n");
}

#[test]
fn the_query_may_be_in_the_url_the_body_or_both() {
    assert_eq!(
        http(store_port(), "GET", "/?query=SELECT%201", &[], b"").ok(),
        "1\n"
    );
    assert_eq!(post("/?query=SELECT", "1 + 1").ok(), "2\n");
    assert_eq!(run("SELECT 3;"), "3\n");
    refused(&post("/", ""), 62, 400);
}

#[test]
fn get_is_read_only() {
    let answer = http(
        store_port(),
        "GET",
        "/?query=CREATE%20TABLE%20no(a%20Int8)ENGINE%3DMemory",
        &[],
        b"",
    );
    refused(&answer, 164, 500);
    let sly = http(
        store_port(),
        "GET",
        "/?readonly=0&query=CREATE%20TABLE%20no(a%20Int8)ENGINE%3DMemory",
        &[],
        b"",
    );
    refused(&sly, 164, 500);
}

#[test]
fn errors_carry_code_and_status() {
    for (sql, code, status) in [
        ("SELEC 1", 62, 400),
        ("SELECT * FROM nowhere", 60, 404),
        ("SELECT * FROM nowhere.nothing", 81, 404),
        ("SELECT nofunction(1)", 46, 404),
        ("SELECT 1 FORMAT Nope", 73, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT 1; SELECT 2", 62, 400),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 358, 500),
        ("INSERT INTO nowhere FORMAT CSV 1", 60, 404),
        ("CREATE USER u", 497, 403),
    ] {
        refused(&post("/", sql), code, status);
    }
    refused(&post("/?database=nowhere", "SELECT 1"), 81, 404);
    refused(&post("/?no_such_setting=1", "SELECT 1"), 115, 404);
    refused(&post("/?decompress=maybe", "SELECT 1"), 27, 400);
    refused(
        &post("/?max_execution_time=0.2", "SELECT sleep(1)"),
        159,
        408,
    );
    assert_eq!(run("SELECT 'still alive'"), "still alive\n");
}

#[test]
fn settings_and_databases_do_not_leak_into_the_next_query() {
    run("CREATE DATABASE IF NOT EXISTS leak");
    assert_eq!(
        post(
            "/?database=leak&max_threads=3",
            "SELECT currentDatabase(), getSetting('max_threads')"
        )
        .ok(),
        "leak\t3\n"
    );
    assert_ne!(
        run("SELECT currentDatabase(), getSetting('max_threads')"),
        "leak\t3\n"
    );
    let header = http(
        store_port(),
        "POST",
        "/",
        &[
            ("X-ClickHouse-Database", "leak"),
            ("X-ClickHouse-Format", "JSONCompactEachRow"),
        ],
        b"SELECT currentDatabase()",
    );
    assert_eq!(header.ok(), "[\"leak\"]\n");
}

#[test]
fn parameters_are_substituted() {
    let sql = "SELECT {s:String}, {n:Array(UInt8)}, {o:Nullable(Int8)} IS NULL";
    let answer = post(
        "/?param_s=it%27s%5C%5C%20%3B%20--&param_n=%5B1%2C2%5D&param_o=%5CN",
        sql,
    );
    assert_eq!(answer.ok(), "it\\'s\\\\ ; --\t[1,2]\t1\n");
    let form = "--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:String}\r\n--B\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\nz\r\n--B--\r\n";
    let answer = http(
        store_port(),
        "POST",
        "/",
        &[("Content-Type", "multipart/form-data; boundary=B")],
        form.as_bytes(),
    );
    assert_eq!(answer.ok(), "z\n");
    refused(&post("/", "SELECT {absent:String}"), 456, 500);
}

#[test]
fn inserts_take_their_data_from_everywhere() {
    run(
        "CREATE OR REPLACE TABLE ins (a UInt64, s String DEFAULT concat('d', toString(a)), m UInt64 MATERIALIZED a * 2, e Enum8('x, y' = 1) DEFAULT 'x, y') ENGINE = Memory",
    );
    post(
        "/?query=INSERT%20INTO%20ins%20FORMAT%20JSONEachRow",
        "{\"a\":1}\n{\"a\":2,\"s\":\"two\"}\n",
    )
    .ok();
    run("INSERT INTO ins (s, a) FORMAT CSV\n\"new\nline\",3\n");
    run("INSERT INTO ins (a, s) VALUES (4, 'a;b\n'), (5, DEFAULT);");
    post(
        "/?param_p=6&query=INSERT%20INTO%20ins(a)%20VALUES",
        "({p:UInt64})",
    )
    .ok();
    run("INSERT INTO ins (a) SELECT 7");
    post("/?query=INSERT%20INTO%20ins%20FORMAT%20Native", "").ok();
    let binary = [8_u64.to_le_bytes().as_slice(), b"\x03\n'\0"].concat();
    http(
        store_port(),
        "POST",
        "/?query=INSERT%20INTO%20ins(a,s)%20FORMAT%20RowBinary",
        &[],
        &binary,
    )
    .ok();
    assert_eq!(
        run("SELECT a, s, m FROM ins ORDER BY a FORMAT JSONCompactEachRow SETTINGS output_format_json_quote_64bit_integers = 0").replace(' ', ""),
        "[1,\"d1\",2]\n[2,\"two\",4]\n[3,\"new\\nline\",6]\n[4,\"a;b\\n\",8]\n[5,\"d5\",10]\n[6,\"d6\",12]\n[7,\"d7\",14]\n[8,\"\\n'\\u0000\",16]\n"
    );
    let summary = post("/?query=INSERT%20INTO%20ins(a)%20FORMAT%20CSV", "9\n10\n");
    assert!(
        summary
            .header("X-ClickHouse-Summary")
            .unwrap()
            .contains("\"written_rows\":\"2\"")
    );
    refused(
        &post("/?query=INSERT%20INTO%20ins%20(nope)%20FORMAT%20CSV", "1\n"),
        16,
        500,
    );
    refused(
        &post("/?query=INSERT%20INTO%20ins(a)%20FORMAT%20CSV", "x\n"),
        117,
        400,
    );
}

#[test]
fn the_same_block_twice_counts_once() {
    run(
        "CREATE OR REPLACE TABLE dedupe (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000",
    );
    let insert = "/?async_insert=0&insert_deduplication_token=t:0:1-2&query=INSERT%20INTO%20dedupe%20FORMAT%20CSV";
    for _ in 0..3 {
        post(insert, "1\n2\n").ok();
    }
    assert_eq!(run("SELECT count() FROM dedupe"), "2\n");
    // Another token is another block, even with the same rows; no token goes by the content.
    post(&insert.replace("1-2", "3-4"), "1\n2\n").ok();
    assert_eq!(run("SELECT count() FROM dedupe"), "4\n");
    for _ in 0..2 {
        run("INSERT INTO dedupe SETTINGS insert_deduplication_token='in the text' FORMAT CSV\n7\n");
        run("INSERT INTO dedupe FORMAT CSV\n8\n");
    }
    assert_eq!(run("SELECT count() FROM dedupe"), "6\n");
}

#[test]
fn compressed_bodies_go_both_ways() {
    let answer = post("/?compress=1", "SELECT 1");
    assert_eq!(answer.body[16], 0x82);
    let packed = answer.body;
    run("CREATE OR REPLACE TABLE packed (a UInt64) ENGINE = Memory");
    let insert = "/?decompress=1&query=INSERT%20INTO%20packed%20FORMAT%20CSV";
    http(store_port(), "POST", insert, &[], &packed).ok();
    assert_eq!(run("SELECT a FROM packed"), "1\n");
    let mut broken = packed;
    broken[27] ^= 1;
    refused(&http(store_port(), "POST", insert, &[], &broken), 40, 500);
    refused(
        &http(store_port(), "POST", insert, &[], &broken[..20]),
        32,
        500,
    );

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"SELECT 5").unwrap();
    let headers = [("Content-Encoding", "gzip"), ("Accept-Encoding", "gzip")];
    let answer = http(
        store_port(),
        "POST",
        "/?enable_http_compression=1",
        &headers,
        &gzip.finish().unwrap(),
    );
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(answer.body.as_slice()),
        &mut text,
    )
    .unwrap();
    assert_eq!(text, "5\n");
    let plain = http(
        store_port(),
        "POST",
        "/?enable_http_compression=0",
        &[("Accept-Encoding", "gzip")],
        b"SELECT 5",
    );
    assert_eq!(plain.header("Content-Encoding"), None);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let body = vec![b'x'; 17 * 1024 * 1024];
    let answer = http(
        store_port(),
        "POST",
        "/?query=INSERT%20INTO%20nowhere%20FORMAT%20TSV",
        &[],
        &body,
    );
    refused(&answer, 229, 413);
    assert!(answer.text().contains("16 MiB"));
}

fn slow(marker: &str) -> String {
    format!(
        "SELECT sum(sleepEachRow(0.05)), '{marker}' FROM numbers(2000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000"
    )
}

#[test]
fn a_running_query_can_be_killed_by_its_id() {
    let victim = std::thread::spawn(|| post("/?query_id=victim-1", &slow("kill-me")));
    wait_for_query(store_port(), "kill-me", true);
    let answer = run("KILL QUERY WHERE query_id = 'victim-1' SYNC");
    assert!(answer.contains("kill-me"), "{answer}");
    refused(&victim.join().unwrap(), 394, 500);
}

#[test]
fn a_client_that_leaves_takes_its_query_with_it() {
    let mut stream = TcpStream::connect(("127.0.0.1", store_port())).unwrap();
    let sql = slow("left-alone");
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{sql}",
        sql.len()
    )
    .unwrap();
    wait_for_query(store_port(), "left-alone", true);
    drop(stream);
    wait_for_query(store_port(), "left-alone", false);
}

#[test]
fn many_clients_at_once_each_get_their_own_answer() {
    run("CREATE OR REPLACE TABLE crowd (a UInt64) ENGINE = MergeTree ORDER BY a");
    std::thread::scope(|scope| {
        for client in 0..12_u64 {
            scope.spawn(move || {
                for step in 0..8_u64 {
                    let number = client * 100 + step;
                    post(
                        "/?query=INSERT%20INTO%20crowd%20FORMAT%20CSV",
                        &format!("{number}\n"),
                    )
                    .ok();
                    assert_eq!(run(&format!("SELECT {number}")), format!("{number}\n"));
                }
            });
        }
    });
    assert_eq!(run("SELECT count(), uniqExact(a) FROM crowd"), "96\t96\n");
}

#[test]
fn an_idle_connection_serves_several_requests() {
    let mut stream = TcpStream::connect(("127.0.0.1", store_port())).unwrap();
    for _ in 0..3 {
        write!(stream, "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 512];
        let read = std::io::Read::read(&mut stream, &mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer[..read]).ends_with("Ok.\n"));
    }
}
