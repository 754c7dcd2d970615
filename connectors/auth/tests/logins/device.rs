//! Name, password, device and a code by time; and keys.

use axum::http::StatusCode;
use serde_json::json;
use tapeline_auth::flows::{ApiKey, Device};
use tapeline_auth::mfa::{Factors, Seed};
use tapeline_auth::{Flow, LoginCategory, LoginCommand};
use tapeline_model::records::AuthEventKind;
use tapeline_simulators::{Fault, NAME, PASSWORD, SEED, Venue};

use crate::common::{Desk, Process, Time, environment, kinds};

impl Desk<Venue> {
    pub async fn new() -> Self {
        let time = Time::default();
        let venue = Venue::start_with(time.settings()).await.unwrap();
        Self::with(venue, time, [("name", NAME), ("password", PASSWORD)])
    }

    pub fn device(&self) -> Box<dyn Flow> {
        let device = Device::new(
            &self.venue.address,
            "client",
            self.credentials(),
            &self.environment(),
        );
        Box::new(device.unwrap())
    }

    /// Steps are a second long, so that a second login need not wait for half a minute.
    pub async fn begin(&self, flow: Box<dyn Flow>) -> Process {
        let seed = Seed::parse(&format!("otpauth://totp/alpha?secret={SEED}&period=1"));
        let factors = Factors {
            totp: Some(seed.unwrap()),
            ..Factors::default()
        };
        self.begin_with(flow, factors).await
    }
}

#[tokio::test]
async fn a_cold_start_needs_a_code_and_a_restart_needs_no_login() {
    let desk = Desk::new().await;
    let mut process = desk.begin(desk.device()).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    let expected = [
        AuthEventKind::Challenge,
        AuthEventKind::CodeSeen,
        AuthEventKind::LoginSucceeded,
    ];
    assert_eq!(kinds(&steps), expected);
    assert_eq!(steps[2].method, Some("TOTP"));
    assert!(steps[2].expires.is_some());
    assert!(
        steps[0].latency.is_some() && steps[2].latency.is_some(),
        "{steps:?}"
    );
    process.until(AuthEventKind::Healthy).await;
    let token = process.session().token;
    assert!(
        desk.venue
            .state()
            .tokens
            .iter()
            .any(|known| known == token.expose())
    );
    process.kill().await;

    let mut restarted = desk.begin(desk.device()).await;
    let step = restarted.next().await;
    assert_eq!(
        (step.kind, step.method),
        (AuthEventKind::LoginSucceeded, Some("KEPT"))
    );
    restarted.until(AuthEventKind::Healthy).await;
    let book = desk.venue.state();
    assert_eq!(
        (book.opened, book.logins),
        (1, 2),
        "one login: asked, and answered with a code"
    );
    restarted.kill().await;

    let everything = format!("{steps:?}{step:?}");
    assert!(!everything.contains("planted"), "{everything}");
}

#[tokio::test]
async fn a_session_is_renewed_before_its_end_and_opened_anew_when_that_is_refused() {
    let desk = Desk::new().await;
    desk.venue.change(|book| book.session = 2);
    let mut process = desk.begin(desk.device()).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps.last().unwrap().method, Some("RENEWAL"));
    assert_eq!(desk.venue.state().renewed, 1);

    desk.venue.change(|book| book.refuses_renewals = true);
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    let kinds = kinds(&steps);
    assert!(
        kinds.contains(&AuthEventKind::Refused) && kinds.contains(&AuthEventKind::Expired),
        "{kinds:?}"
    );
    assert_eq!(desk.venue.state().opened, 2);
    let devices = desk.venue.state().devices;
    assert!(
        devices
            .iter()
            .all(|device| *device == devices[0] && device.len() == 36)
    );
    process.kill().await;
}

#[tokio::test]
async fn a_session_that_the_venue_drops_is_noticed_and_replaced() {
    let desk = Desk::new().await;
    let mut process = desk.begin(desk.device()).await;
    process.until(AuthEventKind::Healthy).await;
    desk.venue.change(|book| book.tokens.clear());
    process.until(AuthEventKind::SessionLost).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps.last().unwrap().method, Some("RENEWAL"));
    let book = desk.venue.state();
    assert_eq!((book.opened, book.renewed), (1, 1));

    desk.venue.drop_session();
    process.until(AuthEventKind::SessionLost).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps.last().unwrap().method, Some("TOTP"));
    assert_eq!(desk.venue.state().opened, 2);

    // And when a request of somebody else finds it out.
    process.ends.words.send(LoginCommand::Lost).await.unwrap();
    process.until(AuthEventKind::SessionLost).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    let token = process.session().token;
    process.ends.words.send(LoginCommand::Revoke).await.unwrap();
    process.until(AuthEventKind::SessionLost).await;
    process.without_session().await;
    process.kill().await;
    let tokens = desk.venue.state().tokens;
    assert!(
        tokens.iter().all(|known| known != token.expose()),
        "ended at the venue too"
    );
}

#[tokio::test]
async fn refused_codes_stop_short_of_the_venues_lock_and_a_restart_does_not_forget() {
    let desk = Desk::new().await;
    desk.venue.change(|book| book.refuses_codes = true);
    let mut process = desk.begin(desk.device()).await;
    let steps = process.until(AuthEventKind::Refused).await;
    assert_eq!(steps.last().unwrap().category, Some(LoginCategory::Locked));
    process.kill().await;
    let before = desk.venue.state();
    assert_eq!((before.wrong, before.locked), (3, false));
    let mut codes = before.codes.clone();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), before.codes.len(), "no code is sent twice");

    let mut restarted = desk.begin(desk.device()).await;
    let step = restarted.next().await;
    assert_eq!(
        (step.kind, step.category),
        (AuthEventKind::Refused, Some(LoginCategory::Locked))
    );
    assert_eq!(
        desk.venue.state().logins,
        before.logins,
        "it waits for the venue to forget"
    );
    restarted.kill().await;
}

#[tokio::test]
async fn a_rotated_password_is_found_without_a_restart() {
    let desk = Desk::new().await;
    desk.venue
        .change(|book| book.password = "planted-rotated".to_owned());
    std::fs::write(desk.folder.path().join("password"), "planted-old").unwrap();
    let mut process = desk.begin(desk.device()).await;
    let steps = process.until(AuthEventKind::LoginFailed).await;
    assert_eq!(
        steps.last().unwrap().category,
        Some(LoginCategory::BadCredentials)
    );
    std::fs::write(desk.folder.path().join("password"), "planted-rotated").unwrap();
    // Refused once more, if it was looked up before that; then a person says so.
    process.ends.words.send(LoginCommand::Begin).await.unwrap();
    process.until(AuthEventKind::LoginSucceeded).await;
    process.kill().await;
}

#[tokio::test]
async fn each_fault_of_a_venue_has_its_category() {
    let faults = [
        (
            StatusCode::TOO_MANY_REQUESTS,
            json!({}),
            LoginCategory::RateLimited,
        ),
        (
            StatusCode::BAD_GATEWAY,
            json!("<html>"),
            LoginCategory::VenueDown,
        ),
        (
            StatusCode::FORBIDDEN,
            json!({"detail": "no"}),
            LoginCategory::Forbidden,
        ),
        (
            StatusCode::OK,
            json!({"something": "new"}),
            LoginCategory::ChangedApi,
        ),
        (StatusCode::OK, json!([1, 2]), LoginCategory::ChangedApi),
        (StatusCode::LOCKED, json!({}), LoginCategory::Locked),
        (
            StatusCode::OK,
            json!({"verification_workflow": {"id": "w"}}),
            LoginCategory::ChangedApi,
        ),
        (
            StatusCode::OK,
            json!({"mfa_required": true, "mfa_type": "sms"}),
            LoginCategory::MfaRequired,
        ),
    ];
    for (status, value, category) in faults {
        let desk = Desk::new().await;
        let says = Fault::Says(status, value.clone());
        desk.venue.faults().next_at("/oauth2", says);
        let mut process = desk.begin(desk.device()).await;
        let steps = process.until(AuthEventKind::LoginFailed).await;
        assert_eq!(
            steps.last().unwrap().category,
            Some(category),
            "{status} {value}"
        );
        process.kill().await;
    }
}

#[tokio::test]
async fn a_venue_that_is_away_is_a_matter_of_the_network() {
    let desk = Desk::new().await;
    let flow = Device::new(
        "http://127.0.0.1:1",
        "client",
        desk.credentials(),
        &environment(),
    )
    .unwrap();
    let mut process = desk.begin(Box::new(flow)).await;
    let step = process.next().await;
    assert_eq!(step.category, Some(LoginCategory::Network));
    process.kill().await;
}

#[tokio::test]
async fn keys_are_good_until_they_are_taken_back() {
    let desk = Desk::new().await;
    let flow = ApiKey::new(&desk.venue.address, desk.credentials(), &environment()).unwrap();
    let mut process = desk.begin(Box::new(flow)).await;
    let step = process.next().await;
    assert_eq!(
        (step.kind, step.expires),
        (AuthEventKind::LoginSucceeded, None)
    );
    process.until(AuthEventKind::Healthy).await;
    desk.venue
        .change(|book| book.password = "another".to_owned());
    process.until(AuthEventKind::SessionLost).await;
    let steps = process.until(AuthEventKind::Refused).await;
    assert_eq!(
        steps.last().unwrap().category,
        Some(LoginCategory::BadCredentials)
    );
    process.kill().await;
}

#[tokio::test]
async fn a_damaged_file_is_put_aside_and_the_login_begins_anew() {
    let desk = Desk::new().await;
    let mut process = desk.begin(desk.device()).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    process.kill().await;
    let files = std::fs::read_dir(desk.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "session"))
        .unwrap();
    std::fs::write(&file, b"cut").unwrap();
    let mut restarted = desk.begin(desk.device()).await;
    let steps = restarted.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps[0].kind, AuthEventKind::Challenge);
    restarted.kill().await;
}
