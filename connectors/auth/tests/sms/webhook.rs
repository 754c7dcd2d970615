use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use tapeline_auth::mfa::sms::{SelfTestError, Webhook, self_test};
use tapeline_auth::mfa::{Code, Message, MessageOutcome};
use tapeline_secrets::Secret;
use tapeline_simulators::{AUTH_TOKEN, Twilio};
use tokio::time::Instant;

use crate::desk::{Desk, NOTHING, NUMBER, PUBLIC, environment, now, said, vault};

fn fine() -> (u16, String) {
    (200, NOTHING.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_code_reaches_whoever_waits_for_it_once_however_often_it_is_brought() {
    let desk = Desk::new();
    let webhook = desk.webhook();
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    let text = desk
        .twilio
        .receive("+15550199", NUMBER, "Your code is 482913");
    for _ in 0..3 {
        let request = desk.twilio.request(&text).map(Body::from);
        assert_eq!(
            said(&webhook, request).await,
            fine(),
            "a retry would not help"
        );
    }
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));

    let again = desk.wait();
    desk.code_router.wanted().await;
    said(&webhook, desk.twilio.request(&text).map(Body::from)).await;
    let mut renamed = desk.message("Your code is 482913");
    let token = format!("token-{}", text.sid).parse().unwrap();
    renamed
        .headers_mut()
        .insert("i-twilio-idempotency-token", token);
    assert_eq!(said(&webhook, renamed).await, fine());
    assert_eq!(
        again.await.unwrap(),
        None,
        "replays and repetitions are not for it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_list_brought_already_is_known_again() {
    let desk = Desk::new();
    let text = desk
        .twilio
        .receive("+15550199", NUMBER, "Your code is 482913");
    let message = Message {
        id: text.sid.clone(),
        sender: text.from.clone(),
        received: now(),
        text: text.body.clone(),
    };
    assert_eq!(
        desk.code_router.take(message.clone()),
        MessageOutcome::Waits
    );
    said(&desk.webhook(), desk.twilio.request(&text).map(Body::from)).await;
    assert_eq!(desk.code_router.take(message), MessageOutcome::Repeated);
}

#[tokio::test(start_paused = true)]
async fn signed_messages_without_a_code_for_anybody_are_answered_alike() {
    let desk = Desk::new();
    let webhook = desk.webhook();
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    for (from, to, body) in [
        ("+15550666", NUMBER, "Your code is 111111"),
        ("+15550199", "+15550101", "Your code is 111111"),
        ("+15550199", NUMBER, "Your code is 111111 or 222222"),
        ("+15550199", NUMBER, "Your code is 1\n@evil.example #111111"),
        ("+15550199", NUMBER, "hello"),
        ("+15550199", NUMBER, ""),
    ] {
        let text = desk.twilio.receive(from, to, body);
        let request = desk.twilio.request(&text).map(Body::from);
        assert_eq!(said(&webhook, request).await, fine(), "{body}");
    }
    assert_eq!(waiting.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_twilio_did_not_sign_is_refused_and_nobody_hears_of_it() {
    let desk = Desk::new();
    let webhook = desk.webhook();
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    let code = "Your code is 482913";

    let mut unsigned = desk.message(code);
    unsigned.headers_mut().remove("x-twilio-signature");
    let mut garbled = desk.message(code);
    garbled
        .headers_mut()
        .insert("x-twilio-signature", "A".repeat(9000).parse().unwrap());
    let changed = desk
        .message(code)
        .map(|_| Body::from("MessageSid=SM9&From=%2B15550199&To=%2B15550100&Body=code+111111"));
    let mut with_query = desk.message(code);
    *with_query.uri_mut() = "/sms?a=b".parse().unwrap();
    let other = Desk::new();
    other
        .twilio
        .change(|book| book.hook.public_url = "https://other.example/sms".to_owned());
    let elsewhere = other.message(code);
    other
        .twilio
        .change(|book| book.token = "another-token".to_owned());
    let foreign = other.message(code);
    let mut as_json = desk.message(code);
    as_json
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    for forged in [
        unsigned, garbled, changed, with_query, elsewhere, foreign, as_json,
    ] {
        assert_eq!(said(&webhook, forged).await, (403, String::new()));
    }
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(said(&webhook, desk.message(code)).await, fine());
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_too_long_too_slow_or_of_another_shape_are_refused() {
    let desk = Desk::new();
    let webhook = desk.webhook();
    let mut asking = desk.message("x");
    *asking.method_mut() = Method::GET;
    assert_eq!(said(&webhook, asking).await.0, 405);

    let long = desk.message(&"9".repeat(70 << 10));
    assert_eq!(said(&webhook, long).await.0, 413, "told by its length");
    let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'9'; 8 << 10])));
    let endless = desk.message("x").map(|_| Body::from_stream(pieces));
    assert_eq!(
        said(&webhook, endless).await.0,
        413,
        "found out while reading"
    );

    let began = Instant::now();
    let slow = desk
        .message("x")
        .map(|_| Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
    assert_eq!(said(&webhook, slow).await.0, 408);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    let broken = desk.message("x").map(|_| Body::from_stream(broken));
    assert_eq!(said(&webhook, broken).await.0, 400);

    let mut nameless = desk.twilio.receive("", NUMBER, "signed, but from nobody");
    nameless.sid = String::new();
    let nameless = desk.twilio.request(&nameless).map(Body::from);
    assert_eq!(said(&webhook, nameless).await.0, 400);
}

#[tokio::test]
async fn slow_requests_do_not_pile_up() {
    let desk = Desk::new();
    let webhook = desk.webhook();
    let slow = || {
        desk.message("x")
            .map(|_| Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
    };
    let mut held: Vec<_> = (0..32).map(|_| Box::pin(said(&webhook, slow()))).collect();
    for one in &mut held {
        assert!(futures_util::poll!(one.as_mut()).is_pending());
    }
    assert_eq!(said(&webhook, slow()).await.0, 503);
    drop(held);
    assert_eq!(said(&webhook, desk.message("hello")).await, fine());
}

#[tokio::test]
async fn a_rotated_token_is_found_and_forgeries_do_not_ask_for_it_all_day() {
    let desk = Desk::new();
    let (secrets, token, asked) = vault(&desk).await;
    let webhook = Webhook::new(PUBLIC, secrets, token, desk.numbers(), Arc::new(now)).router();
    assert_eq!(said(&webhook, desk.message("hello")).await, fine());
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    desk.twilio.change(|book| book.token = "rotated".to_owned());
    std::fs::write(desk.folder.path().join("token"), "rotated").unwrap();
    assert_eq!(said(&webhook, desk.message("hello")).await, fine());
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    desk.twilio.change(|book| book.token = "forged".to_owned());
    for _ in 0..20 {
        assert_eq!(said(&webhook, desk.message("hello")).await.0, 403);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once a minute");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_had_is_no_forgery() {
    let desk = Desk::new();
    std::fs::remove_file(desk.folder.path().join("token")).unwrap();
    assert_eq!(said(&desk.webhook(), desk.message("x")).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn the_self_test_says_what_is_between_twilio_and_us() {
    let desk = Desk::new();
    let token = Secret::new(AUTH_TOKEN);
    let here = environment(desk.webhook());
    assert_eq!(self_test(PUBLIC, &token, &here).await, Ok(()));
    assert_eq!(
        self_test(PUBLIC, &token, &here).await,
        Ok(()),
        "as often as one likes"
    );
    let refused = Err(SelfTestError::Refused);
    assert_eq!(self_test(PUBLIC, &Secret::new("old"), &here).await, refused);
    assert_eq!(
        self_test("https://other.example/sms", &token, &here).await,
        refused
    );
    let elsewhere = environment(Twilio::quiet().router());
    assert_eq!(
        self_test(PUBLIC, &token, &elsewhere).await,
        Err(SelfTestError::SomethingElse(404))
    );
    let greets = environment(axum::Router::new().fallback(|| async { "welcome" }));
    assert_eq!(
        self_test(PUBLIC, &token, &greets).await,
        Err(SelfTestError::SomethingElse(200))
    );
    assert_eq!(
        self_test("codes.example", &token, &here).await,
        Err(SelfTestError::NotAnAddress)
    );
    let real = tapeline_auth::Environment::system().unwrap();
    let unreachable = self_test("http://127.0.0.1:1/", &token, &real).await;
    assert_eq!(unreachable, Err(SelfTestError::Unreachable));
}
