use super::*;
use crate::cells::put_bytes;
use crate::testing::{FakeStore, Reply};

const RELEASE: &[Migration] = &[
    Migration {
        version: 1,
        name: "first",
        sql: "CREATE TABLE a (x Int8);\nCREATE TABLE b (x Int8);",
    },
    Migration {
        version: 2,
        name: "second",
        sql: "ALTER TABLE a ADD COLUMN y Int8;",
    },
];

fn row(version: u32, name: &str, checksum: &str) -> AppliedRow {
    AppliedRow {
        version,
        name: name.to_owned(),
        checksum: checksum.to_owned(),
    }
}

fn recorded(rows: &[AppliedRow]) -> Reply {
    let columns = [
        ("version", "UInt32"),
        ("name", "String"),
        ("checksum", "String"),
    ];
    let encoded: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| {
            let mut out = row.version.to_le_bytes().to_vec();
            put_bytes(&mut out, row.name.as_bytes());
            put_bytes(&mut out, row.checksum.as_bytes());
            out
        })
        .collect();
    Reply::table(
        &columns,
        &encoded.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    )
}

/// A server without locks.
async fn server() -> FakeStore {
    let fake = FakeStore::start().await;
    let locks = [("name", "String"), ("comment", "String"), ("now", "UInt64")];
    let none = || Reply::table(&locks, &[]);
    fake.reply("startsWith(name", [none(), none()]);
    let clock = Reply::table(&[("now", "UInt64")], &[&0u64.to_le_bytes()]);
    fake.reply("AS now", [clock]);
    fake
}

fn kept(sql: &[&str]) -> Reply {
    let encoded = sql.iter().map(|sql| {
        let mut out = Vec::new();
        put_bytes(&mut out, sql.as_bytes());
        out
    });
    let encoded: Vec<Vec<u8>> = encoded.collect();
    let rows: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
    Reply::table(&[("sql", "String")], &rows)
}

const READ: &str = "checksum FROM _migrations";

#[tokio::test]
async fn a_fresh_server_gets_the_database_and_every_statement_in_order() {
    let fake = server().await;
    let columns = [
        ("version", "UInt32"),
        ("name", "String"),
        ("checksum", "String"),
    ];
    fake.reply(READ, [Reply::table(&columns, &[])]);
    let applied = apply_these(&fake.store(), RELEASE).await.unwrap();
    let versions: Vec<u32> = applied.iter().map(|step| step.version).collect();
    assert_eq!(versions, [1, 2]);
    let begin = |request: &crate::testing::Request| {
        // Values travel beside their statement, in the parts of a form.
        let statement = request.sql.find("INSERT").unwrap_or(0);
        request.sql[statement..].chars().take(40).collect()
    };
    let sent: Vec<String> = fake.requests("").iter().map(begin).collect();
    let expected = [
        "CREATE DATABASE IF NOT EXISTS tapeline",
        "SELECT name, comment, toUInt64(toUnixTim",
        "SELECT toUInt64(toUnixTimestamp64Milli(n",
        "CREATE TABLE _lock_1 (x UInt8) ENGINE = ",
        "SELECT name, comment, toUInt64(toUnixTim",
        "CREATE TABLE IF NOT EXISTS _migrations (",
        "ALTER TABLE _migrations ADD COLUMN IF NO",
        "SELECT version, name, checksum FROM _mig",
        "CREATE TABLE a (x Int8)",
        "CREATE TABLE b (x Int8)",
        "INSERT INTO _migrations (version, name, ",
        "ALTER TABLE a ADD COLUMN y Int8",
        "INSERT INTO _migrations (version, name, ",
        "DROP TABLE IF EXISTS _lock_1",
    ];
    assert_eq!(sent, expected);
    // The database is made before anybody can name it as theirs.
    assert_eq!(
        fake.requests("CREATE DATABASE")[0].setting("database"),
        None
    );
    assert_eq!(
        fake.requests("CREATE TABLE a")[0].setting("database"),
        Some("tapeline")
    );
}

#[tokio::test]
async fn what_is_applied_is_not_applied_again() {
    let fake = server().await;
    fake.reply(READ, [recorded(&[row(1, "first", &RELEASE[0].checksum())])]);
    let applied = apply_these(&fake.store(), RELEASE).await.unwrap();
    assert_eq!(
        applied,
        [Step {
            version: 2,
            name: "second".to_owned()
        }]
    );
    assert!(fake.requests("CREATE TABLE a").is_empty());
}

#[tokio::test]
async fn an_edited_migration_stops_everything_and_is_named() {
    let fake = server().await;
    fake.reply(READ, [recorded(&[row(1, "first", "0123456789abcdef")])]);
    fake.reply("SELECT sql", [kept(&[])]);
    let error = apply_these(&fake.store(), RELEASE).await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("migration 1 (first)") && shown.contains("0123456789ab"),
        "{shown}"
    );
    assert!(shown.contains("restore the migration"), "{shown}");
    assert!(!error.retryable());
    assert!(fake.requests("ALTER TABLE a").is_empty());
    assert_eq!(fake.requests("DROP TABLE IF EXISTS _lock_1").len(), 1);
}

#[tokio::test]
async fn the_lines_of_an_edited_migration_that_differ_are_shown() {
    let fake = server().await;
    fake.reply(READ, [recorded(&[row(1, "first", "0123456789abcdef")])]);
    let before = "CREATE TABLE a (x Int16);\nCREATE TABLE b (x Int8);";
    fake.reply("SELECT sql", [kept(&[before])]);
    let shown = apply_these(&fake.store(), RELEASE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        shown.contains("\n  - CREATE TABLE a (x Int16);\n  + CREATE TABLE a (x Int8);"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_statement_that_fails_is_named_and_its_migration_not_recorded() {
    let fake = server().await;
    let columns = [
        ("version", "UInt32"),
        ("name", "String"),
        ("checksum", "String"),
    ];
    fake.reply(READ, [Reply::table(&columns, &[])]);
    fake.reply("CREATE TABLE b", [Reply::Code(62)]);
    let shown = apply_these(&fake.store(), RELEASE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        shown.contains("migration 1 (first) failed at its statement 2"),
        "{shown}"
    );
    assert!(fake.requests("INSERT INTO _migrations").is_empty());
}

#[tokio::test]
async fn a_database_that_is_not_there_has_everything_pending() {
    for code in [60, 81] {
        let fake = FakeStore::start().await;
        fake.reply(READ, [Reply::Code(code)]);
        let plan = plan(&fake.store()).await.unwrap();
        assert_eq!(
            (plan.applied.len(), plan.pending.len()),
            (0, MIGRATIONS.len())
        );
        assert!(!plan.is_current());
    }
}

#[test]
fn a_migration_of_a_newer_release_is_drift() {
    let applied = [
        row(1, "first", &RELEASE[0].checksum()),
        row(1, "first", &RELEASE[0].checksum()),
        row(2, "second", &RELEASE[1].checksum()),
        row(9, "future", "x"),
    ];
    let plan = compare(RELEASE, &applied);
    assert_eq!(
        (plan.applied.len(), plan.pending.len(), plan.drifted.len()),
        (2, 0, 1)
    );
    let shown = refuse_drift(&plan.drifted).unwrap_err().to_string();
    assert!(
        shown.contains("migration 9 (future)") && shown.contains("newer one"),
        "{shown}"
    );
    assert!(compare(RELEASE, &applied[..3]).is_current());
}
