use super::*;
use crate::row_writer::put_bytes;
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

const READ: &str = "FROM _migrations";

#[tokio::test]
async fn a_fresh_server_gets_the_database_and_every_statement_in_order() {
    let fake = FakeStore::start().await;
    let columns = [
        ("version", "UInt32"),
        ("name", "String"),
        ("checksum", "String"),
    ];
    fake.reply(READ, [Reply::table(&columns, &[])]);
    let applied = apply_these(&fake.store(), RELEASE).await.unwrap();
    let versions: Vec<u32> = applied.iter().map(|step| step.version).collect();
    assert_eq!(versions, [1, 2]);
    let sent: Vec<String> = fake
        .requests("")
        .iter()
        .map(|r| r.sql.chars().take(40).collect())
        .collect();
    let expected = [
        "CREATE DATABASE IF NOT EXISTS tapeline",
        "CREATE TABLE IF NOT EXISTS _migrations (",
        "SELECT version, name, checksum FROM _mig",
        "CREATE TABLE a (x Int8)",
        "CREATE TABLE b (x Int8)",
        "INSERT INTO _migrations (version, name, ",
        "ALTER TABLE a ADD COLUMN y Int8",
        "INSERT INTO _migrations (version, name, ",
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
    let fake = FakeStore::start().await;
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
    let fake = FakeStore::start().await;
    fake.reply(READ, [recorded(&[row(1, "first", "0123456789abcdef")])]);
    let error = apply_these(&fake.store(), RELEASE).await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("migration 1 (first)") && shown.contains("0123456789ab"),
        "{shown}"
    );
    assert!(shown.contains("restore the migration"), "{shown}");
    assert!(!error.retryable());
    assert!(fake.requests("ALTER").is_empty());
}

#[tokio::test]
async fn a_statement_that_fails_is_named_and_its_migration_not_recorded() {
    let fake = FakeStore::start().await;
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
