//! The schema registry as clients of others see it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Answer, http};
use serde_json::{Value, json};
use tapeline_local::{PublishedSchema, serve_registry};
use tokio::net::TcpListener;
use tokio::sync::watch;

const FIRST: &str = r#"{"type":"record","name":"A","fields":[]}"#;
const SECOND: &str =
    r#"{"type":"record","name":"A","fields":[{"name":"x","type":["null","int"],"default":null}]}"#;

fn schemas() -> Vec<PublishedSchema> {
    [
        (1, "alerts-value", 1, FIRST),
        (7, "alerts-value", 2, SECOND),
        (1, "old-value", 1, FIRST),
    ]
    .map(|(id, subject, version, schema)| PublishedSchema {
        id,
        subject: subject.into(),
        version,
        schema: schema.into(),
    })
    .to_vec()
}

async fn ask(method: &'static str, path: &'static str, body: String) -> Answer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve_registry(listener, schemas(), stopped));
    let answer =
        tokio::task::spawn_blocking(move || http(port, method, path, &[], body.as_bytes()))
            .await
            .unwrap();
    stop.send(true).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/vnd.schemaregistry.v1+json")
    );
    answer
}

async fn get(path: &'static str) -> (u16, Value) {
    let answer = ask("GET", path, String::new()).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test]
async fn every_path_answers_as_the_real_one() {
    for (path, expected) in [
        ("/schemas/ids/7", json!({"schema": SECOND})),
        (
            "/schemas/ids/1/versions",
            json!([{"subject": "alerts-value", "version": 1}, {"subject": "old-value", "version": 1}]),
        ),
        (
            "/schemas/ids/1/subjects",
            json!(["alerts-value", "old-value"]),
        ),
        ("/schemas/types", json!(["AVRO"])),
        ("/subjects", json!(["alerts-value", "old-value"])),
        ("/subjects/alerts-value/versions", json!([1, 2])),
        (
            "/subjects/alerts-value/versions/1",
            json!({"subject": "alerts-value", "version": 1, "id": 1, "schema": FIRST}),
        ),
        (
            "/subjects/alerts-value/versions/latest",
            json!({"subject": "alerts-value", "version": 2, "id": 7, "schema": SECOND}),
        ),
        (
            "/subjects/alerts-value/versions/2/schema",
            serde_json::from_str(SECOND).unwrap(),
        ),
        ("/config", json!({"compatibilityLevel": "FULL_TRANSITIVE"})),
        ("/mode", json!({"mode": "READONLY"})),
    ] {
        assert_eq!(get(path).await, (200, expected), "{path}");
    }
}

#[tokio::test]
async fn what_is_unknown_has_its_own_code() {
    for (path, status, code) in [
        ("/schemas/ids/9", 404, 40403),
        ("/schemas/ids/x", 404, 40403),
        ("/subjects/none/versions", 404, 40401),
        ("/subjects/none/versions/1", 404, 40401),
        ("/subjects/alerts-value/versions/3", 404, 40402),
        ("/subjects/alerts-value/versions/zero", 422, 42202),
        ("/nowhere", 404, 404),
    ] {
        let (found, body) = get(path).await;
        assert_eq!(
            (found, &body["error_code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
    }
}

#[tokio::test]
async fn a_schema_can_be_looked_up_and_none_can_be_written() {
    let spaced = SECOND.replace(':', " : ");
    let found = ask(
        "POST",
        "/subjects/alerts-value",
        json!({"schema": spaced}).to_string(),
    )
    .await;
    let found: Value = serde_json::from_str(&found.ok()).unwrap();
    assert_eq!((&found["id"], &found["version"]), (&json!(7), &json!(2)));
    let unknown = ask(
        "POST",
        "/subjects/alerts-value",
        json!({"schema": "\"int\""}).to_string(),
    )
    .await;
    assert_eq!(unknown.status, 404);
    let broken = ask("POST", "/subjects/alerts-value", "not json".into()).await;
    assert_eq!(broken.status, 422);
    for (method, path) in [
        ("POST", "/subjects/alerts-value/versions"),
        ("DELETE", "/subjects/alerts-value"),
        ("PUT", "/config"),
        ("PUT", "/mode"),
    ] {
        let answer = ask(method, path, json!({"schema": FIRST}).to_string()).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        assert!(answer.text().contains("read-only"));
    }
}
