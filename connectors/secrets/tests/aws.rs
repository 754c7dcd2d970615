//! Against a server that answers as AWS Secrets Manager does, faults included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};
use support::{Server, exposed, get, planted, reference, secrets, without_cache};
use tapeline_secrets::{AwsSettings, Category, Secrets, Settings, Timing};
use tempfile::TempDir;

const KEY: &str = "secret://aws/prod/db#password";

fn current(password: &str, version: &str) -> (u16, Json) {
    let text = json!({ "password": password }).to_string();
    let answer = json!({
        "ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
        "Name": "prod/db", "VersionId": version, "SecretString": text,
        "VersionStages": ["AWSCURRENT"], "CreatedDate": 1.5e9,
    });
    (200, answer)
}

fn failed(status: u16, kind: &str) -> (u16, Json) {
    (status, json!({ "__type": kind, "Message": "canary" }))
}

fn over(server: &Server, folder: &TempDir, timing: Timing) -> Secrets {
    let plant = |name: &str, text: &str| planted(folder.path(), name, text);
    secrets(Settings {
        timing,
        aws: Some(AwsSettings {
            region: "eu-west-1".to_owned(),
            endpoint: Some(server.address.clone()),
            access_key: plant("access", "AKIDEXAMPLE\n"),
            secret_key: plant("key", "wJalrXUtnFEMI\n"),
            session_token: Some(plant("session", "session-token\n")),
        }),
        ..Settings::default()
    })
}

#[tokio::test]
async fn a_secret_is_asked_for_with_a_signature() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| current("canary", "v1")).await;
    let secrets = over(&server, &folder, Timing::default());
    let value = secrets.get(&reference(KEY)).await.unwrap();
    assert_eq!((value.secret.expose(), &*value.version), ("canary", "v1"));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    let asked = &asked[0];
    assert_eq!((asked.method.as_str(), &*asked.path), ("POST", "/"));
    let body = json!({"SecretId": "prod/db", "VersionStage": "AWSCURRENT"});
    assert_eq!(asked.body, body);
    assert_eq!(
        asked.header("x-amz-target"),
        "secretsmanager.GetSecretValue"
    );
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(asked.header("x-amz-security-token"), "session-token");
    // What is signed as the host must be what is sent.
    assert_eq!(format!("http://{}", asked.header("host")), server.address);
    let date = &asked.header("x-amz-date")[..8];
    let start = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{date}/eu-west-1/secretsmanager/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature="
    );
    let authorization = asked.header("authorization");
    assert!(authorization.starts_with(&start), "{authorization}");
    assert_eq!(authorization.len(), start.len() + 64);
}

#[tokio::test]
async fn a_rotated_secret_is_fetched_again_when_it_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => current("old", "v1"),
        _ => current("new", "v2"),
    })
    .await;
    let secrets = over(&server, &folder, Timing::default());
    let mut watched = secrets.watch(&reference(KEY)).await.unwrap();
    assert_eq!(get(&secrets, KEY).await.unwrap(), "old");
    assert_eq!(
        exposed(secrets.again(&reference(KEY)).await).unwrap(),
        "new"
    );
    assert_eq!(get(&secrets, KEY).await.unwrap(), "new");
    assert!(watched.has_changed().unwrap());
    assert_eq!(watched.borrow_and_update().version, "v2");
    // Whoever fails on and on does not ask on and on.
    for _ in 0..20 {
        secrets.again(&reference(KEY)).await.unwrap();
    }
    assert_eq!(server.asked().len(), 2);
    let stages = server.asked();
    assert!(
        stages
            .iter()
            .all(|asked| asked.body["VersionStage"] == "AWSCURRENT")
    );
}

#[tokio::test]
async fn a_pending_version_is_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| {
        let (status, mut answer) = current("pending canary", "v2");
        answer["VersionStages"] = json!(["AWSPENDING"]);
        (status, answer)
    })
    .await;
    let secrets = over(&server, &folder, without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Damaged);
    assert!(!error.to_string().contains("canary"));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (kind, category, part) in [
        ("ResourceNotFoundException", Category::NotFound, "eu-west-1"),
        (
            "AccessDeniedException",
            Category::Forbidden,
            "secretsmanager:GetSecretValue",
        ),
        ("UnrecognizedClientException", Category::WrongKey, "clock"),
        ("ExpiredTokenException", Category::Expired, "session_token"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_| failed(400, kind)).await;
        let secrets = over(&server, &folder, without_cache());
        let error = get(&secrets, KEY).await.unwrap_err();
        assert_eq!(error.category, category);
        let text = error.to_string();
        assert!(text.contains(part) && !text.contains("canary"), "{text}");
        assert_eq!(server.asked().len(), 1, "it would be no other answer");
    }
}

#[tokio::test]
async fn throttling_is_waited_for_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => failed(400, "ThrottlingException"),
        1 => failed(500, "InternalServiceError"),
        _ => current("x", "v1"),
    })
    .await;
    let secrets = over(&server, &folder, without_cache());
    assert_eq!(get(&secrets, KEY).await.unwrap(), "x");

    let server = Server::start(|_| failed(400, "ThrottlingException")).await;
    let secrets = over(&server, &folder, without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Unreachable);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn credentials_are_read_at_each_question() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| current("x", "v1")).await;
    let secrets = over(&server, &folder, without_cache());
    get(&secrets, KEY).await.unwrap();
    planted(folder.path(), "access", "AKIDSECOND\n");
    get(&secrets, KEY).await.unwrap();
    let asked = server.asked();
    assert!(asked[0].header("authorization").contains("=AKIDEXAMPLE/"));
    assert!(asked[1].header("authorization").contains("=AKIDSECOND/"));
}
