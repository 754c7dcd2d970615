use std::time::Duration;

use tapeline_auth::mfa::Code;
use tapeline_auth::mfa::sms::serve;
use tapeline_simulators::Delivery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::desk::{BROKER, Desk, NOTHING, NUMBER};

/// The webhook behind a socket, to which Twilio is led.
async fn open(desk: &Desk) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let url = format!("http://{address}/behind/a/proxy");
    desk.twilio.change(|book| book.hook.url = url);
    let (stop, stopped) = oneshot::channel();
    let router = desk.webhook();
    let serving = tokio::spawn(serve(listener, router, async {
        let _stopped = stopped.await;
    }));
    (address, stop, serving)
}

#[tokio::test]
async fn a_message_goes_through_duplicates_forgeries_and_losses_included() {
    let desk = Desk::new();
    let (_, stop, serving) = open(&desk).await;
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    let deliveries = [Delivery::Dropped, Delivery::Forged, Delivery::Twice];
    desk.twilio
        .change(|book| book.deliveries.extend(deliveries));
    assert!(
        desk.twilio
            .send(BROKER, NUMBER, "code 111111")
            .await
            .is_empty()
    );
    let forged = desk.twilio.send(BROKER, NUMBER, "code 222222").await;
    assert_eq!(forged, [(403, String::new())]);
    let fine = (200, NOTHING.to_owned());
    let twice = desk.twilio.send(BROKER, NUMBER, "code 482913").await;
    assert_eq!(twice, [fine.clone(), fine]);
    assert_eq!(waiting.await.unwrap(), Some(Code::new("482913")));

    stop.send(()).unwrap();
    serving.await.unwrap();
    let after = desk.twilio.send(BROKER, NUMBER, "code 333333").await;
    assert_eq!(after[0].0, 0, "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_half_of_it_is_cut_off() {
    let desk = Desk::new();
    let (address, _stop, _serving) = open(&desk).await;
    for half in [
        "",
        "POST /sms HT",
        "POST /sms HTTP/1.1\r\nHost: a\r\nX: ",
        "POST /sms HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    ] {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        assert!(began.elapsed() <= Duration::from_secs(15), "{half}");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{half}");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let desk = Desk::new();
    let (address, _stop, _serving) = open(&desk).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!("POST /sms HTTP/1.1\r\nX: {}", "a".repeat(1 << 20));
    // It is cut off on the way.
    let _cut_off = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"));
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_whoever_says_nothing() {
    let desk = Desk::new();
    let (address, stop, serving) = open(&desk).await;
    let _silent = TcpStream::connect(&address).await.unwrap();
    stop.send(()).unwrap();
    timeout(Duration::from_secs(10), serving)
        .await
        .unwrap()
        .unwrap();
}
