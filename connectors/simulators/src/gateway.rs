//! A gateway on the trader's machine in which a person logs in; programs only use what came of it.
//! As IBKR's Client Portal has it.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::faults::json_response;
use crate::venue::Simulator;
use crate::{Settings, serve};

const SECOND: i64 = 1_000_000;
/// A session that nobody uses rests after so long,
const IDLE_LIMIT: i64 = 360 * SECOND;
/// and who asks more often than this in a second
const MAX_REQUESTS_A_SECOND: u32 = 10;
/// is not answered for so long.
const LOCKOUT: i64 = 900 * SECOND;
const PAGE: &str = "<!doctype html><title>Gateway</title><p>Log in here.";

/// What it was sent, and how it is.
#[derive(Debug, Clone, Default)]
pub struct GatewayState {
    pub statuses: u32,
    pub tickles: u32,
    pub revived: u32,
    pub logouts: u32,
    /// Asked for a session that is another's.
    pub fought: u32,
    pub shut: u32,
    /// Somebody uses the account elsewhere.
    pub is_elsewhere: bool,
    /// It does not wake by itself: a person has to log in.
    pub refuses_revival: bool,
    /// Until when a person's login counts.
    logged_in_until: Option<i64>,
    /// When the session was last made or used.
    awake_from: i64,
    used_at: i64,
    shut_until: i64,
    this_second: (i64, u32),
}

pub type Venue = Simulator<GatewayState>;

impl Venue {
    /// In process: its router is asked.
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, GatewayState::default())
    }

    /// On a free port, without encryption.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        Self::new(settings).listen(Self::router).await
    }

    /// On a free port, as the real one: with a certificate that nobody vouches for.
    pub async fn start_encrypted(settings: Settings) -> std::io::Result<Self> {
        let mut venue = Self::new(settings);
        venue.address = serve::self_signed(venue.router()).await?;
        Ok(venue)
    }

    pub fn router(&self) -> Router {
        let router = Router::new()
            .route("/", get(page))
            .route("/v1/api/iserver/auth/status", post(status).get(status))
            .route("/v1/api/iserver/auth/ssodh/init", post(init))
            .route("/v1/api/iserver/reauthenticate", post(reauthenticate))
            .route("/v1/api/tickle", post(tickle).get(tickle))
            .route("/v1/api/iserver/accounts", get(accounts))
            .route("/v1/api/logout", post(logout))
            .with_state(self.clone());
        serve::with_faults(router, &self.settings)
    }

    /// A person logs in at its page.
    pub fn log_in(&self) {
        let now = self.settings.clock.now();
        self.open().log_in(now);
    }

    /// As at midnight: the session rests, and the login still counts.
    pub fn rest(&self) {
        self.open().awake_from = i64::MIN;
    }

    /// As at the end of the week: a person has to log in.
    pub fn end(&self) {
        self.open().logged_in_until = None;
    }
}

impl GatewayState {
    fn log_in(&mut self, now: i64) {
        self.logged_in_until = Some(next_sunday(now));
        self.is_elsewhere = false;
        (self.awake_from, self.used_at) = (now, now);
    }

    fn is_connected(&self, now: i64) -> bool {
        self.logged_in_until.is_some_and(|until| now < until)
    }

    fn is_awake(&self, now: i64) -> bool {
        let is_used = now < self.used_at.saturating_add(IDLE_LIMIT);
        let is_of_today = self.awake_from >= last_midnight(now);
        self.is_connected(now) && is_used && is_of_today && !self.is_elsewhere
    }

    /// None while it answers.
    fn shut(&mut self, now: i64) -> Option<Response> {
        let second = now.div_euclid(SECOND);
        if self.this_second.0 != second {
            self.this_second = (second, 0);
        }
        self.this_second.1 += 1;
        if self.this_second.1 > MAX_REQUESTS_A_SECOND {
            self.shut_until = now.saturating_add(LOCKOUT);
        }
        if now >= self.shut_until {
            return None;
        }
        self.shut += 1;
        Some(StatusCode::TOO_MANY_REQUESTS.into_response())
    }

    fn status(&self, now: i64) -> Value {
        json!({
            "authenticated": self.is_awake(now), "connected": self.is_connected(now),
            "competing": self.is_elsewhere, "message": "", "fail": "",
            "serverInfo": {"serverName": "g1", "serverVersion": "Build 10.33.1f"},
        })
    }

    fn revive(&mut self, competes: bool, now: i64) {
        if self.is_elsewhere && !competes {
            return;
        }
        self.fought += u32::from(self.is_elsewhere);
        self.is_elsewhere = false;
        if self.is_connected(now) && !self.refuses_revival {
            self.revived += 1;
            (self.awake_from, self.used_at) = (now, now);
        }
    }
}

async fn page() -> Response {
    ([(CONTENT_TYPE, "text/html")], PAGE).into_response()
}

async fn status(State(venue): State<Venue>) -> Response {
    let now = venue.settings.clock.now();
    let mut state = venue.open();
    state.statuses += 1;
    answer(&mut state, now, |state| state.status(now))
}

async fn init(State(venue): State<Venue>, body: String) -> Response {
    let now = venue.settings.clock.now();
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let competes = asked["compete"].as_bool().unwrap_or(true);
    answer(&mut venue.open(), now, |state| {
        state.revive(competes, now);
        state.status(now)
    })
}

async fn reauthenticate(State(venue): State<Venue>) -> Response {
    let now = venue.settings.clock.now();
    answer(&mut venue.open(), now, |state| {
        state.revive(true, now);
        json!({"message": "triggered"})
    })
}

async fn tickle(State(venue): State<Venue>) -> Response {
    let now = venue.settings.clock.now();
    let mut state = venue.open();
    state.tickles += 1;
    answer(&mut state, now, |state| {
        if state.is_awake(now) {
            state.used_at = now;
        }
        let status = state.status(now);
        json!({"session": "planted-session", "iserver": {"authStatus": status}})
    })
}

async fn accounts(State(venue): State<Venue>) -> Response {
    let now = venue.settings.clock.now();
    answer(
        &mut venue.open(),
        now,
        |_| json!({"accounts": ["U1", "U2"], "isPaper": true, "selectedAccount": "U1"}),
    )
}

async fn logout(State(venue): State<Venue>) -> Response {
    let now = venue.settings.clock.now();
    let mut state = venue.open();
    state.logouts += 1;
    answer(&mut state, now, |state| {
        state.logged_in_until = None;
        json!({"status": true})
    })
}

/// Without a person's login, nothing is said.
fn answer(
    state: &mut GatewayState,
    now: i64,
    say: impl FnOnce(&mut GatewayState) -> Value,
) -> Response {
    if let Some(shut) = state.shut(now) {
        return shut;
    }
    if !state.is_connected(now) {
        return (StatusCode::UNAUTHORIZED, "Access Denied").into_response();
    }
    json_response(StatusCode::OK, &say(state))
}

/// 01:00 of a Sunday in New York, after now.
fn next_sunday(now: i64) -> i64 {
    let today = day(now);
    let next = |from: Date| from.nth_weekday(1, Weekday::Sunday).unwrap_or(from);
    let sunday = match today.weekday() {
        Weekday::Sunday => today,
        _ => next(today),
    };
    match at(sunday, 1) {
        at_one if at_one > now => at_one,
        _ => at(next(sunday), 1),
    }
}

fn last_midnight(now: i64) -> i64 {
    at(day(now), 0)
}

fn day(now: i64) -> Date {
    let now = Timestamp::from_microsecond(now).unwrap_or_default();
    now.to_zoned(new_york()).date()
}

fn at(day: Date, hour: i8) -> i64 {
    let time = day.at(hour, 0, 0, 0).to_zoned(new_york());
    time.map_or(i64::MAX, |time| time.timestamp().as_microsecond())
}

fn new_york() -> TimeZone {
    TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC)
}
