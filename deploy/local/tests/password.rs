//! The password of the user `default`: where it is, and where it is not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Answer, http, options, refused};
use tapeline_local::{Parts, Stack, password_file, store_password};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn ask(port: u16, key: &[(&str, &str)], sql: &str) -> Answer {
    http(port, "POST", "/", key, sql.as_bytes())
}

/// Everything below a folder, and the command lines of all processes.
fn read_all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    for entry in std::fs::read_dir("/proc").unwrap().map(Result::unwrap) {
        for file in ["cmdline", "environ"] {
            let path = entry.path().join(file);
            if let Ok(bytes) = std::fs::read(&path) {
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    found
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len())
        .any(|window| window == part.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_release_without_passwords_gets_one_at_its_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut wanted = options(&data);
    wanted.parts = Parts::ClickHouse;
    let before = Stack::start(wanted.clone()).await.unwrap();
    let port = before.ports().clickhouse;
    ask(
        port,
        &[],
        "CREATE TABLE kept ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a",
    )
    .ok();
    before.stop().await;
    assert!(store_password(&data).unwrap().is_none());
    for folder in [&data, &data.join("clickhouse"), &data.join("run")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    wanted.users = None;
    let stack = Stack::start(wanted.clone()).await.unwrap();
    let port = stack.ports().clickhouse;
    let password = store_password(&data).unwrap().unwrap();
    assert_eq!(mode(&password_file(&data)), 0o600);
    for folder in ["", "clickhouse", "kafka", "logs", "run"] {
        assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
    }
    let read = "SELECT a FROM kept";
    let by_url = http(
        port,
        "POST",
        "/?user=default&password=wrong",
        &[],
        read.as_bytes(),
    );
    refused(&by_url, 516, 403);
    refused(&ask(port, &[], read), 194, 401);
    refused(
        &ask(port, &[("X-ClickHouse-User", "default")], read),
        516,
        403,
    );
    let almost = format!("{}x", &password[1..]);
    let wrong = ask(
        port,
        &[
            ("X-ClickHouse-User", "default"),
            ("X-ClickHouse-Key", &almost),
        ],
        read,
    );
    refused(&wrong, 516, 403);
    let key = [
        ("X-ClickHouse-User", "default"),
        ("X-ClickHouse-Key", password.as_str()),
    ];
    assert_eq!(ask(port, &key, read).ok(), "1\n");

    // The reader needs none.
    let reader = [("X-ClickHouse-User", "reader")];
    assert_eq!(ask(port, &reader, read).ok(), "1\n");
    refused(&ask(port, &reader, "INSERT INTO kept VALUES (2)"), 164, 500);

    let file = password_file(&data).display().to_string();
    for (place, bytes) in read_all(&data) {
        assert!(
            place == file || !holds(&bytes, &password),
            "the password is in {place}"
        );
    }
    stack.stop().await;

    // The next start keeps it, and so does one with empty tables.
    wanted.fresh = true;
    Stack::start(wanted).await.unwrap().stop().await;
    assert_eq!(store_password(&data).unwrap(), Some(password));
}
