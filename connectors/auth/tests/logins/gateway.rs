//! A gateway in which a person logs in.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tapeline_auth::flows::Gateway;
use tapeline_auth::mfa::Factors;
use tapeline_auth::{Environment, Flow, LoginCategory, LoginCommand};
use tapeline_model::records::AuthEventKind;
use tapeline_simulators::Fault;
use tapeline_simulators::gateway::Venue;

use crate::account_facts::words;
use crate::common::{Desk, Process, Time, environment, kinds, person};

const MINUTE: Duration = Duration::from_mins(1);
/// In which a request on this machine would be answered.
const SHORTLY: Duration = Duration::from_millis(200);

async fn desk() -> Desk<Venue> {
    let time = Time::default();
    let venue = Venue::start_encrypted(time.settings()).await.unwrap();
    let mut desk = Desk::with(venue, time, [("name", ""), ("password", "")]);
    desk.policy.needs_person = true;
    desk.policy.sees_logins = true;
    desk.policy.probe_every = Some(MINUTE);
    desk
}

impl Desk<Venue> {
    fn gateway(&self) -> Box<dyn Flow> {
        let mut environment = Environment::loopback().unwrap();
        environment.clock = self.time.clock();
        Box::new(Gateway::new(&self.venue.address, &environment).unwrap())
    }

    /// With a person who logs in when they are asked to.
    async fn begin_gateway(&self) -> Process {
        let (venue, page) = (self.venue.clone(), format!("{}/", self.venue.address));
        let logs_in = person(move |challenge| {
            assert_eq!(challenge.link.as_deref(), Some(page.as_str()));
            venue.log_in();
            None
        });
        self.begin_with(self.gateway(), logs_in).await
    }
}

#[tokio::test]
async fn a_person_logs_in_and_the_session_is_kept_awake_until_the_week_ends() {
    let desk = desk().await;
    let mut process = desk.begin_gateway().await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(
        kinds(&steps),
        [AuthEventKind::Challenge, AuthEventKind::LoginSucceeded]
    );
    assert_eq!(steps[1].method, Some("BROWSER"));
    let end = steps[1].expires.unwrap();
    process.kill().await;

    let mut restarted = desk.begin_with(desk.gateway(), Factors::default()).await;
    assert_eq!(restarted.next().await.method, Some("KEPT"));
    let facts = desk
        .gateway()
        .account_facts(&restarted.session())
        .await
        .unwrap();
    let expected = [
        "permissions: accounts that the login opens: 2 (paper)",
        "version: Build 10.33.1f",
    ];
    assert_eq!(words(&facts), expected);
    desk.venue.rest();
    desk.pass(&restarted, MINUTE).await;
    let steps = restarted.until(AuthEventKind::Healthy).await;
    assert!(!kinds(&steps).contains(&AuthEventKind::SessionLost));
    let book = desk.venue.state();
    assert!(book.tickles > 0);
    assert_eq!((book.revived, book.fought), (1, 0));

    let ahead = Duration::from_hours(4);
    let left = desk.time.left_until(end).saturating_sub(ahead);
    desk.pass(&restarted, left).await;
    let steps = restarted.until(AuthEventKind::ExpiresSoon).await;
    assert_eq!(steps.last().unwrap().expires, Some(end));
    restarted.until(AuthEventKind::Healthy).await;
    desk.pass(&restarted, ahead).await;
    restarted.until(AuthEventKind::Expired).await;
    restarted
        .refused(AuthEventKind::Refused, LoginCategory::Expired)
        .await;
    restarted.without_session().await;

    // Nobody says that a person did, and it is seen.
    desk.venue.log_in();
    desk.pass(&restarted, MINUTE).await;
    let steps = restarted.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(kinds(&steps), [AuthEventKind::LoginSucceeded]);
    restarted.say(LoginCommand::Revoke).await;
    restarted.until(AuthEventKind::SessionLost).await;
    restarted.kill().await;
    assert_eq!(desk.venue.state().logouts, 1, "ended at the gateway too");
}

#[tokio::test]
async fn a_session_that_a_person_has_elsewhere_is_left_to_them() {
    let desk = desk().await;
    desk.venue.log_in();
    let mut process = desk.begin_gateway().await;
    process.until(AuthEventKind::LoginSucceeded).await;
    desk.venue.change(|book| book.is_elsewhere = true);
    desk.pass(&process, MINUTE).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Forbidden)
        .await;
    process.without_session().await;
    process.say(LoginCommand::Begin).await;
    process
        .refused(AuthEventKind::LoginFailed, LoginCategory::Forbidden)
        .await;
    let book = desk.venue.state();
    assert_eq!((book.fought, book.revived), (0, 0));

    desk.venue.change(|book| book.is_elsewhere = false);
    process.until(AuthEventKind::Refused).await;
    process.say(LoginCommand::Begin).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    process.kill().await;
}

#[tokio::test]
async fn who_asks_too_often_waits_as_long_as_it_is_shut() {
    let desk = desk().await;
    desk.venue.log_in();
    let too_many = Fault::Says(StatusCode::TOO_MANY_REQUESTS, json!({}));
    desk.venue.faults().next(too_many);
    let mut process = desk.begin_gateway().await;
    process
        .refused(AuthEventKind::LoginFailed, LoginCategory::RateLimited)
        .await;
    desk.pass(&process, MINUTE * 14).await;
    let early = tokio::time::timeout(SHORTLY, process.ends.steps.recv()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(desk.venue.state().statuses, 0);
    desk.pass(&process, MINUTE * 2).await;
    process.until(AuthEventKind::LoginSucceeded).await;
    process.kill().await;
}

#[tokio::test]
async fn only_this_machine_s_certificates_are_taken_unseen() {
    let desk = desk().await;
    desk.venue.log_in();
    // Leads here as well, and does not say so.
    let elsewhere = desk.venue.address.replace("127.0.0.1", "0.0.0.0");
    let own = Environment::loopback().unwrap();
    for (address, environment, is_taken) in [
        (desk.venue.address.as_str(), &own, true),
        (
            &desk.venue.address.replace("127.0.0.1", "localhost"),
            &own,
            true,
        ),
        (desk.venue.address.as_str(), &environment(), false),
        (elsewhere.as_str(), &own, false),
    ] {
        let flow = Gateway::new(address, environment).unwrap();
        let category = flow.open("d").await.err().map(|refusal| refusal.category);
        let expected = (!is_taken).then_some(LoginCategory::Network);
        assert_eq!(category, expected, "{address}");
    }
}
