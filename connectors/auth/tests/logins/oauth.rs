//! A code that a person's browser is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tapeline_auth::flows::OAuth;
use tapeline_auth::mfa::Factors;
use tapeline_auth::{Flow, LoginCategory, LoginCommand};
use tapeline_model::records::AuthEventKind;
use tapeline_simulators::Fault;
use tapeline_simulators::oauth::{CLIENT, REDIRECT, SECRET, Venue};

use crate::account_facts::words;
use crate::common::{Desk, Process, Time, kinds, person};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

async fn desk() -> Desk<Venue> {
    let time = Time::default();
    let venue = Venue::start(time.settings()).await.unwrap();
    let mut desk = Desk::with(venue, time, [("name", CLIENT), ("password", SECRET)]);
    desk.policy.needs_person = true;
    desk.policy.probe_every = Some(MINUTE);
    desk
}

impl Desk<Venue> {
    fn oauth(&self) -> Box<dyn Flow> {
        let flow = OAuth::new(
            &self.venue.address,
            REDIRECT,
            self.credentials(),
            &self.environment(),
        );
        Box::new(flow.unwrap())
    }

    /// With a person who says yes.
    async fn begin_oauth(&self) -> Process {
        let venue = self.venue.clone();
        let yes = person(move |challenge| venue.approve(challenge.link.as_ref()?).ok());
        self.begin_with(self.oauth(), yes).await
    }
}

#[tokio::test]
async fn a_person_logs_in_once_and_renewals_go_on_for_a_week() {
    let desk = desk().await;
    let mut process = desk.begin_oauth().await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    let expected = [
        AuthEventKind::Challenge,
        AuthEventKind::CodeSeen,
        AuthEventKind::LoginSucceeded,
    ];
    assert_eq!(kinds(&steps), expected);
    assert_eq!(steps[2].method, Some("OAUTH"));
    desk.pass(&process, MINUTE).await;
    process.until(AuthEventKind::Healthy).await;
    let facts = desk
        .oauth()
        .account_facts(&process.session())
        .await
        .unwrap();
    let expected = [
        "permissions: accounts that the login opens: 1",
        "market data: NP, with the depth of the book",
    ];
    assert_eq!(words(&facts), expected);
    process.kill().await;

    let mut restarted = desk.begin_oauth().await;
    assert_eq!(restarted.next().await.method, Some("KEPT"));
    for day in 0..7 {
        desk.pass(&restarted, MINUTE * (24 * 60 - 1)).await;
        let steps = restarted.until(AuthEventKind::LoginSucceeded).await;
        assert_eq!(steps.last().unwrap().method, Some("RENEWAL"), "day {day}");
        let ahead = steps
            .iter()
            .any(|step| step.kind == AuthEventKind::ExpiresSoon);
        assert!(!ahead || day >= 3, "three days ahead, and not sooner");
    }
    desk.pass(&restarted, HOUR).await;
    let steps = restarted.until(AuthEventKind::Refused).await;
    assert!(
        kinds(&steps).contains(&AuthEventKind::Expired),
        "{:?}",
        kinds(&steps)
    );
    restarted.without_session().await;
    let book = desk.venue.state();
    assert_eq!((book.opened, book.renewed, book.refused), (1, 7, 0));

    restarted.say(LoginCommand::Begin).await;
    let steps = restarted.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps.last().unwrap().method, Some("OAUTH"));
    restarted.kill().await;
    assert!(!format!("{steps:?}").contains("planted"));
}

#[tokio::test]
async fn what_the_venue_took_back_waits_for_a_person() {
    let desk = desk().await;
    let mut process = desk.begin_oauth().await;
    process.until(AuthEventKind::LoginSucceeded).await;
    desk.venue.revoke();
    desk.pass(&process, MINUTE).await;
    process.until(AuthEventKind::SessionLost).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Expired)
        .await;
    assert_eq!(desk.venue.state().opened, 1);
    process.say(LoginCommand::Begin).await;
    process.until(AuthEventKind::LoginSucceeded).await;

    // As when another process renewed at the same time.
    desk.venue.change(|book| book.apart = i64::MAX);
    desk.pass(&process, HOUR / 2).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    desk.pass(&process, HOUR / 2).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Expired)
        .await;
    process.without_session().await;
    process.kill().await;
}

#[tokio::test]
async fn a_page_for_people_is_no_session_that_answers() {
    let desk = desk().await;
    let mut process = desk.begin_oauth().await;
    process.until(AuthEventKind::LoginSucceeded).await;
    desk.venue.faults().next_at("/trader/", Fault::Page);
    desk.pass(&process, MINUTE).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::ChangedApi)
        .await;
    process.without_session().await;
    process.kill().await;
}

#[tokio::test]
async fn a_code_that_came_too_late_is_not_tried_again() {
    let desk = desk().await;
    desk.venue.change(|book| book.code_seconds = 0);
    let mut process = desk.begin_oauth().await;
    process
        .refused(AuthEventKind::LoginFailed, LoginCategory::Expired)
        .await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Expired)
        .await;
    assert_eq!(desk.venue.state().logins, 1);
    process.kill().await;
}

#[tokio::test]
async fn another_s_code_is_not_sent_and_who_brought_it_may_try_again_at_once() {
    let desk = desk().await;
    let asked = Arc::new(AtomicU32::new(0));
    let (count, venue) = (asked.clone(), desk.venue.clone());
    let forged = person(move |challenge| {
        count.fetch_add(1, Ordering::SeqCst);
        let brought = venue.approve(challenge.link.as_ref()?).ok()?;
        Some(brought.replace("state=", "state=x"))
    });
    let mut process = desk.begin_with(desk.oauth(), forged).await;
    for times in 1..=desk.policy.most_refusals + 2 {
        process
            .refused(AuthEventKind::Refused, LoginCategory::MfaFailed)
            .await;
        assert_eq!(
            asked.load(Ordering::SeqCst),
            times,
            "nobody is asked unbidden"
        );
        process.say(LoginCommand::Begin).await;
    }
    assert_eq!(desk.venue.state().logins, 0);
    process.kill().await;
}

#[tokio::test]
async fn who_says_no_is_not_asked_again_and_nobody_is_asked_where_nobody_is() {
    let desk = desk().await;
    let venue = desk.venue.clone();
    let no = person(move |challenge| venue.deny(challenge.link.as_ref()?).ok());
    let mut process = desk.begin_with(desk.oauth(), no).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Forbidden)
        .await;
    process.kill().await;

    let mut process = desk.begin_with(desk.oauth(), Factors::default()).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::MfaRequired)
        .await;
    process.kill().await;
    assert_eq!(desk.venue.state().logins, 0);
}

#[tokio::test]
async fn a_rotated_client_secret_needs_no_person() {
    let desk = desk().await;
    let mut process = desk.begin_oauth().await;
    process.until(AuthEventKind::LoginSucceeded).await;
    desk.venue
        .change(|book| book.secret = "planted-rotated".to_owned());
    std::fs::write(desk.folder.path().join("password"), "planted-rotated").unwrap();
    desk.pass(&process, HOUR / 2).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(steps.last().unwrap().method, Some("RENEWAL"));
    process.kill().await;
}

#[tokio::test]
async fn a_renewal_outlives_what_goes_wrong_on_its_way() {
    let faults = [
        (Fault::TooMany(0), LoginCategory::RateLimited),
        (Fault::Lost, LoginCategory::Network),
        (Fault::LostAnswer, LoginCategory::Network),
        (
            Fault::Says(StatusCode::BAD_GATEWAY, json!({})),
            LoginCategory::VenueDown,
        ),
    ];
    let desk = desk().await;
    desk.venue.change(|book| book.apart = 0);
    let mut process = desk.begin_oauth().await;
    process.until(AuthEventKind::LoginSucceeded).await;
    for (fault, category) in faults {
        desk.venue.faults().next_at("/v1/oauth/token", fault);
        desk.pass(&process, HOUR / 2).await;
        process.refused(AuthEventKind::Refused, category).await;
        let steps = process.until(AuthEventKind::LoginSucceeded).await;
        assert_eq!(steps.last().unwrap().method, Some("RENEWAL"));
    }
    desk.venue.faults().next_at("/v1/oauth/token", Fault::Page);
    desk.pass(&process, HOUR / 2).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::ChangedApi)
        .await;
    process.without_session().await;
    process.kill().await;
}
