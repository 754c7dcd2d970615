//! A second factor that is sent or approved, in a workflow and without.

use std::sync::{Arc, Mutex};

use tapeline_auth::mfa::Factors;
use tapeline_auth::{LoginCategory, LoginCommand};
use tapeline_model::records::AuthEventKind;
use tapeline_simulators::{CodeChannel, Factor, NAME, PASSWORD, SecondFactor, Settings, Venue};

use crate::common::{Desk, Time, kinds, person};

/// What was sent, the newest last.
type Sent = Arc<Mutex<Vec<(CodeChannel, String)>>>;

async fn desk(asks: SecondFactor) -> (Desk<Venue>, Sent) {
    let (time, sent) = (Time::default(), Sent::default());
    let code_router = sent.clone();
    let settings = Settings {
        on_code: Arc::new(move |by, code| code_router.lock().unwrap().push((by, code.to_owned()))),
        ..time.settings()
    };
    let venue = Venue::start_with(settings).await.unwrap();
    venue.change(|book| book.asks = asks);
    let desk = Desk::with(venue, time, [("name", NAME), ("password", PASSWORD)]);
    (desk, sent)
}

/// A person who reads what was sent.
fn reader(sent: &Sent) -> Factors {
    let sent = sent.clone();
    person(move |_| sent.lock().unwrap().last().map(|(_, code)| code.clone()))
}

#[tokio::test]
async fn a_prompt_is_waited_for_and_a_restart_needs_none() {
    let (desk, _) = desk(SecondFactor::Workflow(Factor::Prompt)).await;
    desk.venue.change(|book| {
        book.workflow.ready_after = 1;
        book.workflow.approved_after = Some(0);
    });
    let mut process = desk.begin_with(desk.device(), Factors::default()).await;
    let steps = process.until(AuthEventKind::LoginSucceeded).await;
    assert_eq!(
        kinds(&steps),
        [AuthEventKind::Challenge, AuthEventKind::LoginSucceeded]
    );
    assert_eq!(steps[1].method, Some("PUSH"));
    process.until(AuthEventKind::Healthy).await;
    process.kill().await;
    let mut restarted = desk.begin_with(desk.device(), Factors::default()).await;
    assert_eq!(restarted.next().await.method, Some("KEPT"));
    let book = desk.venue.state();
    assert_eq!((book.logins, book.workflow.begun), (2, 1));

    desk.venue.change(|book| book.tokens.clear());
    restarted.until(AuthEventKind::SessionLost).await;
    restarted.until(AuthEventKind::LoginSucceeded).await;
    restarted.kill().await;
}

#[tokio::test]
async fn who_says_no_to_a_prompt_is_not_asked_again() {
    let (desk, _) = desk(SecondFactor::Workflow(Factor::Prompt)).await;
    let venue = desk.venue.clone();
    let no = person(move |_| {
        venue.deny();
        None
    });
    let mut process = desk.begin_with(desk.device(), no).await;
    process
        .refused(AuthEventKind::Refused, LoginCategory::Forbidden)
        .await;
    assert_eq!(desk.venue.state().opened, 0);
    process.kill().await;
}

#[tokio::test]
async fn codes_that_are_sent_lead_to_a_session_by_either_way() {
    for (asks, by, method) in [
        (
            SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)),
            CodeChannel::Sms,
            "SMS",
        ),
        (
            SecondFactor::Workflow(Factor::Sent(CodeChannel::Email)),
            CodeChannel::Email,
            "EMAIL",
        ),
        (
            SecondFactor::Sent(CodeChannel::Sms),
            CodeChannel::Sms,
            "SMS",
        ),
        (
            SecondFactor::Sent(CodeChannel::Email),
            CodeChannel::Email,
            "EMAIL",
        ),
    ] {
        let (desk, sent) = desk(asks).await;
        let mut process = desk.begin_with(desk.device(), reader(&sent)).await;
        let steps = process.until(AuthEventKind::LoginSucceeded).await;
        assert_eq!(steps.last().unwrap().method, Some(method), "{asks:?}");
        assert_eq!(sent.lock().unwrap()[0].0, by);
        process.until(AuthEventKind::Healthy).await;
        assert_eq!(desk.venue.state().wrong, 0);
        process.say(LoginCommand::Revoke).await;
        process.until(AuthEventKind::SessionLost).await;
        process.without_session().await;
        process.kill().await;
    }
}

#[tokio::test]
async fn wrong_codes_stop_short_of_the_venue_s_lock_by_either_way() {
    for asks in [
        SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)),
        SecondFactor::Sent(CodeChannel::Email),
    ] {
        let (desk, sent) = desk(asks).await;
        desk.venue.change(|book| book.refuses_codes = true);
        let mut process = desk.begin_with(desk.device(), reader(&sent)).await;
        process
            .refused(AuthEventKind::LoginFailed, LoginCategory::MfaFailed)
            .await;
        process
            .refused(AuthEventKind::Refused, LoginCategory::Locked)
            .await;
        let book = desk.venue.state();
        assert_eq!((book.wrong, book.locked), (3, false), "{asks:?}");
        process.kill().await;
    }
}
