//! Whatever a venue answers, a flow has a word for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use reqwest::Request;
use serde_json::{Value, json};
use tapeline_secrets::Settings;

use super::*;
use crate::challenge::{Challenge, Method, Wants};
use crate::environment::{Environment, SendError, Sending, Transport};
use crate::flow::{Flow, Proof, Reply};
use crate::mfa::Code;
use crate::saved_state::Validity;
use crate::session::Session;
use tapeline_model::Micros;

/// Gives one answer to everything.
#[derive(Clone)]
struct Parrot {
    status: u16,
    body: Vec<u8>,
}

impl Transport for Parrot {
    fn send(&self, _: Request) -> Sending<'_> {
        let answer = axum::http::Response::builder().status(self.status);
        let answer = answer.body(self.body.clone()).unwrap();
        Box::pin(async { Ok(answer.into()) })
    }
}

/// Says that the credentials are right, and nothing more.
struct Mute;

impl Transport for Mute {
    fn send(&self, request: Request) -> Sending<'_> {
        let words = r#"{"verification_workflow":{"id":"w1"}}"#;
        let answer = axum::http::Response::new(words.to_owned());
        let is_answered = request.url().path() == "/oauth2/token/";
        Box::pin(async move {
            is_answered
                .then(|| answer.into())
                .ok_or(SendError::Unanswered)
        })
    }
}

fn environment(parrot: impl Transport + 'static) -> Environment {
    let time = AtomicI64::new(1_800_000_000_000_000);
    let clock = Arc::new(move || Micros(time.fetch_add(1, Ordering::Relaxed)));
    Environment::new(clock, Arc::new(parrot)).unwrap()
}

fn flows(parrot: impl Transport + 'static) -> Vec<Box<dyn Flow>> {
    let environment = environment(parrot);
    let address = "https://venue.example";
    let credentials = || Credentials {
        secrets: Secrets::new(&Settings::default()).unwrap(),
        name: "secret://env/CARGO_PKG_NAME".parse().unwrap(),
        password: "secret://env/CARGO_PKG_VERSION".parse().unwrap(),
    };
    let redirect = "https://127.0.0.1:8182/";
    vec![
        Box::new(ApiKey::new(address, credentials(), &environment).unwrap()),
        Box::new(Device::new(address, "client", credentials(), &environment).unwrap()),
        Box::new(OAuth::new(address, redirect, credentials(), &environment).unwrap()),
        Box::new(Gateway::new(address, &environment).unwrap()),
    ]
}

fn session() -> Session {
    let planted = |text: &str| Arc::new(Secret::new(text));
    Session {
        token: planted("planted-token"),
        renewal: Some(planted("planted-renewal")),
        until: Validity {
            expires: Some(Micros(1)),
            renewable: Some(Micros(2)),
        },
    }
}

/// Everything that a flow is asked for, and what it made of the answers.
async fn ask_for_everything(flow: &dyn Flow, id: &str) -> Vec<Result<Option<Reply>, Refusal>> {
    let code = Code::new("planted-code");
    let mut challenge = Challenge {
        id: id.to_owned(),
        method: Method::Sms,
        wants: Wants::Code,
        link: None,
        left: None,
    };
    let mut made = vec![flow.open("planted-device").await.map(Some)];
    if let Ok(Some(Reply::Challenge(given))) = &made[0] {
        challenge = given.clone();
    }
    for proof in [Proof::Code(&code), Proof::Approval] {
        let reply = flow.prove("planted-device", &challenge, proof).await;
        made.push(reply.map(Some));
    }
    made.push(flow.approval(&challenge).await.map(|_| None));
    made.push(flow.renew(&session()).await.map(Some));
    made.push(flow.probe(&session()).await.map(|()| None));
    made.push(flow.account_facts(&session()).await.map(|_| None));
    made.push(flow.end(&session()).await.map(|_| None));
    made
}

fn word() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("")),
        Just(json!("planted-word")),
        Just(json!("../..")),
        prop::sample::select(vec![
            "app",
            "sms",
            "email",
            "prompt",
            "issued",
            "validated",
            "denied",
            "invalid_grant",
            "invalid_client",
            "workflow_status_approved",
            "ACTIVE",
        ])
        .prop_map(Value::from),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "access_token",
        "refresh_token",
        "expires_in",
        "mfa_required",
        "mfa_type",
        "challenge",
        "verification_workflow",
        "detail",
        "id",
        "type",
        "status",
        "remaining_attempts",
        "context",
        "sheriff_challenge",
        "type_context",
        "result",
        "challenge_status",
        "error",
        "authenticated",
        "connected",
        "competing",
        "workflow_status",
    ])
}

fn words() -> impl Strategy<Value = Value> {
    word().prop_recursive(3, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 0..10).prop_map(|pairs| {
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(pairs.collect())
            }),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => words().prop_map(|words| words.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => Just(200),
        3 => prop::sample::select(vec![201, 302, 400, 401, 403, 404, 423, 429, 500]),
        1 => 200..600u16,
    ]
}

fn now_or_never(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let minutes = Duration::from_mins(5);
        tokio::time::timeout(minutes, body).await.unwrap();
    });
}

proptest! {
    #[test]
    fn any_answer_has_a_meaning_and_none_shows_a_secret(status in status(), body in body(), id in "[a-z/-]{0,6}") {
        now_or_never(async {
            let has_token = body.windows(12).any(|part| part == b"access_token");
            let parrot = Parrot { status, body: body.clone() };
            for (at, flow) in flows(parrot).iter().enumerate() {
                for made in ask_for_everything(&**flow, &id).await {
                    let shown = format!("{made:?}");
                    assert!(!shown.contains("planted"), "{shown}");
                    let Ok(Some(Reply::Session(session))) = made else { continue };
                    // A key and a gateway have none.
                    if at == 1 || at == 2 {
                        assert!(has_token && !session.token.is_empty());
                        assert!((200..300).contains(&status));
                    }
                }
            }
        });
    }
}

#[test]
fn an_answer_of_a_shape_that_was_never_seen_is_told_as_such() {
    let bodies: [&[u8]; 6] = [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"{\"access_token\":1}",
        b"{\"access_",
    ];
    for body in bodies {
        now_or_never(async {
            let parrot = Parrot {
                status: 200,
                body: body.to_vec(),
            };
            for (at, flow) in flows(parrot).iter().enumerate() {
                let made = ask_for_everything(&**flow, "id").await;
                // OAuth begins without a request.
                let first = if at == 2 { &made[4] } else { &made[0] };
                let category = first.as_ref().err().map(|refusal| refusal.category);
                assert_eq!(category, Some(LoginCategory::ChangedApi), "{at} {body:?}");
            }
        });
    }
}

#[test]
fn what_no_venue_counts_is_lost_without_fear() {
    now_or_never(async {
        for (at, flow) in flows(Mute).iter().enumerate() {
            let refusal = flow.open("planted-device").await.err();
            let expected = match at {
                0 => Some(Refusal::unseen()),
                2 => None,
                _ => Some(LoginCategory::Network.into()),
            };
            assert_eq!(refusal, expected, "{at}");
        }
    });
}
