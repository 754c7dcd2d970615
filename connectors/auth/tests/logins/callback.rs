//! What a browser brings to this machine.

use std::time::Duration;

use reqwest::Client;
use tapeline_auth::callback::Callback;
use tapeline_auth::flows::OAuth;
use tapeline_auth::{Flow, Proof, Reply};
use tapeline_simulators::oauth::{CLIENT, SECRET, Venue};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::common::{Desk, Time, environment};

const ANY_PORT: &str = "https://127.0.0.1:0/callback";
const SOON: Duration = Duration::from_secs(20);

fn browser() -> Client {
    // For the provider of TLS that it needs.
    let _outside = environment();
    let browser = Client::builder().tls_danger_accept_invalid_certs(true);
    browser.build().unwrap()
}

#[tokio::test]
async fn a_login_ends_with_the_window_of_a_browser() {
    let callback = Callback::open(ANY_PORT).await.unwrap();
    let redirect = callback.redirect().to_owned();
    let time = Time::default();
    let venue = Venue::start(time.settings()).await.unwrap();
    venue.change(|book| book.redirect.clone_from(&redirect));
    let desk = Desk::with(venue, time, [("name", CLIENT), ("password", SECRET)]);
    let flow = OAuth::new(
        &desk.venue.address,
        &redirect,
        desk.credentials(),
        &environment(),
    );
    let flow = flow.unwrap();
    let Ok(Reply::Challenge(challenge)) = flow.open("d").await else {
        panic!("no challenge");
    };
    let state = challenge.id.clone();
    let waiting = tokio::spawn(async move { callback.wait(&state, SOON).await });

    let to = desk.venue.approve(challenge.link.as_ref().unwrap());
    let page = browser().get(to.unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = page.text().await.unwrap();
    assert!(page.contains("close this window") && !page.contains("planted"));
    let code = waiting.await.unwrap().unwrap();
    let reply = flow.prove("d", &challenge, Proof::Code(&code)).await;
    assert!(matches!(reply, Ok(Reply::Session(_))), "{reply:?}");
    let again = flow.prove("d", &challenge, Proof::Code(&code)).await;
    assert!(again.is_err(), "what was asked is answered once");
    assert_eq!(desk.venue.state().logins, 1);
}

#[tokio::test]
async fn strangers_neither_end_it_nor_keep_it_from_the_browser() {
    let callback = Callback::open(ANY_PORT).await.unwrap();
    let redirect = callback.redirect().to_owned();
    let host = redirect.trim_start_matches("https://");
    let host = host.split('/').next().unwrap().to_owned();
    let waiting = tokio::spawn(async move { callback.wait("s1", SOON).await });
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(&host).await.unwrap());
    }
    let mut plain = TcpStream::connect(&host).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let browser = browser();
    for path in ["?code=evil&state=s2", "?code=evil", "/../favicon.ico"] {
        let answer = browser.get(format!("{redirect}{path}")).send().await;
        assert_eq!(answer.unwrap().status(), 404, "{path}");
    }
    let long = format!("{redirect}?state=s1&code={}", "c".repeat(20_000));
    assert!(browser.get(long).send().await.is_err());
    let brought = format!("{redirect}?code=c&state=s1");
    assert_eq!(browser.get(&brought).send().await.unwrap().status(), 200);
    let code = waiting.await.unwrap().unwrap();
    assert_eq!(code.expose(), brought);
    drop(silent);
}

#[tokio::test]
async fn it_ends_when_nobody_comes_and_says_who_has_the_port() {
    let callback = Callback::open(ANY_PORT).await.unwrap();
    let taken = Callback::open(callback.redirect()).await.err().unwrap();
    assert!(taken.to_string().contains("cannot be opened"), "{taken}");
    let waited = callback.wait("s1", Duration::from_millis(50)).await;
    assert!(waited.is_none());
}
