use std::time::Duration;

use tapeline_venue::{FeedReceiver, Retry, StopSender};
use tokio::task::JoinHandle;

use super::*;

const NOW: Micros = Micros(1_795_251_600_000_000);

fn start(
    capacity: usize,
    up_to: u64,
) -> (JoinHandle<Result<(), VenueError>>, FeedReceiver, StopSender) {
    let mut venue = DemoVenue::new(&DemoSettings::default()).unwrap();
    venue.clock = || NOW;
    let (feed, receiver) = Feed::channel(capacity);
    let (sender, stop) = Stop::pair();
    let running = Box::new(venue).run(feed, Resume { up_to }, stop);
    (tokio::spawn(running), receiver, sender)
}

async fn take(receiver: &mut FeedReceiver, count: usize) -> Vec<Outgoing> {
    let mut out = Vec::new();
    while out.len() < count {
        let room = count - out.len();
        assert!(receiver.next_many(&mut out, room).await > 0, "ended early");
    }
    out
}

fn expected(count: usize) -> Vec<Outgoing> {
    let mut simulation = Simulation::new(&DemoSettings::default()).unwrap();
    let mut out = Vec::new();
    while out.len() < count {
        simulation.step(NOW, &mut out);
    }
    out.truncate(count);
    out
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_topics_already_comes_at_once_and_the_same() {
    let (_running, mut receiver, _stop) = start(64, 20_000);
    let begin = Instant::now();
    let resumed = take(&mut receiver, 20_000).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert!(resumed == expected(20_000), "another sequence");

    // From there on at the market's pace, with the next number.
    let live = take(&mut receiver, 5_000).await;
    assert_eq!(live[0].seq, 20_001);
    let took = begin.elapsed().as_millis();
    assert!((1_800..2_100).contains(&took), "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn a_second_holds_a_second_of_the_market() {
    let (_running, mut receiver, _stop) = start(64, 0);
    let begin = Instant::now();
    let mut quotes = 0;
    while begin.elapsed() < Duration::from_secs(4) {
        let emission = take(&mut receiver, 1).await;
        quotes += u32::from(emission[0].event.topic() == Topic::MarketQuotes);
    }
    assert!((9_900..=10_100).contains(&quotes), "{quotes}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_behind_holds_it_back() {
    let (running, mut receiver, _stop) = start(8, 0);
    let mut taken = take(&mut receiver, 1).await;
    tokio::time::advance(Duration::from_hours(1)).await;
    assert!(!running.is_finished());
    let begin = Instant::now();
    // What waited, one second that is made up for, and no hour of it.
    taken.extend(take(&mut receiver, 5_499).await);
    assert!(taken == expected(5_500), "nothing is lost by waiting");
    assert!(begin.elapsed() > Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn stops_when_asked_even_with_a_full_feed() {
    for up_to in [0, 1_000_000] {
        let (running, mut receiver, stop) = start(8, up_to);
        take(&mut receiver, 1).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let begin = Instant::now();
        stop.stop();
        assert_eq!(running.await.unwrap(), Ok(()));
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn says_so_when_the_pipeline_is_gone() {
    let (running, receiver, _stop) = start(8, 0);
    drop(receiver);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!((error.venue.as_str(), error.retry), (NAME, Retry::Never));
}

#[test]
fn speaks_for_its_accounts_and_topics() {
    let venue = DemoVenue::new(&DemoSettings::default()).unwrap();
    assert_eq!((venue.name(), venue.topics().len()), ("demo", 5));
    let accounts = venue.accounts();
    let of = |portfolio: &str| {
        let matching = accounts
            .iter()
            .filter(|a| a.portfolio.as_str() == portfolio);
        matching.map(|a| a.account.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("growth"), ["alpha-1", "alpha-2"]);
    assert_eq!(of("income"), ["beta-1"]);
    assert_eq!(of("momentum"), ["beta-2"]);
}
