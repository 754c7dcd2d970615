use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use tapeline_auth::mfa::sms::{Poll, PollSettings};
use tapeline_auth::mfa::{Code, CodeRouters};
use tapeline_secrets::{Reference, Secrets, Settings};
use tapeline_simulators::ACCOUNT_SID;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::desk::{BROKER, Desk, NUMBER, environment, vault};

fn begin(desk: &Desk, secrets: Secrets, secret: Reference) -> JoinHandle<()> {
    let settings = PollSettings {
        address: "https://api.twilio.example".to_owned(),
        account_sid: ACCOUNT_SID.to_owned(),
        key: None,
        secret,
        number: NUMBER.to_owned(),
        head_start: PollSettings::HEAD_START,
        every: PollSettings::EVERY,
    };
    let code_routers = CodeRouters::new([desk.code_router.clone()]);
    let environment = environment(desk.twilio.router());
    tokio::spawn(
        Poll::new(settings, secrets, code_routers, &environment)
            .unwrap()
            .run(),
    )
}

fn polled(desk: &Desk) -> JoinHandle<()> {
    begin(
        desk,
        Secrets::new(&Settings::default()).unwrap(),
        desk.token(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_code_that_the_webhook_did_not_bring_is_asked_for_after_its_head_start() {
    let desk = Desk::new();
    let polling = polled(&desk);
    desk.twilio
        .receive(BROKER, NUMBER, "an hour ago: code 111111");
    desk.twilio.change(|book| book.messages[0].second -= 3600);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(desk.twilio.state().questions, 0, "nobody wants a code");

    let began = Instant::now();
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    desk.twilio
        .receive(BROKER, "+15550777", "for another: code 222222");
    desk.twilio.receive(BROKER, NUMBER, "Your code is 482913");
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));
    assert_eq!(began.elapsed(), PollSettings::HEAD_START);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(
        desk.twilio.state().questions,
        1,
        "and none is asked for any more"
    );
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_asking_at_its_pace_or_at_twilios() {
    let desk = Desk::new();
    let _polling = polled(&desk);
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    let faults = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::OK,
    ];
    desk.twilio.change(|book| book.faults.extend(faults));
    sleep(Duration::from_secs(30)).await;
    let questions = desk.twilio.state().questions;
    assert!((5..=8).contains(&questions), "{questions}");
    desk.twilio.receive(BROKER, NUMBER, "Your code is 482913");
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));
}

#[tokio::test(start_paused = true)]
async fn a_code_behind_a_flood_of_messages_is_found_and_the_flood_is_not_read_to_its_end() {
    let desk = Desk::new();
    let _polling = polled(&desk);
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    desk.twilio.receive(BROKER, NUMBER, "Your code is 482913");
    for n in 0..45 {
        desk.twilio
            .receive("+15550666", NUMBER, &format!("code {n}99999"));
    }
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));
    assert_eq!(desk.twilio.state().questions, 3);

    let waiting = desk.wait();
    desk.code_router.wanted().await;
    for n in 0..1000 {
        desk.twilio
            .receive("+15550666", NUMBER, &format!("code {n}99999"));
    }
    assert_eq!(waiting.await.unwrap(), None);
    let questions = desk.twilio.state().questions;
    assert!(questions <= 3 + 3 * 40, "{questions}");
}

#[tokio::test(start_paused = true)]
async fn twilios_clock_may_be_another() {
    for ahead in [-40, 40] {
        let desk = Desk::new();
        desk.twilio.change(|book| book.ahead = ahead);
        let _polling = polled(&desk);
        desk.twilio
            .receive(BROKER, NUMBER, "of before: code 111111");
        desk.twilio.change(|book| book.messages[0].second -= 5);
        let waiting = desk.wait();
        desk.code_router.wanted().await;
        desk.twilio.receive(BROKER, NUMBER, "Your code is 482913");
        assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")), "{ahead}");
    }
}

#[tokio::test]
async fn a_token_that_was_rotated_is_looked_up_again() {
    let desk = Desk::new();
    let (secrets, token, asked) = vault(&desk).await;
    secrets.get(&token).await.unwrap();
    desk.twilio.change(|book| book.token = "rotated".to_owned());
    std::fs::write(desk.folder.path().join("token"), "rotated").unwrap();
    let settings = PollSettings {
        address: "https://api.twilio.example".to_owned(),
        account_sid: ACCOUNT_SID.to_owned(),
        key: None,
        secret: token,
        number: NUMBER.to_owned(),
        head_start: Duration::ZERO,
        every: Duration::from_millis(20),
    };
    let code_routers = CodeRouters::new([desk.code_router.clone()]);
    let environment = environment(desk.twilio.router());
    let _polling = tokio::spawn(
        Poll::new(settings, secrets, code_routers, &environment)
            .unwrap()
            .run(),
    );
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    desk.twilio.receive(BROKER, NUMBER, "Your code is 482913");
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(desk.twilio.state().refused, 1);
}

#[test]
fn the_key_goes_over_https_only() {
    let desk = Desk::new();
    let settings = PollSettings {
        address: "http://api.twilio.example".to_owned(),
        account_sid: ACCOUNT_SID.to_owned(),
        key: None,
        secret: desk.token(),
        number: NUMBER.to_owned(),
        head_start: PollSettings::HEAD_START,
        every: PollSettings::EVERY,
    };
    let secrets = Secrets::new(&Settings::default()).unwrap();
    let poll = Poll::new(
        settings,
        secrets,
        CodeRouters::default(),
        &environment(desk.twilio.router()),
    );
    assert!(poll.is_err());
}
