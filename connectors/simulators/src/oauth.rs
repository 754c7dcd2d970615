//! Logs in by OAuth: a person says yes in a browser, and a code leads to tokens. As Schwab has it.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use form_urlencoded::Serializer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::faults::json_response;
use crate::request::{form, header};
use crate::venue::Simulator;
use crate::{Settings, serve};

pub const CLIENT: &str = "planted-client";
pub const SECRET: &str = "planted-client-secret";
pub const REDIRECT: &str = "https://127.0.0.1:8182/callback";
const DAY: u64 = 86_400;

const PAGE: &str = "<!doctype html><title>Log in</title>\
    <form method=\"post\"><button name=\"say\" value=\"yes\">Allow</button></form>";

/// What it was sent, and how it answers.
#[derive(Debug, Clone)]
pub struct OAuthState {
    /// Pages shown.
    pub asked: u32,
    pub approved: u32,
    /// Codes presented.
    pub logins: u32,
    pub opened: u32,
    pub renewed: u32,
    /// Renewals refused.
    pub refused: u32,
    pub probes: u32,
    pub codes: Vec<String>,
    pub tokens: Vec<String>,
    pub renewals: Vec<String>,
    /// Of the client that is registered.
    pub secret: String,
    pub redirect: String,
    /// For how many seconds each is good.
    pub code_seconds: u64,
    pub token_seconds: u64,
    /// From the login on, whatever is renewed.
    pub renewal_seconds: u64,
    /// Two renewals within so many microseconds are taken for two programs, and end everything.
    pub apart: i64,
    codes_issued: Vec<IssuedCode>,
    issued: u32,
    expires: i64,
    renewable: i64,
    renewed_at: i64,
}

/// A code, and what must come with it.
#[derive(Debug, Clone)]
struct IssuedCode {
    code: String,
    challenge: String,
    redirect: String,
    until: i64,
    is_used: bool,
}

pub type Venue = Simulator<OAuthState>;

impl Default for OAuthState {
    fn default() -> Self {
        Self {
            asked: 0,
            approved: 0,
            logins: 0,
            opened: 0,
            renewed: 0,
            refused: 0,
            probes: 0,
            codes: Vec::new(),
            tokens: Vec::new(),
            renewals: Vec::new(),
            secret: SECRET.to_owned(),
            redirect: REDIRECT.to_owned(),
            code_seconds: 30,
            token_seconds: 1800,
            renewal_seconds: 7 * DAY,
            apart: 300_000,
            codes_issued: Vec::new(),
            issued: 0,
            expires: 0,
            renewable: 0,
            renewed_at: i64::MIN,
        }
    }
}

impl Venue {
    /// In process: its router is asked.
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, OAuthState::default())
    }

    /// On a free port.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        Self::new(settings).listen(Self::router).await
    }

    pub fn router(&self) -> Router {
        let router = Router::new()
            .route("/v1/oauth/authorize", get(page).post(consent))
            .route("/v1/oauth/token", post(token))
            .route("/trader/v1/accounts/accountNumbers", get(accounts))
            .route("/trader/v1/userPreference", get(preference))
            .with_state(self.clone());
        serve::with_faults(router, &self.settings)
    }

    /// A person opens the link and says yes: where the browser is sent then.
    pub fn approve(&self, link: &str) -> Result<String, &'static str> {
        let query = link.split_once('?').map_or("", |(_, query)| query);
        self.open().approve(&form(query), self.settings.clock.now())
    }

    /// The person says no.
    pub fn deny(&self, link: &str) -> Result<String, &'static str> {
        let query = form(link.split_once('?').map_or("", |(_, query)| query));
        self.open().check(&query)?;
        Ok(redirect_with(&query, &[("error", "access_denied")]))
    }

    /// Somebody else is quicker with the newest code.
    pub fn use_up(&self) {
        if let Some(given) = self.open().codes_issued.last_mut() {
            given.is_used = true;
        }
    }

    /// What was given is not good any more.
    pub fn revoke(&self) {
        self.open().revoke();
    }
}

type Fields = BTreeMap<String, String>;

impl OAuthState {
    /// Nobody is sent to an address that was not registered.
    fn check(&self, query: &Fields) -> Result<(), &'static str> {
        let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        let wants = [
            (field("client_id") == CLIENT, "unknown client"),
            (field("redirect_uri") == self.redirect, "unknown redirect"),
            (field("response_type") == "code", "response_type"),
            (field("code_challenge_method") == "S256", "challenge method"),
            (field("code_challenge").len() == 43, "code_challenge"),
            (!field("state").is_empty(), "state"),
        ];
        let wrong = wants.iter().find(|(is_so, _)| !is_so);
        wrong.map_or(Ok(()), |(_, what)| Err(what))
    }

    fn approve(&mut self, query: &Fields, now: i64) -> Result<String, &'static str> {
        self.check(query)?;
        self.approved += 1;
        // As real ones, it ends with what must be escaped in an address.
        let code = format!("planted-code-{}@", self.approved);
        let life = i64::try_from(self.code_seconds).unwrap_or(i64::MAX);
        self.codes_issued.push(IssuedCode {
            code: code.clone(),
            challenge: query.get("code_challenge").cloned().unwrap_or_default(),
            redirect: query.get("redirect_uri").cloned().unwrap_or_default(),
            until: now.saturating_add(life.saturating_mul(1_000_000)),
            is_used: false,
        });
        Ok(redirect_with(
            query,
            &[("code", &code), ("session", "planted-page")],
        ))
    }

    fn token(&mut self, fields: &Fields, basic: &str, now: i64) -> Response {
        let expected = STANDARD.encode(format!("{CLIENT}:{}", self.secret));
        if basic != format!("Basic {expected}") {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        match field("grant_type") {
            "authorization_code" => self.exchange(
                field("code"),
                field("code_verifier"),
                field("redirect_uri"),
                now,
            ),
            "refresh_token" => self.renew(field("refresh_token"), now),
            _ => refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        }
    }

    fn exchange(&mut self, code: &str, verifier: &str, redirect: &str, now: i64) -> Response {
        self.logins += 1;
        self.codes.push(code.to_owned());
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let given = self
            .codes_issued
            .iter_mut()
            .find(|given| given.code == code);
        let is_right = given.as_ref().is_some_and(|given| {
            !given.is_used
                && now < given.until
                && given.challenge == hashed
                && given.redirect == redirect
        });
        let was_used = given.is_some_and(|given| std::mem::replace(&mut given.is_used, true));
        if was_used {
            self.revoke();
        }
        if !is_right {
            return refused(StatusCode::BAD_REQUEST, "invalid_grant");
        }
        self.opened += 1;
        self.issued += 1;
        self.renewals = vec![format!("planted-renewal-{}", self.issued)];
        self.renewable = after(now, self.renewal_seconds);
        self.renewed_at = i64::MIN;
        self.tokens(now)
    }

    fn renew(&mut self, renewal: &str, now: i64) -> Response {
        if !self.renewals.iter().any(|known| known == renewal) {
            self.refused += 1;
            return refused(StatusCode::BAD_REQUEST, "unsupported_token_type");
        }
        if now >= self.renewable {
            self.refused += 1;
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        if now < self.renewed_at.saturating_add(self.apart) {
            self.refused += 1;
            self.revoke();
            return refused(StatusCode::BAD_REQUEST, "invalid_grant");
        }
        self.renewed_at = now;
        self.renewed += 1;
        self.issued += 1;
        self.tokens(now)
    }

    fn tokens(&mut self, now: i64) -> Response {
        let token = format!("planted-token-{}", self.issued);
        self.tokens = vec![token.clone()];
        self.expires = after(now, self.token_seconds);
        let tokens = json!({
            "access_token": token, "refresh_token": self.renewals[0], "token_type": "Bearer",
            "expires_in": self.token_seconds, "scope": "api", "id_token": "planted-id",
        });
        json_response(StatusCode::OK, &tokens)
    }

    fn revoke(&mut self) {
        self.tokens.clear();
        self.renewals.clear();
    }
}

async fn page(State(venue): State<Venue>, RawQuery(query): RawQuery) -> Response {
    let mut state = venue.open();
    state.asked += 1;
    match state.check(&form(&query.unwrap_or_default())) {
        Ok(()) => ([(CONTENT_TYPE, "text/html")], PAGE).into_response(),
        Err(what) => (StatusCode::BAD_REQUEST, what).into_response(),
    }
}

async fn consent(State(venue): State<Venue>, RawQuery(query): RawQuery) -> Response {
    let now = venue.settings.clock.now();
    let query = form(&query.unwrap_or_default());
    match venue.open().approve(&query, now) {
        Ok(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Err(what) => (StatusCode::BAD_REQUEST, what).into_response(),
    }
}

async fn token(State(venue): State<Venue>, headers: HeaderMap, body: String) -> Response {
    let now = venue.settings.clock.now();
    let basic = header(&headers, "authorization");
    venue.open().token(&form(&body), basic, now)
}

async fn accounts(State(venue): State<Venue>, headers: HeaderMap) -> Response {
    let mut state = venue.open();
    state.probes += 1;
    let accounts = json!([{"accountNumber": "1", "hashValue": "h1"}]);
    state.respond(&headers, venue.settings.clock.now(), &accounts)
}

async fn preference(State(venue): State<Venue>, headers: HeaderMap) -> Response {
    let preference = json!({
        "accounts": [{"accountNumber": "1", "primaryAccount": true}],
        "offers": [{"level2Permissions": true, "mktDataPermission": "NP"}],
    });
    let state = venue.open();
    state.respond(&headers, venue.settings.clock.now(), &preference)
}

impl OAuthState {
    /// To who is logged in.
    fn respond(&self, headers: &HeaderMap, now: i64, words: &Value) -> Response {
        let token = header(headers, "authorization").strip_prefix("Bearer ");
        let is_known = self
            .tokens
            .iter()
            .any(|known| Some(known.as_str()) == token);
        if is_known && now < self.expires {
            return json_response(StatusCode::OK, words);
        }
        refused(StatusCode::UNAUTHORIZED, "unauthorized")
    }
}

fn refused(status: StatusCode, error: &str) -> Response {
    let words = json!({"error": error, "error_description": "planted-description"});
    json_response(status, &words)
}

/// The redirect with what is told by it.
fn redirect_with(query: &Fields, told: &[(&str, &str)]) -> String {
    let redirect = query.get("redirect_uri").cloned().unwrap_or_default();
    let begin = format!("{redirect}?");
    let at = begin.len();
    let mut to = Serializer::for_suffix(begin, at);
    to.extend_pairs(told);
    to.append_pair("state", query.get("state").map_or("", String::as_str));
    to.finish()
}

fn after(now: i64, seconds: u64) -> i64 {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.saturating_add(seconds.saturating_mul(1_000_000))
}
