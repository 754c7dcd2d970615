//! Clients that neither read, write nor leave do not hold up the others.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{http, options, parse, request, wait_for_query};
use tapeline_local::{Parts, Stack};

const SILENCE: Duration = Duration::from_millis(700);
const DEADLINE: Duration = Duration::from_secs(60);

/// A store with two slots that waits for nobody longer than `SILENCE`.
fn impatient(test: impl FnOnce(u16)) {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    wanted.store.client_silence = SILENCE;
    wanted.store.max_queries = 2;
    wanted.store.max_query_time = Duration::from_secs(2);
    wanted.store.max_memory_mb = 300;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(Stack::start(wanted)).unwrap();
    test(stack.ports().clickhouse);
    runtime.block_on(stack.stop());
}

/// What the server sends until it closes the connection, which it must do.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut raw = Vec::new();
    match stream.read_to_end(&mut raw) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the connection is still open")
        }
        _ => raw,
    }
}

#[test]
fn silent_clients_lose_their_connection_and_their_slots() {
    impatient(|port| {
        // Does not read: its query ends, and both slots are free again.
        let endless = "SELECT number, 'unread' FROM system.numbers FORMAT RowBinary SETTINGS max_execution_time = 0";
        let deaf: Vec<TcpStream> = (0..2)
            .map(|_| request(port, "POST", "/", &[], endless.as_bytes()))
            .collect();
        let deadline = Instant::now() + DEADLINE;
        let ask = || http(port, "POST", "/", &[], b"SELECT 1");
        while ask().status != 200 {
            assert!(Instant::now() < deadline, "the slots are lost");
        }
        wait_for_query(port, "unread", false);
        drop(deaf);

        // Does not send its body, nor the rest of its head, nor anything at all.
        let mut body = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            body,
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nSELECT"
        )
        .unwrap();
        let mut head = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(head, "POST / HTTP/1.1\r\nHost:").unwrap();
        let nothing = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let refused = parse(&rest(body));
        assert_eq!(refused.header("X-ClickHouse-Exception-Code"), Some("209"));
        rest(head);
        assert!(rest(nothing).is_empty());

        // Says no more, but has a query that takes longer than the silence that is allowed.
        let slow = "SELECT sleepEachRow(0.3) FROM numbers(4) SETTINGS max_block_size = 1";
        assert_eq!(
            http(port, "POST", "/", &[], slow.as_bytes())
                .ok()
                .lines()
                .count(),
            4
        );

        // What a closed half means cannot be told from a client that has gone: its slot is free.
        let half = request(
            port,
            "POST",
            "/",
            &[],
            endless.replace("unread", "half").as_bytes(),
        );
        wait_for_query(port, "half", true);
        half.shutdown(std::net::Shutdown::Write).unwrap();
        wait_for_query(port, "half", false);
    });
}

#[test]
fn a_query_that_takes_too_long_or_too_much_is_ended() {
    impatient(|port| {
        let long = "SELECT sum(sleepEachRow(0.05)) FROM numbers(2000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000";
        let ended = http(port, "POST", "/", &[], long.as_bytes());
        common::refused(&ended, 159, 408);
        let greedy = "SELECT length(groupArray(toString(number))) FROM numbers(100000000)";
        common::refused(&http(port, "POST", "/", &[], greedy.as_bytes()), 241, 500);
        // Who knows better says so.
        let patient = "SELECT sum(sleepEachRow(0.1)) FROM numbers(25) SETTINGS max_block_size = 1";
        let path = "/?max_execution_time=30";
        assert_eq!(
            http(port, "POST", path, &[], patient.as_bytes()).ok(),
            "0\n"
        );
    });
}
