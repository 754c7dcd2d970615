//! Logs in by name, password, device and code, and counts what it is sent; beside that, an account
//! that is asked for with a key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use totp_rs::{Builder, Secret};

/// Of codes by time, a second each.
pub const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub const NAME: &str = "planted-name";
pub const PASSWORD: &str = "planted-password";
/// It locks an account at this many wrong answers.
const LOCKS_AT: u32 = 5;

/// What it was sent, and how it answers.
#[derive(Debug, Default, Clone)]
pub struct Book {
    pub logins: u32,
    pub opened: u32,
    pub renewed: u32,
    pub probes: u32,
    pub wrong: u32,
    pub locked: bool,
    pub codes: Vec<String>,
    pub devices: Vec<String>,
    pub tokens: Vec<String>,
    pub renewals: Vec<String>,
    /// What the next login is answered with instead.
    pub faults: Vec<(StatusCode, Value)>,
    /// In seconds.
    pub session: u64,
    pub password: String,
    pub refuses_codes: bool,
    pub refuses_renewals: bool,
    issued: u32,
}

#[derive(Clone)]
pub struct Venue {
    pub address: String,
    book: Arc<Mutex<Book>>,
}

impl Venue {
    /// On a free port.
    pub async fn start() -> std::io::Result<Self> {
        let book = Arc::new(Mutex::new(Book {
            session: 3600,
            password: PASSWORD.to_owned(),
            ..Book::default()
        }));
        let router = Router::new()
            .route("/oauth2/token/", post(token))
            .route("/user/", get(user))
            .route("/v2/account", get(account))
            .with_state(book.clone());
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, book })
    }

    pub fn book(&self) -> Book {
        open(&self.book).clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Book)) {
        change(&mut open(&self.book));
    }
}

type Answer = (StatusCode, [(&'static str, &'static str); 1], String);

fn says(status: StatusCode, value: Value) -> Answer {
    (
        status,
        [("content-type", "application/json")],
        value.to_string(),
    )
}

async fn token(State(book): State<Arc<Mutex<Book>>>, body: String) -> Answer {
    let mut book = open(&book);
    let form = form(&body);
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if field("grant_type") == "refresh_token" {
        let is_known = book.renewals.contains(&field("refresh_token"));
        if book.refuses_renewals || !is_known {
            return says(StatusCode::UNAUTHORIZED, json!({"detail": "invalid token"}));
        }
        book.renewed += 1;
        return session(&mut book);
    }
    book.logins += 1;
    book.devices.push(field("device_token"));
    if let Some((status, value)) = book.faults.pop() {
        return says(status, value);
    }
    if book.locked {
        return says(StatusCode::LOCKED, json!({"detail": "locked"}));
    }
    if field("username") != NAME || field("password") != book.password {
        book.wrong += 1;
        book.locked = book.wrong >= LOCKS_AT;
        return says(
            StatusCode::BAD_REQUEST,
            json!({"detail": "Unable to log in with provided credentials."}),
        );
    }
    let code = field("mfa_code");
    if code.is_empty() {
        return says(
            StatusCode::OK,
            json!({"mfa_required": true, "mfa_type": "app"}),
        );
    }
    let is_used = book.codes.contains(&code);
    book.codes.push(code.clone());
    if book.refuses_codes || is_used || !is_of_now(&code) {
        book.wrong += 1;
        book.locked = book.wrong >= LOCKS_AT;
        return says(
            StatusCode::BAD_REQUEST,
            json!({"detail": "Please enter a valid code."}),
        );
    }
    book.wrong = 0;
    book.opened += 1;
    session(&mut book)
}

fn session(book: &mut Book) -> Answer {
    book.issued += 1;
    let token = format!("planted-token-{}", book.issued);
    let renewal = format!("planted-renewal-{}", book.issued);
    book.tokens = vec![token.clone()];
    book.renewals = vec![renewal.clone()];
    let seconds = book.session;
    says(
        StatusCode::OK,
        json!({"access_token": token, "refresh_token": renewal, "expires_in": seconds}),
    )
}

async fn user(State(book): State<Arc<Mutex<Book>>>, headers: HeaderMap) -> Answer {
    let mut book = open(&book);
    book.probes += 1;
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_known = bearer
        .strip_prefix("Bearer ")
        .is_some_and(|token| book.tokens.iter().any(|known| known == token));
    if is_known {
        return says(StatusCode::OK, json!({"id": "u1"}));
    }
    says(
        StatusCode::UNAUTHORIZED,
        json!({"detail": "Incorrect authentication credentials."}),
    )
}

/// As another kind of venue: a key with each request.
async fn account(State(book): State<Arc<Mutex<Book>>>, headers: HeaderMap) -> Answer {
    let mut book = open(&book);
    book.probes += 1;
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    if header("apca-api-key-id") == NAME && header("apca-api-secret-key") == book.password {
        return says(
            StatusCode::OK,
            json!({"id": "x", "status": "ACTIVE", "cash": "1000.00"}),
        );
    }
    says(
        StatusCode::UNAUTHORIZED,
        json!({"code": 40_110_000, "message": "request is not authorized"}),
    )
}

fn is_of_now(code: &str) -> bool {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let Ok(secret) = Secret::try_from_base32(SEED) else {
        return false;
    };
    let totp = Builder::new()
        .with_secret(secret)
        .with_step_duration(1)
        .with_skew(2);
    totp.build_noncompliant()
        .check(code, since.as_secs())
        .is_some()
}

fn form(body: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}

/// A test that failed elsewhere does not matter here.
fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
