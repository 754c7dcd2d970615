//! That the venues are as strict as they say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapeline_simulators::{
    Clock, CodeChannel, Factor, Fault, NAME, PASSWORD, SavedSession, SecondFactor, Settings, Venue,
    gateway, oauth,
};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
/// Wednesday, 2026-11-18, 10:00 in New York.
const WEDNESDAY: i64 = 1_795_014_000 * SECOND;

/// Settings whose clock stands still until it is moved.
fn settings() -> (Settings, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(WEDNESDAY));
    let clock = time.clone();
    let settings = Settings {
        clock: Clock::made(move || clock.load(Ordering::SeqCst)),
        ..Settings::default()
    };
    (settings, time)
}

fn client() -> Client {
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

async fn says(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn what_goes_wrong_does_so_once_and_where_it_should() {
    let (settings, _) = settings();
    let venue = Venue::start_with(settings).await.unwrap();
    let client = client();
    let login = || {
        let form = [("username", NAME), ("password", PASSWORD)];
        client
            .post(format!("{}/oauth2/token/", venue.address))
            .form(&form)
    };
    venue.change(|book| book.asks = SecondFactor::Nothing);
    venue.faults().next_at("/user", Fault::Page);

    venue.faults().next(Fault::Lost);
    assert!(login().send().await.is_err());
    assert_eq!(venue.state().logins, 0, "broken before it was done");
    venue.faults().next(Fault::LostAnswer);
    assert!(login().send().await.is_err());
    assert_eq!(venue.state().opened, 1, "broken after it was done");
    venue.faults().next(Fault::Cut);
    let answer = login().send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());

    venue.faults().next(Fault::TooMany(7));
    let answer = login().send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(
        answer.headers()["date"],
        "Wed, 18 Nov 2026 15:00:00 GMT",
        "by the venue's clock"
    );
    let (status, tokens) = says(login()).await;
    assert_eq!(
        (status, &tokens["access_token"]),
        (200, &json!("planted-token-3"))
    );
    let (_, page) = says(client.get(format!("{}/user/", venue.address))).await;
    assert_eq!(page, Value::Null, "a page, kept for its path");
}

#[tokio::test]
async fn a_venue_that_is_started_again_knows_its_session_unless_it_was_dropped() {
    let told = Arc::new(Mutex::new(SavedSession::default()));
    let note = told.clone();
    let settings = Settings {
        on_session: Arc::new(move |kept| *note.lock().unwrap() = kept),
        ..settings().0
    };
    let client = client();
    let again = async || {
        let venue = Venue::start_with(settings.clone()).await.unwrap();
        venue.change(|book| "mine".clone_into(&mut book.word));
        venue.restore(*told.lock().unwrap());
        venue
    };
    let probe = async |venue: &Venue, token: &str| {
        let request = client.get(format!("{}/user/", venue.address));
        says(request.bearer_auth(token)).await.0
    };

    let venue = again().await;
    assert_eq!(venue.state().tokens, [""; 0], "no session without a login");
    venue.change(|book| book.asks = SecondFactor::Nothing);
    let form = [("username", NAME), ("password", PASSWORD)];
    let login = client.post(format!("{}/oauth2/token/", venue.address));
    let (_, tokens) = says(login.form(&form)).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(token, "mine-token-1");
    let venue = again().await;
    assert_eq!(probe(&venue, token).await, 200);
    let renewal = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", renewal)];
    let renew = || {
        let request = client.post(format!("{}/oauth2/token/", venue.address));
        says(request.form(&form))
    };
    let (status, tokens) = renew().await;
    assert_eq!((status, renew().await.0), (200, 401));
    let token = tokens["access_token"].as_str().unwrap();

    venue.drop_session();
    assert_eq!(probe(&venue, token).await, 401);
    assert_eq!(probe(&again().await, token).await, 401);
}

#[tokio::test]
async fn a_workflow_gives_a_session_once_it_was_gone_through() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let post = sent.clone();
    let settings = Settings {
        on_code: Arc::new(move |by, code| post.lock().unwrap().push((by, code.to_owned()))),
        ..settings().0
    };
    let venue = Venue::start_with(settings).await.unwrap();
    let client = client();
    let at = |path: &str| format!("{}{path}", venue.address);
    let login = || {
        let form = [
            ("username", NAME),
            ("password", PASSWORD),
            ("device_token", "d1"),
        ];
        client.post(at("/oauth2/token/")).form(&form)
    };
    let body = |path: &str, value: Value| client.post(at(path)).body(value.to_string());
    venue.change(|book| book.asks = SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)));

    let (status, words) = says(login()).await;
    assert_eq!(status, 403);
    let workflow = &words["verification_workflow"]["id"];
    let asked = json!({"device_id": "d1", "flow": "suv", "input": {"workflow_id": workflow}});
    let (_, words) = says(body("/pathfinder/user_machine/", asked)).await;
    let view = format!(
        "/pathfinder/inquiries/{}/user_view/",
        words["id"].as_str().unwrap()
    );
    let (_, words) = says(client.get(at(&view))).await;
    let challenge = &words["context"]["sheriff_challenge"];
    assert_eq!(
        (&challenge["type"], &challenge["status"]),
        (&json!("sms"), &json!("issued"))
    );
    let respond = format!("/challenge/{}/respond/", challenge["id"].as_str().unwrap());
    let go_on = || {
        body(
            &view,
            json!({"sequence": 0, "user_input": {"status": "continue"}}),
        )
    };
    let (status, words) = says(body(&respond, json!({"response": "000000"}))).await;
    assert_eq!(
        (status, &words["challenge"]["remaining_attempts"]),
        (400, &json!(2))
    );
    assert_ne!(
        says(go_on()).await.1["type_context"]["result"],
        "workflow_status_approved"
    );
    let (by, code) = sent.lock().unwrap().pop().unwrap();
    assert_eq!(by, CodeChannel::Sms);
    assert_eq!(says(body(&respond, json!({"response": code}))).await.0, 200);
    assert_eq!(
        says(login()).await.0,
        403,
        "met, and not gone on with: begun anew"
    );
}

#[tokio::test]
async fn a_code_of_oauth_counts_once_for_a_while_and_for_who_asked() {
    let (settings, time) = settings();
    let venue = oauth::Venue::start(settings).await.unwrap();
    let client = client();
    let verifier = "v".repeat(43);
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let link = |redirect: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", oauth::CLIENT),
                ("redirect_uri", redirect),
                ("response_type", "code"),
                ("state", "s 1"),
                ("code_challenge", &hashed),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("{}/v1/oauth/authorize?{query}", venue.address)
    };
    let exchange = |code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", oauth::REDIRECT),
        ];
        client
            .post(format!("{}/v1/oauth/token", venue.address))
            .basic_auth(oauth::CLIENT, Some(oauth::SECRET))
            .form(&form)
    };
    assert!(
        venue
            .approve(&link("https://127.0.0.1:8182/other"))
            .is_err()
    );
    let page = client.get(link(oauth::REDIRECT)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let said = client.post(link(oauth::REDIRECT)).send().await.unwrap();
    let to = said.headers()["location"].to_str().unwrap();
    assert_eq!(
        to,
        format!(
            "{}?code=planted-code-1%40&session=planted-page&state=s+1",
            oauth::REDIRECT
        )
    );
    for (code, verifier) in [
        ("planted-code-1%40", verifier.as_str()),
        ("planted-code-2@", "another"),
    ] {
        venue.approve(&link(oauth::REDIRECT)).unwrap();
        assert_eq!(says(exchange(code, verifier)).await.0, 400, "{code}");
    }
    let (status, _) = says(exchange("planted-code-3@", &verifier)).await;
    assert_eq!(status, 200);
    assert_eq!(says(exchange("planted-code-3@", &verifier)).await.0, 400);
    assert!(
        venue.state().tokens.is_empty(),
        "a code used twice ends all"
    );
    venue.approve(&link(oauth::REDIRECT)).unwrap();
    time.fetch_add(31 * SECOND, Ordering::SeqCst);
    assert_eq!(
        says(exchange("planted-code-4@", &verifier)).await.1["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn renewals_of_oauth_end_a_week_after_the_login_and_when_two_race() {
    let (settings, time) = settings();
    let venue = oauth::Venue::start(settings).await.unwrap();
    let client = client();
    let log_in = || {
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest("v"));
        let link = format!(
            "?client_id={}&redirect_uri={}&response_type=code&state=s&code_challenge={hashed}&code_challenge_method=S256",
            oauth::CLIENT,
            oauth::REDIRECT
        );
        let code = venue.approve(&link).unwrap();
        let code = code.split_once("code=").unwrap().1;
        let code = code.split_once("%40").unwrap().0.to_owned() + "@";
        let form = [
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("code_verifier", "v".to_owned()),
            ("redirect_uri", oauth::REDIRECT.to_owned()),
        ];
        let request = client.post(format!("{}/v1/oauth/token", venue.address));
        request
            .basic_auth(oauth::CLIENT, Some(oauth::SECRET))
            .form(&form)
    };
    let renew = |renewal: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", renewal)];
        client
            .post(format!("{}/v1/oauth/token", venue.address))
            .basic_auth(oauth::CLIENT, Some(oauth::SECRET))
            .form(&form)
    };
    let renewal = says(log_in()).await.1["refresh_token"].clone();
    let renewal = renewal.as_str().unwrap();
    for _ in 0..6 {
        time.fetch_add(24 * HOUR, Ordering::SeqCst);
        assert_eq!(says(renew(renewal)).await.0, 200);
    }
    time.fetch_add(24 * HOUR, Ordering::SeqCst);
    assert_eq!(says(renew(renewal)).await.1["error"], "invalid_client");

    let renewal = says(log_in()).await.1["refresh_token"].clone();
    let renewal = renewal.as_str().unwrap();
    let (first, second) = tokio::join!(says(renew(renewal)), says(renew(renewal)));
    assert_eq!(first.0.min(second.0), 200);
    assert_eq!(first.0.max(second.0), 400);
    assert!(venue.state().tokens.is_empty(), "both are locked out");
}

#[tokio::test]
async fn a_gateway_rests_ends_and_is_another_s() {
    let (settings, time) = settings();
    let venue = gateway::Venue::start_encrypted(settings).await.unwrap();
    let client = client();
    let ask = |path: &str| client.post(format!("{}/v1/api{path}", venue.address));
    let status = || says(ask("/iserver/auth/status"));
    let init = |competes: bool| {
        let body = json!({"publish": true, "compete": competes}).to_string();
        says(ask("/iserver/auth/ssodh/init").body(body))
    };
    assert_eq!(status().await.0, 401);
    venue.log_in();
    assert_eq!(status().await.1["authenticated"], true);

    time.fetch_add(7 * 60 * SECOND, Ordering::SeqCst);
    let (_, unused) = status().await;
    assert_eq!(
        (&unused["authenticated"], &unused["connected"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(init(false).await.1["authenticated"], true);
    for _ in 0..14 * 12 {
        time.fetch_add(300 * SECOND, Ordering::SeqCst);
        says(ask("/tickle")).await;
    }
    assert_eq!(
        status().await.1["authenticated"],
        false,
        "tickled, and past midnight"
    );
    assert_eq!(init(false).await.1["authenticated"], true);

    venue.change(|book| book.is_elsewhere = true);
    let (_, elsewhere) = init(false).await;
    assert_eq!(
        (&elsewhere["authenticated"], &elsewhere["competing"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(init(true).await.1["authenticated"], true);
    assert_eq!(venue.state().fought, 1);

    // Sunday, 01:00 in New York.
    time.store(WEDNESDAY + 87 * HOUR - SECOND, Ordering::SeqCst);
    assert_eq!(status().await.1["connected"], true);
    time.fetch_add(SECOND, Ordering::SeqCst);
    assert_eq!(status().await.0, 401);

    for _ in 0..10 {
        status().await;
    }
    assert_eq!(status().await.0, 429);
    time.fetch_add(15 * 60 * SECOND, Ordering::SeqCst);
    assert_eq!(status().await.0, 401);
}
