//! Statements made to do harm: each is answered with a status and one sentence, others are served
//! meanwhile, and nothing goes on behind a client that has left.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::{Answer, http, refused, request, select, store_port, wait_for_query};

/// Other tests run at the same time, so this is long; a second would do.
const SOON: Duration = Duration::from_secs(10);

const READER: [(&str, &str); 2] = [
    ("X-ClickHouse-User", "reader"),
    ("X-ClickHouse-Key", "read-secret"),
];

fn reader(path: &str, sql: &str) -> Answer {
    http(store_port(), "POST", path, &READER, sql.as_bytes())
}

/// `SELECT $a0$ $a1$ …`, where none of the here-documents ends.
fn never_closed(bytes: usize) -> String {
    let tags = (0..).map(|number| format!("$a{number}$ "));
    let mut sql = "SELECT ".to_owned();
    for tag in tags {
        sql.push_str(&tag);
        if sql.len() > bytes {
            return sql;
        }
    }
    unreachable!("there are as many tags as one likes")
}

#[test]
fn here_documents_that_never_end_stop_nothing() {
    for (bytes, code, status) in [
        (200_000, 62, 400),
        (350_000, 62, 400),
        (3_900_000, 229, 413),
    ] {
        let sql = never_closed(bytes);
        let started = Instant::now();
        // More than there are slots.
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let answer = reader("/", &sql);
                    refused(&answer, code, status);
                    assert_eq!(answer.text().trim_end().lines().count(), 1);
                    assert!(answer.text().len() < 400, "{}", answer.text());
                });
            }
        });
        let spent = started.elapsed();
        assert!(spent < SOON, "{bytes} bytes took {spent:?}");
    }
    select("CREATE OR REPLACE TABLE after_all (a UInt8) ENGINE = Memory");
    select("INSERT INTO after_all VALUES (1)");
    assert_eq!(select("SELECT a FROM after_all"), "1\n");
}

#[test]
fn here_documents_and_dollars_are_what_the_engine_takes_them_for() {
    for (sql, expected) in [
        ("SELECT $a$it's $b$; \\ $a$", "it\\'s $b$; \\\\ \n"),
        ("SELECT $$x$$, $1_a$y$1_a$", "x\ty\n"),
        ("SELECT length($a$$$$a$)", "2\n"),
        ("SELECT a$b$c FROM (SELECT 1 AS a$b$c)", "1\n"),
        ("SELECT 1 AS $x FORMAT TSVWithNames", "$x\n1\n"),
        ("SELECT '$a$', `$b$` FROM (SELECT 2 AS `$b$`)", "$a$\t2\n"),
    ] {
        assert_eq!(reader("/", sql).ok(), expected, "{sql}");
    }
    for sql in [
        "SELECT $a$ x",
        "SELECT 1$x$ ' $x$, file('/etc/passwd') -- '",
        "SELECT $x, ' $x, ', file('/etc/passwd') -- '",
    ] {
        refused(&reader("/", sql), 62, 400);
    }
}

#[test]
fn a_statement_may_be_long_and_its_data_longer() {
    let numbers = |bytes: usize| "1,".repeat(bytes / 2);
    let long = format!("SELECT length([{}1])", numbers(80_000));
    assert_eq!(reader("/", &long).ok(), "40001\n");
    let longer = format!("SELECT length([{}1])", numbers(300_000));
    for path in ["/", "/?max_query_size=1000000"] {
        let answer = http(store_port(), "POST", path, &[], longer.as_bytes());
        refused(&answer, 62, 400);
        assert!(answer.text().contains("Max query size exceeded"));
    }

    select("CREATE OR REPLACE TABLE long_data (a UInt64) ENGINE = Memory");
    let rows = "(1),".repeat(2_000_000);
    select(&format!("INSERT INTO long_data VALUES {rows}(2)"));
    assert_eq!(select("SELECT count() FROM long_data"), "2000001\n");
    let names = format!("INSERT INTO long_data ({}a) VALUES (1)", "a, ".repeat(50));
    refused(
        &http(store_port(), "POST", "/", &[], names.as_bytes()),
        15,
        400,
    );
}

/// A minute for a reader, with nothing to send before its end.
fn slow(marker: &str) -> String {
    format!(
        "SELECT sum(sleepEachRow(0.05)), '{marker}' FROM numbers(2000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000"
    )
}

#[test]
fn a_comment_of_its_own_keeps_no_query_running() {
    let path = "/?log_comment=mine";
    let sql = slow("commented");
    let stream = request(store_port(), "POST", path, &[], sql.as_bytes());
    wait_for_query(store_port(), "commented", true);
    drop(stream);
    wait_for_query(store_port(), "commented", false);
}

#[test]
fn an_id_names_one_query_at_a_time() {
    let port = store_port();
    let victim = request(
        port,
        "POST",
        "/?query_id=taken",
        &[],
        slow("victim").as_bytes(),
    );
    wait_for_query(port, "victim", true);
    let thief = http(
        port,
        "POST",
        "/?query_id=taken",
        &[],
        slow("thief").as_bytes(),
    );
    refused(&thief, 216, 500);
    // Of another user it is another id: a reader keeps no one else from using it.
    assert_eq!(reader("/?query_id=taken", "SELECT 1").ok(), "1\n");
    wait_for_query(port, "victim", true);
    drop(victim);
    wait_for_query(port, "victim", false);
    let again = || http(port, "POST", "/?query_id=taken", &[], b"SELECT 1");
    let deadline = Instant::now() + SOON;
    while again().status != 200 {
        assert!(Instant::now() < deadline, "the id is never given back");
    }
}

/// Whatever the query is just being prepared for when its client leaves.
#[test]
fn a_client_that_leaves_at_once_leaves_nothing_behind() {
    for step in 0..60 {
        let sql = slow("left-at-once");
        let stream = request(store_port(), "POST", "/", &[], sql.as_bytes());
        // Not a wait for something: every moment of the first milliseconds has its turn.
        let until = Instant::now() + Duration::from_micros(250 * step);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        drop(stream);
    }
    // Behind all of them, as every slot is given in turn.
    assert_eq!(select("SELECT 1"), "1\n");
    wait_for_query(store_port(), "left-at-once", false);
}
