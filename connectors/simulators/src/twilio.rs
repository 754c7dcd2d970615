//! Brings text messages as Twilio does: by a signed webhook, and in a list for whoever asks.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::net::TcpListener;

use crate::Clock;

pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
pub const AUTH_TOKEN: &str = "planted-auth-token";

/// What happens to the next message on its way to the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Dropped,
    Twice,
    Late(Duration),
    /// With a signature of another token.
    Forged,
}

#[derive(Debug, Clone)]
pub struct Text {
    pub sid: String,
    pub from: String,
    pub to: String,
    pub body: String,
    /// When it came, in seconds since 1970.
    pub second: i64,
}

/// Where messages are brought.
#[derive(Debug, Clone, Default)]
pub struct Hook {
    /// What is signed.
    pub public_url: String,
    /// Where that leads to.
    pub url: String,
}

/// What it holds and was asked, and how it answers.
#[derive(Debug, Clone)]
pub struct TwilioState {
    pub messages: Vec<Text>,
    pub hook: Hook,
    pub token: String,
    pub deliveries: VecDeque<Delivery>,
    /// What the next question is answered with instead; 429 with a second to wait.
    pub faults: VecDeque<StatusCode>,
    pub questions: u32,
    pub refused: u32,
    pub clock: Clock,
    /// Added to the clock, in seconds.
    pub ahead: i64,
    made: u32,
}

impl TwilioState {
    fn second(&self) -> i64 {
        self.clock.seconds() + self.ahead
    }
}

/// Clones share their state.
#[derive(Clone)]
pub struct Twilio {
    /// Of its interface; empty where it has no socket.
    pub address: String,
    state: Arc<Mutex<TwilioState>>,
    client: reqwest::Client,
}

impl Twilio {
    /// Without a socket: its router is called, and its requests are taken.
    pub fn quiet() -> Self {
        let state = TwilioState {
            messages: Vec::new(),
            hook: Hook::default(),
            token: AUTH_TOKEN.to_owned(),
            deliveries: VecDeque::new(),
            faults: VecDeque::new(),
            questions: 0,
            refused: 0,
            clock: Clock::Wall,
            ahead: 0,
            made: 0,
        };
        // Fails when there is one already, which then serves as well.
        let _already = rustls::crypto::ring::default_provider().install_default();
        Self {
            address: String::new(),
            state: Arc::new(Mutex::new(state)),
            client: reqwest::Client::new(),
        }
    }

    /// On a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let twilio = Self {
            address: format!("http://{}", listener.local_addr()?),
            ..Self::quiet()
        };
        let router = twilio.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(twilio)
    }

    pub fn router(&self) -> Router {
        let path = "/2010-04-01/Accounts/{account}/Messages.json";
        Router::new()
            .route(path, get(list))
            .with_state(self.state.clone())
    }

    pub fn state(&self) -> TwilioState {
        open(&self.state).clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut TwilioState)) {
        change(&mut open(&self.state));
    }

    /// A message comes in. It is in the list, and is brought to the webhook unless that goes wrong;
    /// the status and the text of each answer.
    pub async fn send(&self, from: &str, to: &str, body: &str) -> Vec<(u16, String)> {
        let text = self.receive(from, to, body);
        let delivery = open(&self.state).deliveries.pop_front();
        match delivery {
            Some(Delivery::Dropped) => return Vec::new(),
            Some(Delivery::Late(by)) => tokio::time::sleep(by).await,
            _ => {}
        }
        let times = if delivery == Some(Delivery::Twice) {
            2
        } else {
            1
        };
        let mut answers = Vec::new();
        for _ in 0..times {
            let request = match delivery {
                Some(Delivery::Forged) => self.request_signed_with(&text, "another-token"),
                _ => self.request(&text),
            };
            answers.push(self.post(request).await);
        }
        answers
    }

    /// A message that is in the list and was brought nowhere yet.
    pub fn receive(&self, from: &str, to: &str, body: &str) -> Text {
        let text = self.unlisted(from, to, body);
        open(&self.state).messages.push(text.clone());
        text
    }

    /// One that somebody else made up.
    pub fn unlisted(&self, from: &str, to: &str, body: &str) -> Text {
        let mut state = open(&self.state);
        state.made += 1;
        Text {
            sid: format!("SM{:032x}", state.made),
            from: from.to_owned(),
            to: to.to_owned(),
            body: body.to_owned(),
            second: state.second(),
        }
    }

    /// The request that brings a message.
    pub fn request(&self, text: &Text) -> Request<String> {
        let token = self.state().token;
        self.request_signed_with(text, &token)
    }

    fn request_signed_with(&self, text: &Text, token: &str) -> Request<String> {
        let hook = self.state().hook;
        let fields = fields(text);
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        let mut request = Request::new(form);
        *request.method_mut() = axum::http::Method::POST;
        *request.uri_mut() = hook.url.parse().unwrap_or_default();
        let mut header = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        };
        header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        );
        header(
            "x-twilio-signature",
            &signature(&hook.public_url, &fields, token),
        );
        header("i-twilio-idempotency-token", &format!("token-{}", text.sid));
        request
    }

    async fn post(&self, request: Request<String>) -> (u16, String) {
        let (head, body) = request.into_parts();
        let posting = self.client.post(head.uri.to_string());
        match posting.headers(head.headers).body(body).send().await {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.text().await.unwrap_or_default(),
            ),
            Err(_) => (0, String::new()),
        }
    }
}

fn fields(text: &Text) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("AccountSid", ACCOUNT_SID.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Body", text.body.clone()),
        ("From", text.from.clone()),
        ("FromCountry", "US".to_owned()),
        ("MessageSid", text.sid.clone()),
        ("NumMedia", "0".to_owned()),
        ("NumSegments", "1".to_owned()),
        ("SmsMessageSid", text.sid.clone()),
        ("SmsSid", text.sid.clone()),
        ("SmsStatus", "received".to_owned()),
        ("To", text.to.clone()),
        ("ToCountry", "US".to_owned()),
    ])
}

/// The address, then each name and value, in the order of names.
fn signature(url: &str, fields: &BTreeMap<&str, String>, token: &str) -> String {
    let mut signed = url.to_owned();
    for (name, value) in fields {
        signed.push_str(name);
        signed.push_str(value);
    }
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else {
        return String::new();
    };
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn list(
    State(state): State<Arc<Mutex<TwilioState>>>,
    Path(account): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut state = open(&state);
    state.questions += 1;
    if let Some(status) = state.faults.pop_front() {
        return (status, [("retry-after", "1")], "<html>").into_response();
    }
    let expected = STANDARD.encode(format!("{ACCOUNT_SID}:{}", state.token));
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if given != Some(&format!("Basic {expected}")) || account != ACCOUNT_SID {
        state.refused += 1;
        let says = json!({"code": 20003, "message": "Authenticate", "status": 401});
        return (StatusCode::UNAUTHORIZED, says.to_string()).into_response();
    }
    let body = Body::from(page(&state, &query).to_string());
    let mut response = Response::new(body);
    if let Ok(json) = "application/json".parse() {
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    if let Ok(date) = rfc2822(state.second()).replace("+0000", "GMT").parse() {
        response.headers_mut().insert("date", date);
    }
    response
}

/// The newest first.
fn page(state: &TwilioState, query: &BTreeMap<String, String>) -> Value {
    let field = |name: &str| query.get(name).cloned().unwrap_or_default();
    let since = field("DateSent>").parse::<Timestamp>();
    let since = since.map_or(i64::MIN, Timestamp::as_second);
    let (size, number) = (
        field("PageSize").parse().unwrap_or(50_usize).clamp(1, 1000),
        field("Page").parse().unwrap_or(0_usize),
    );
    let wanted = state.messages.iter().rev();
    let wanted = wanted.filter(|text| text.to == field("To") && text.second >= since);
    let wanted: Vec<Value> = wanted.map(entry).collect();
    let from = number.saturating_mul(size);
    let messages: Vec<Value> = wanted.iter().skip(from).take(size).cloned().collect();
    let is_last = from.saturating_add(size) >= wanted.len();
    let next = (!is_last).then(|| {
        let to: String = form_urlencoded::byte_serialize(field("To").as_bytes()).collect();
        let page = number + 1;
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?To={to}&PageSize={size}&Page={page}&PageToken=PA{page}")
    });
    json!({"messages": messages, "page": number, "page_size": size, "next_page_uri": next})
}

fn entry(text: &Text) -> Value {
    json!({
        "sid": text.sid, "account_sid": ACCOUNT_SID, "direction": "inbound", "status": "received",
        "from": text.from, "to": text.to, "body": text.body, "num_media": "0", "price": null,
        "date_sent": rfc2822(text.second), "date_created": rfc2822(text.second),
    })
}

fn rfc2822(second: i64) -> String {
    let time = Timestamp::from_second(second).unwrap_or_default();
    jiff::fmt::rfc2822::to_string(&time.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default()
}

/// A test that failed elsewhere does not matter here.
fn open(state: &Mutex<TwilioState>) -> MutexGuard<'_, TwilioState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
