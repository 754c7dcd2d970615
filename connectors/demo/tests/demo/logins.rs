use std::collections::BTreeSet;

use proptest::prelude::*;
use tapeline_model::Event;
use tapeline_model::records::{AuthEvent, AuthEventKind};

use crate::{START, run};

fn auth_events(seed: u64, seconds: u64) -> Vec<AuthEvent> {
    let events = run(seed, seconds)
        .into_iter()
        .map(|emission| emission.event);
    let only_auth = |event| match event {
        Event::Auth(event) => Some(event),
        _ => None,
    };
    events.filter_map(only_auth).collect()
}

fn before(events: &[AuthEvent], seconds: i64) -> &[AuthEvent] {
    let early = |event: &AuthEvent| event.event_time < START.plus_millis(seconds * 1000);
    &events[..events.partition_point(early)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_minute_holds_every_kind(seed: u64) {
        let events = auth_events(seed, 60);
        let seen: BTreeSet<&str> = events.iter().map(|e| e.kind.as_str()).collect();
        prop_assert_eq!(seen.len(), AuthEventKind::ALL.len(), "{:?}", seen);
        prop_assert!(before(&events, 20).len() >= 10);
        let lost = |e: &AuthEvent| e.kind == AuthEventKind::SessionLost;
        prop_assert!(before(&events, 40).iter().any(lost));
    }

    #[test]
    fn there_is_never_silence(seed: u64) {
        let events = auth_events(seed, 300);
        for pair in events.windows(2) {
            let silence = pair[1].event_time.since(pair[0].event_time);
            prop_assert!(silence <= 3_000_000, "{} µs before {:?}", silence, pair[1]);
        }
    }
}

#[test]
fn a_login_goes_step_by_step() {
    use AuthEventKind::{Challenge, CodeSeen, Healthy, LoginFailed, LoginSucceeded};
    let events = auth_events(1, 20);
    let of = |account: &str| -> Vec<(AuthEventKind, i32)> {
        let mine = events.iter().filter(|e| e.account.as_str() == account);
        let login = mine.filter(|e| e.kind != Healthy);
        login.map(|e| (e.kind, e.attempt)).collect()
    };
    let smooth = [(Challenge, 1), (CodeSeen, 1), (LoginSucceeded, 1)];
    assert_eq!(of("alpha-1"), smooth);
    assert_eq!(of("beta-1"), smooth);
    assert_eq!(
        of("alpha-2"),
        [
            (Challenge, 1),
            (CodeSeen, 1),
            (LoginFailed, 1),
            (Challenge, 2),
            (CodeSeen, 2),
            (LoginSucceeded, 2)
        ]
    );
}

#[test]
fn the_countdown_runs_towards_the_end_that_was_told() {
    let events = auth_events(1, 60);
    let mine: Vec<&AuthEvent> = events
        .iter()
        .filter(|e| e.account.as_str() == "alpha-1")
        .collect();
    let at = |kind| mine.iter().filter(move |e| e.kind == kind);
    let ends = at(AuthEventKind::LoginSucceeded).next().unwrap().expires_at;
    let announced: Vec<_> = at(AuthEventKind::ExpiresSoon).collect();
    assert_eq!(announced.len(), 3);
    assert!(announced.iter().all(|e| e.expires_at == ends));
    let expired = at(AuthEventKind::Expired).next().unwrap();
    assert_eq!(Some(expired.event_time), ends);
    let again = at(AuthEventKind::LoginSucceeded).nth(1).unwrap();
    assert!(again.event_time > expired.event_time);
}

#[test]
fn failures_say_what_kind_they_are() {
    use AuthEventKind::{LoginFailed, Refused, SessionLost};
    for event in auth_events(1, 120) {
        let failure = matches!(event.kind, LoginFailed | Refused | SessionLost);
        assert_eq!(event.category.is_some(), failure, "{event:?}");
        assert!(event.method.is_some() && !event.detail.is_empty());
    }
}
