//! What a request asks of a venue, and what was wrong with it.

use axum::body::Body;
use axum::http::{Request as Asking, StatusCode};
use reqwest::Request;
use serde_json::Value;
use tapeline_auth::LoginCategory;

use super::logbook::Asked;
use super::login_kind::LoginKind;
use super::venue::Ledger;

/// With this, a challenge that was met is named.
const ANSWERED: &str = "x-robinhood-challenge-response-id";
const TICKLE: &str = "/v1/api/tickle";
const STATUS: &str = "/v1/api/iserver/auth/status";
const WAKE: &str = "/v1/api/iserver/auth/ssodh/init";

/// A request, read.
pub(super) struct Parts {
    pub(super) code: Option<String>,
    pub(super) renewal: Option<String>,
    asked: Asked,
    request: Request,
}

impl Parts {
    pub(super) fn of(request: Request) -> Self {
        let body = request.body().and_then(|body| body.as_bytes());
        let text = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
        let field = |name: &str| {
            let start = format!("{name}=");
            let mut fields = text.split('&');
            fields.find_map(|field| field.strip_prefix(&start).map(str::to_owned))
        };
        let code = ["mfa_code", "response", "code"].into_iter().find_map(field);
        let renewal = field("refresh_token");
        let asked = match request.url().path() {
            "/oauth2/token/" | "/v1/oauth/token" if renewal.is_some() => Asked::Renewal,
            "/oauth2/token/" | "/v2/account" => Asked::Login,
            _ if code.is_some() => Asked::Proof,
            _ => Asked::Other,
        };
        Self {
            code,
            renewal,
            asked,
            request,
        }
    }

    /// A key opens nothing: with one, a login and a look at its session are the same request.
    pub(super) fn asked(&self, way: LoginKind, is_in: bool) -> Asked {
        if way == LoginKind::Key && is_in {
            return Asked::Other;
        }
        self.asked
    }

    pub(super) fn is_behind(&self) -> bool {
        self.request.headers().contains_key(ANSWERED)
    }

    /// What comes of it is asked behind it, whatever this is answered.
    pub(super) fn is_touch(&self) -> bool {
        self.path() == TICKLE
    }

    /// The prompt that is asked about.
    pub(super) fn prompt(&self) -> Option<&str> {
        self.path().strip_prefix("/push/")?.split('/').next()
    }

    fn path(&self) -> &str {
        self.request.url().path()
    }

    pub(super) fn asking(&self) -> Asking<Body> {
        let mut asking = Asking::builder()
            .method(self.request.method().clone())
            .uri(self.request.url().as_str());
        for (name, value) in self.request.headers() {
            asking = asking.header(name, value);
        }
        let body = self.request.body().and_then(|body| body.as_bytes());
        asking
            .body(Body::from(body.unwrap_or_default().to_vec()))
            .unwrap_or_default()
    }
}

/// What a venue that writes everything down made of a request.
pub(super) struct Seen<'a> {
    pub(super) asked: Asked,
    pub(super) is_in: bool,
    pub(super) before: Ledger,
    pub(super) after: Ledger,
    pub(super) status: StatusCode,
    pub(super) words: &'a Value,
}

impl Seen<'_> {
    /// What was wrong with it.
    pub(super) fn truth(&self, way: LoginKind, parts: &Parts) -> Option<LoginCategory> {
        match way {
            LoginKind::OAuth => self.of_oauth(),
            LoginKind::Gateway => self.of_gateway(parts.path()),
            LoginKind::Key if self.status != StatusCode::UNAUTHORIZED => None,
            LoginKind::Key if self.asked == Asked::Login => Some(LoginCategory::BadCredentials),
            LoginKind::Key => Some(LoginCategory::Expired),
            _ => self.of_password(parts),
        }
    }

    fn of_password(&self, parts: &Parts) -> Option<LoginCategory> {
        if self.before.is_locked {
            return Some(LoginCategory::Locked);
        }
        let is_wrong = self.after.wrong > self.before.wrong;
        match self.asked {
            Asked::Proof if is_wrong => Some(LoginCategory::MfaFailed),
            // A challenge or a workflow that ended meanwhile.
            Asked::Proof | Asked::Other if self.status == StatusCode::NOT_FOUND => {
                Some(LoginCategory::MfaFailed)
            }
            Asked::Login if is_wrong && self.after.codes > self.before.codes => {
                Some(LoginCategory::MfaFailed)
            }
            Asked::Login if is_wrong => Some(LoginCategory::BadCredentials),
            Asked::Renewal | Asked::Other if self.status == StatusCode::UNAUTHORIZED => {
                Some(LoginCategory::Expired)
            }
            Asked::Other if parts.path().starts_with("/push/") => self.of_prompt(),
            _ => None,
        }
    }

    fn of_prompt(&self) -> Option<LoginCategory> {
        match self.words["challenge_status"].as_str() {
            Some("denied") => Some(LoginCategory::Forbidden),
            Some("issued" | "validated") => None,
            _ => Some(LoginCategory::MfaFailed),
        }
    }

    fn of_oauth(&self) -> Option<LoginCategory> {
        if self.status.is_success() {
            return None;
        }
        let is_of_client = self.words["error"] == "invalid_client";
        if self.asked == Asked::Proof && is_of_client {
            return Some(LoginCategory::BadCredentials);
        }
        Some(LoginCategory::Expired)
    }

    fn of_gateway(&self, path: &str) -> Option<LoginCategory> {
        if path != STATUS && path != WAKE {
            return None;
        }
        if self.words["competing"] == true {
            return Some(LoginCategory::Forbidden);
        }
        let is_out = self.status == StatusCode::UNAUTHORIZED;
        // One that rests is woken first.
        let rests_on = path == WAKE && self.words["authenticated"] == false;
        (self.is_in && (is_out || rests_on)).then_some(LoginCategory::Expired)
    }
}
