//! The engine's process is killed while the rest goes on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{http, options};
use tapeline_local::{Parts, Stack, StackError};

const DEADLINE: Duration = Duration::from_mins(4);
const KILLS: u64 = 3;

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Whether the store said that it has these rows. A broken connection says nothing.
fn acknowledged(port: u16, path: &str, body: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    };
    ask().unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_comes_back_with_every_acknowledged_row() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    let mut stack = Stack::start(wanted).await.unwrap();
    let port = stack.ports().clickhouse;
    let create = b"CREATE TABLE acked (batch UInt64, n UInt64) ENGINE = MergeTree ORDER BY batch SETTINGS non_replicated_deduplication_window = 1000";
    http(port, "POST", "/", &[], create).ok();

    // Each batch is sent until it is acknowledged, as the sink does it.
    let acked = AtomicU64::new(0);
    let deadline = Instant::now() + DEADLINE;
    let batches = std::thread::scope(|scope| {
        let killed = scope.spawn(|| {
            for kill_number in 1..=KILLS {
                let seen = acked.load(Ordering::SeqCst);
                // In the middle of the next inserts, and only once it is back from the last kill.
                while acked.load(Ordering::SeqCst) < seen + 10 {
                    assert!(
                        Instant::now() < deadline,
                        "no inserts before kill {kill_number}"
                    );
                    std::thread::sleep(Duration::from_millis(5));
                }
                // Its number is written a moment after it has begun to answer.
                let pid = loop {
                    match stack.clickhouse_pid() {
                        Some(pid) => break pid,
                        None => assert!(Instant::now() < deadline, "no process"),
                    }
                };
                kill(pid);
            }
        });
        let mut batch = 0;
        while !killed.is_finished() || stack.store_restarts() < KILLS {
            assert!(
                Instant::now() < deadline,
                "started again {} times only",
                stack.store_restarts()
            );
            let path = format!(
                "/?async_insert=0&insert_deduplication_token=t:{batch}&query=INSERT%20INTO%20acked%20FORMAT%20CSV"
            );
            let rows: Vec<String> = (0..500).map(|n| format!("{batch},{n}\n")).collect();
            let rows = rows.concat();
            while !acknowledged(port, &path, &rows) {
                assert!(
                    Instant::now() < deadline,
                    "batch {batch} was never acknowledged"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            batch += 1;
            acked.store(batch, Ordering::SeqCst);
        }
        killed.join().unwrap();
        batch
    });
    stack.check_children().unwrap();
    assert_eq!(stack.store_restarts(), KILLS);
    let lost = format!(
        "SELECT number FROM numbers({batches}) WHERE number NOT IN (SELECT batch FROM acked GROUP BY batch HAVING uniqExact(n) = 500)"
    );
    assert_eq!(http(port, "POST", "/", &[], lost.as_bytes()).ok(), "");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_keeps_ending_is_given_up_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = options(dir.path());
    wanted.parts = Parts::ClickHouse;
    wanted.store.restarts = 1;
    let mut stack = Stack::start(wanted).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut killed = Vec::new();
    let error = loop {
        if let Err(error) = stack.check_children() {
            break error;
        }
        match stack.clickhouse_pid() {
            Some(pid) if !killed.contains(&pid) => {
                kill(pid);
                killed.push(pid);
            }
            _ => {}
        }
        assert!(Instant::now() < deadline, "nobody gave up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let text = error.to_string();
    assert!(
        matches!(error, StackError::KeepsEnding { times: 2, .. }),
        "{text}"
    );
    assert!(
        text.contains("ended 2 times") && text.contains("clickhouse"),
        "{text}"
    );
    assert_eq!(stack.store_restarts(), 1);
    stack.stop().await;
}
