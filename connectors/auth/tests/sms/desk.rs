//! One account with a telephone number, and what its tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use tapeline_auth::mfa::sms::{Numbers, Webhook};
use tapeline_auth::mfa::{Code, CodeRouter, CodeRouters, Expected, Pending};
use tapeline_auth::{Clock, Environment, SendError, Sending, Transport};
use tapeline_model::Micros;
use tapeline_secrets::{Reference, Secrets, Settings, VaultLogin, VaultSettings};
use tapeline_simulators::{AUTH_TOKEN, Hook, Twilio};
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub const NUMBER: &str = "+15550100";
pub const BROKER: &str = "+15550199";
pub const PUBLIC: &str = "https://codes.example/sms";
/// What is answered to everything that Twilio signed.
pub const NOTHING: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;

pub struct Desk {
    pub folder: tempfile::TempDir,
    pub twilio: Twilio,
    pub code_router: CodeRouter,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), AUTH_TOKEN).unwrap();
        let twilio = Twilio::quiet();
        twilio.change(|book| {
            book.hook = Hook {
                public_url: PUBLIC.to_owned(),
                url: "/behind/a/proxy".to_owned(),
            };
        });
        Self {
            folder,
            twilio,
            code_router: CodeRouter::default(),
        }
    }

    pub fn token(&self) -> Reference {
        let path = self.folder.path().join("token");
        format!("secret://file/{}", path.display()).parse().unwrap()
    }

    pub fn numbers(&self) -> Numbers {
        Numbers::from([(
            NUMBER.to_owned(),
            CodeRouters::new([self.code_router.clone()]),
        )])
    }

    pub fn webhook(&self) -> Router {
        let secrets = Secrets::new(&Settings::default()).unwrap();
        let clock: Clock = Arc::new(now);
        Webhook::new(PUBLIC, secrets, self.token(), self.numbers(), clock).router()
    }

    /// Waits for a code from now on.
    pub fn wait(&self) -> JoinHandle<Option<Code>> {
        let code_router = self.code_router.clone();
        tokio::spawn(async move { code_router.code(pending()).await })
    }

    /// The request of a message that came in now, from whom codes are awaited.
    pub fn message(&self, body: &str) -> Request<Body> {
        let text = self.twilio.receive(BROKER, NUMBER, body);
        self.twilio.request(&text).map(Body::from)
    }
}

pub fn pending() -> Pending {
    let asked = now();
    Pending {
        asked,
        until: asked.plus_millis(120_000),
        senders: vec![BROKER.to_owned()],
        expected: Expected::of("broker.example"),
    }
}

pub fn now() -> Micros {
    SystemTime::now().into()
}

pub async fn said(router: &Router, request: Request<Body>) -> (u16, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A way for requests without a socket, so that time can be what a test wants it to be.
pub struct InProcess(pub Router);

impl Transport for InProcess {
    fn send(&self, request: reqwest::Request) -> Sending<'_> {
        let router = self.0.clone();
        Box::pin(async move {
            let request: Request<reqwest::Body> =
                request.try_into().map_err(|_| SendError::Unanswered)?;
            let answer = router
                .oneshot(request.map(Body::new))
                .await
                .map_err(|_| SendError::Unanswered)?;
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, 8 << 20)
                .await
                .map_err(|_| SendError::Unanswered)?;
            Ok(Response::from_parts(head, reqwest::Body::from(body)).into())
        })
    }
}

pub fn environment(router: Router) -> Environment {
    Environment::new(Arc::new(now), Arc::new(InProcess(router))).unwrap()
}

/// A Vault whose token of Twilio is what a file holds, and that counts how often it is asked.
pub async fn vault(desk: &Desk) -> (Secrets, Reference, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let (file, counted) = (desk.folder.path().join("token"), asked.clone());
    let router = Router::new().fallback(move |request: Request<Body>| async move {
        if !request.uri().path().ends_with("/kv/data/twilio") {
            return r#"{"data":{"ttl":3600,"renewable":false}}"#.into_response();
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let token = std::fs::read_to_string(file).unwrap();
        let answer = serde_json::json!({"data": {"data": {"token": token}, "metadata": {
            "version": 1, "created_time": "2026-11-22T02:24:06Z", "deletion_time": "", "destroyed": false}}});
        answer.to_string().into_response()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let vault = VaultSettings {
        address,
        namespace: String::new(),
        login: VaultLogin::Token(desk.token()),
        ca: None,
    };
    let mut settings = Settings {
        vault: Some(vault),
        ..Settings::default()
    };
    settings.timing.again_gap = Duration::ZERO;
    let secrets = Secrets::new(&settings).unwrap();
    let token = "secret://vault/kv/twilio#token".parse().unwrap();
    (secrets, token, asked)
}
