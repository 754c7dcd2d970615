//! Logs in by name, password, device and a second factor, and counts what it is sent; beside that,
//! an account that is asked for with a key.

mod sessions;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::challenges::{ChallengeOutcome, Challenges};
use crate::faults::json_response;
use crate::request::{form, header};
use crate::serve;
use crate::settings::{CodeChannel, SavedSession, Settings};
use crate::venue::Simulator;

pub use workflow::Workflow;

/// Of codes by time.
pub const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub const NAME: &str = "planted-name";
pub const PASSWORD: &str = "planted-password";
/// So much of what it was sent is in its state.
const MAX_REMEMBERED: usize = 1024;
/// It locks an account at this many wrong answers,
const MAX_FAILURES: usize = 5;
/// of the last half hour.
const FAILURE_WINDOW: i64 = 1800 * 1_000_000;
const CHALLENGE_HEADER: &str = "x-robinhood-challenge-response-id";

/// What it wants besides the password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondFactor {
    Nothing,
    #[default]
    App,
    /// A code that it sends.
    Sent(CodeChannel),
    /// The same, wrapped into a workflow.
    Workflow(Factor),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// A person says yes on a telephone.
    Prompt,
    Sent(CodeChannel),
}

/// What it was sent, and how it answers.
#[derive(Debug, Default, Clone)]
pub struct VenueState {
    pub logins: u32,
    pub opened: u32,
    pub renewed: u32,
    pub probes: u32,
    pub wrong: u32,
    pub locked: bool,
    pub codes: Vec<String>,
    /// Codes by time whose step had been sent before.
    pub repeated: u32,
    pub devices: Vec<String>,
    pub tokens: Vec<String>,
    pub renewals: Vec<String>,
    /// In seconds.
    pub session: u64,
    pub name: String,
    pub seed: String,
    /// What its tokens begin with.
    pub word: String,
    pub password: String,
    pub asks: SecondFactor,
    pub refuses_codes: bool,
    pub refuses_renewals: bool,
    pub account: Account,
    pub workflow: Workflow,
    pub(crate) challenges: Challenges,
    wrong_at: Vec<i64>,
    steps: BTreeSet<u64>,
    pub(crate) saved: SavedSession,
}

/// The account that is asked for with a key.
#[derive(Debug, Default, Clone, Copy)]
pub struct Account {
    pub takes_no_orders: bool,
    /// Quotes of one exchange only.
    pub has_one_exchange: bool,
}

pub type Venue = Simulator<VenueState>;

impl Venue {
    /// In process: its router is asked.
    pub fn new(settings: Settings) -> Self {
        let state = VenueState {
            session: 3600,
            name: NAME.to_owned(),
            seed: SEED.to_owned(),
            word: "planted".to_owned(),
            password: PASSWORD.to_owned(),
            ..VenueState::default()
        };
        Self::with(settings, state)
    }

    /// On a free port.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_with(Settings::default()).await
    }

    pub async fn start_with(settings: Settings) -> std::io::Result<Self> {
        Self::new(settings).listen(Self::router).await
    }

    pub fn router(&self) -> Router {
        let router = Router::new()
            .route("/oauth2/token/", post(token))
            .route("/oauth2/revoke_token/", post(revoke))
            .route("/challenge/{id}/respond/", post(respond))
            .route("/user/", get(user))
            .route("/v2/account", get(account))
            .route("/v2/stocks/{symbol}/quotes/latest", get(newest_quote))
            .merge(workflow::router())
            .with_state(self.clone());
        serve::with_faults(router, &self.settings)
    }

    /// A person says yes to the newest prompt.
    pub fn approve(&self) {
        self.open().approve();
    }

    /// A person says no to it.
    pub fn deny(&self) {
        self.open().workflow.is_denied = true;
    }

    /// Nobody says anything, and the prompt ends.
    pub fn expire(&self) {
        self.open().workflow.is_expired = true;
    }
}

async fn token(State(venue): State<Venue>, headers: HeaderMap, body: String) -> Response {
    let form = form(&body);
    let (answer, sent) = {
        let mut state = venue.open();
        let before = state.saved;
        let reply = state.token(&venue.settings, &form, &headers);
        venue.save_if_changed(before, &state);
        reply
    };
    if let Some((by, code)) = sent {
        (venue.settings.on_code)(by, &code);
    }
    answer
}

/// An answer, and the code that is sent with it.
type Reply = (Response, Option<(CodeChannel, String)>);

impl VenueState {
    /// Whether it is asked with the account's key.
    fn has_key(&self, headers: &HeaderMap) -> bool {
        header(headers, "apca-api-key-id") == self.name
            && header(headers, "apca-api-secret-key") == self.password
    }

    fn token(
        &mut self,
        settings: &Settings,
        form: &BTreeMap<String, String>,
        headers: &HeaderMap,
    ) -> Reply {
        let now = settings.clock.now();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") == "refresh_token" {
            return (self.renew(field("refresh_token"), now), None);
        }
        self.logins += 1;
        remember(&mut self.devices, field("device_token"));
        if self.locked {
            let detail = json!({"detail": "locked"});
            return (json_response(StatusCode::LOCKED, &detail), None);
        }
        if field("username") != self.name || field("password") != self.password {
            let detail = "Unable to log in with provided credentials.";
            return (self.reject(now, &json!({"detail": detail})), None);
        }
        match self.asks {
            SecondFactor::Nothing => (self.session(now), None),
            SecondFactor::App => (self.by_time(settings, field("mfa_code")), None),
            SecondFactor::Sent(by) => self.by_message(by, now, headers),
            SecondFactor::Workflow(_) if self.workflow.use_up(field("device_token")) => {
                (self.session(now), None)
            }
            SecondFactor::Workflow(_) => (self.workflow.begin(field("device_token")), None),
        }
    }

    fn renew(&mut self, renewal: &str, now: i64) -> Response {
        let is_known = self.renewals.iter().any(|known| known == renewal);
        if self.refuses_renewals || !is_known {
            let detail = json!({"detail": "invalid token"});
            return json_response(StatusCode::UNAUTHORIZED, &detail);
        }
        self.renewed += 1;
        self.tokens(now)
    }

    fn by_time(&mut self, settings: &Settings, code: &str) -> Response {
        if code.is_empty() {
            let asks = json!({"mfa_required": true, "mfa_type": "app"});
            return json_response(StatusCode::OK, &asks);
        }
        remember(&mut self.codes, code);
        let step = step_of(&self.seed, code, settings);
        let is_new = step.is_none_or(|step| self.steps.insert(step));
        self.repeated += u32::from(!is_new);
        if self.steps.len() > MAX_REMEMBERED {
            self.steps.pop_first();
        }
        if self.refuses_codes || step.is_none() || !is_new {
            let detail = json!({"detail": "Please enter a valid code."});
            return self.reject(settings.clock.now(), &detail);
        }
        self.session(settings.clock.now())
    }

    fn by_message(&mut self, by: CodeChannel, now: i64, headers: &HeaderMap) -> Reply {
        let answered = headers
            .get(CHALLENGE_HEADER)
            .and_then(|id| id.to_str().ok());
        if answered.is_some_and(|id| self.challenges.use_up(id)) {
            return (self.session(now), None);
        }
        let (id, code) = self.challenges.issue(now);
        let kind = match by {
            CodeChannel::Sms => "sms",
            CodeChannel::Email => "email",
        };
        let challenge =
            json!({"id": id, "type": kind, "status": "issued", "remaining_attempts": 3});
        let detail = "Request blocked, challenge issued.";
        let asks = json!({"detail": detail, "challenge": challenge});
        (
            json_response(StatusCode::BAD_REQUEST, &asks),
            Some((by, code)),
        )
    }

    fn respond(&mut self, id: &str, code: &str, now: i64) -> Response {
        remember(&mut self.codes, code);
        let code = if self.refuses_codes { "" } else { code };
        match self.challenges.answer(id, code, now) {
            ChallengeOutcome::Met => {
                json_response(StatusCode::OK, &json!({"id": id, "status": "validated"}))
            }
            ChallengeOutcome::Wrong { left } => {
                let challenge = json!({"id": id, "status": "issued", "remaining_attempts": left});
                let detail = "Challenge response is invalid.";
                self.reject(now, &json!({"detail": detail, "challenge": challenge}))
            }
            ChallengeOutcome::Unknown => {
                json_response(StatusCode::NOT_FOUND, &json!({"detail": "Not found."}))
            }
        }
    }

    fn reject(&mut self, now: i64, words: &Value) -> Response {
        self.wrong += 1;
        self.wrong_at.push(now);
        self.wrong_at
            .retain(|at| *at > now.saturating_sub(FAILURE_WINDOW));
        self.locked |= self.wrong_at.len() >= MAX_FAILURES;
        json_response(StatusCode::BAD_REQUEST, words)
    }

    fn session(&mut self, now: i64) -> Response {
        self.wrong = 0;
        self.wrong_at.clear();
        self.opened += 1;
        self.tokens(now)
    }

    fn tokens(&mut self, now: i64) -> Response {
        let seconds = self.session;
        let life = i64::try_from(seconds).unwrap_or(i64::MAX);
        let (token, renewal) = self.issue(now.saturating_add(life.saturating_mul(1_000_000)));
        let tokens =
            json!({"access_token": token, "refresh_token": renewal, "expires_in": seconds});
        json_response(StatusCode::OK, &tokens)
    }
}

async fn revoke(State(venue): State<Venue>, body: String) -> Response {
    let token = form(&body).remove("token").unwrap_or_default();
    let state = venue.state();
    if state.tokens.contains(&token) || state.renewals.contains(&token) {
        venue.drop_session();
    }
    json_response(StatusCode::OK, &json!({}))
}

async fn respond(State(venue): State<Venue>, Path(id): Path<String>, body: String) -> Response {
    // In JSON, or as a form: both are seen.
    let code = match serde_json::from_str::<Value>(&body) {
        Ok(value) => value["response"].as_str().unwrap_or_default().to_owned(),
        Err(_) => form(&body).remove("response").unwrap_or_default(),
    };
    let now = venue.settings.clock.now();
    venue.open().respond(&id, &code, now)
}

async fn user(State(venue): State<Venue>, headers: HeaderMap) -> Response {
    let mut state = venue.open();
    state.probes += 1;
    let token = header(&headers, "authorization");
    let token = token.strip_prefix("Bearer ").unwrap_or_default();
    let is_known = state.tokens.iter().any(|known| known == token);
    if is_known && venue.settings.clock.now() < state.saved.expires {
        return json_response(StatusCode::OK, &json!({"id": "u1"}));
    }
    let detail = json!({"detail": "Incorrect authentication credentials."});
    json_response(StatusCode::UNAUTHORIZED, &detail)
}

/// As another kind of venue: a key with each request.
async fn account(State(venue): State<Venue>, headers: HeaderMap) -> Response {
    let mut state = venue.open();
    state.probes += 1;
    if !state.has_key(&headers) {
        return unauthorized();
    }
    let account = json!({
        "id": "x", "status": "ACTIVE", "cash": "1000.00", "account_blocked": false,
        "trading_blocked": state.account.takes_no_orders, "shorting_enabled": true,
    });
    let mut answer = json_response(StatusCode::OK, &account);
    for (name, number) in [("x-ratelimit-limit", 200), ("x-ratelimit-remaining", 199)] {
        answer.headers_mut().insert(name, number.into());
    }
    answer
}

async fn newest_quote(State(venue): State<Venue>, headers: HeaderMap) -> Response {
    let state = venue.open();
    if !state.has_key(&headers) {
        return unauthorized();
    }
    if state.account.has_one_exchange {
        let why = "subscription does not permit querying recent SIP data";
        return json_response(StatusCode::FORBIDDEN, &json!({"message": why}));
    }
    json_response(StatusCode::OK, &json!({"symbol": "AAPL", "quote": {}}))
}

fn unauthorized() -> Response {
    let words = json!({"code": 40_110_000, "message": "request is not authorized"});
    json_response(StatusCode::UNAUTHORIZED, &words)
}

/// The step that a code is of, if that is now or beside it.
fn step_of(seed: &str, code: &str, settings: &Settings) -> Option<u64> {
    let secret = Secret::try_from_base32(seed).ok()?;
    let skew = if settings.code_seconds == 1 { 2 } else { 1 };
    let totp = Builder::new()
        .with_secret(secret)
        .with_step_duration(settings.code_seconds)
        .with_skew(skew);
    let now = u64::try_from(settings.clock.seconds()).ok()?;
    totp.build_noncompliant().check(code, now)
}

fn remember(list: &mut Vec<String>, text: &str) {
    if list.len() == MAX_REMEMBERED {
        list.remove(0);
    }
    list.push(text.to_owned());
}
