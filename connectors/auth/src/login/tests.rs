use std::time::Duration;

use proptest::prelude::*;

use super::*;
use AuthEventKind::{Expired, ExpiresSoon};

const SECOND: i64 = 1_000_000;
const START: Micros = Micros(1_700_000_000 * SECOND);

fn at(seconds: i64) -> Micros {
    Micros(START.0 + seconds * SECOND)
}

fn login() -> Login {
    Login::new(Policy::default(), 7)
}

fn until(expires: i64, renewable: Option<i64>) -> Validity {
    Validity {
        expires: Some(at(expires)),
        renewable: renewable.map(at),
    }
}

fn challenge() -> Input {
    Input::Challenged {
        method: Method::Totp,
        left: None,
    }
}

fn published_kinds(actions: &[Action]) -> Vec<AuthEventKind> {
    let steps = actions.iter().filter_map(|action| match action {
        Action::Tell(step) => Some(step.kind),
        _ => None,
    });
    steps.collect()
}

fn asks(actions: &[Action]) -> Vec<&Action> {
    let is_ask = |action: &&Action| {
        matches!(
            action,
            Action::Open | Action::Prove { .. } | Action::Renew | Action::Probe
        )
    };
    actions.iter().filter(is_ask).collect()
}

#[test]
fn a_login_with_a_code_and_its_renewal() {
    let mut login = login();
    let actions = login.take(at(0), Input::Begin);
    assert_eq!(asks(&actions), [&Action::Open]);
    assert!(!login.is_in());

    let actions = login.take(at(1), challenge());
    assert_eq!(published_kinds(&actions), [AuthEventKind::Challenge]);
    let Some(Action::Prove {
        asked, until: by, ..
    }) = actions.last()
    else {
        panic!("{actions:?}");
    };
    assert_eq!((*asked, *by), (at(1), at(121)));
    assert_eq!(
        published_kinds(&login.take(at(2), Input::CodeSeen)),
        [AuthEventKind::CodeSeen]
    );

    let actions = login.take(at(3), Input::Opened(until(1803, Some(86_400))));
    assert_eq!(published_kinds(&actions), [AuthEventKind::LoginSucceeded]);
    assert!(login.is_in());
    assert_eq!(login.due(), Some(at(63)), "a probe");
    assert_eq!(asks(&login.take(at(63), Input::Tick)), [&Action::Probe]);
    assert_eq!(
        published_kinds(&login.take(at(64), Input::Healthy)),
        [AuthEventKind::Healthy]
    );

    // Five minutes before its end.
    let actions = login.take(at(1503), Input::Tick);
    assert_eq!(asks(&actions), [&Action::Renew]);
    assert!(login.is_in(), "the session is good while it is renewed");
    let actions = login.take(at(1504), Input::Opened(until(3304, Some(86_400))));
    assert_eq!(published_kinds(&actions), [AuthEventKind::LoginSucceeded]);
}

#[test]
fn what_was_kept_goes_on_without_a_login() {
    let mut login = login();
    let kept = SavedState {
        session: Some(until(1000, None)),
        refusals: vec![],
    };
    let actions = login.take(at(0), Input::CodeSearch(kept));
    assert_eq!(published_kinds(&actions), [AuthEventKind::LoginSucceeded]);
    assert!(asks(&actions).is_empty());
    assert!(
        login.take(at(0), Input::Begin).is_empty(),
        "nothing is to be begun"
    );

    let mut login = self::login();
    let kept = SavedState {
        session: Some(until(-10, Some(500))),
        refusals: vec![],
    };
    assert_eq!(
        asks(&login.take(at(0), Input::CodeSearch(kept))),
        [&Action::Renew]
    );
}

#[test]
fn wrong_codes_end_before_the_venue_locks_and_a_restart_does_not_forget_them() {
    let mut login = login();
    let mut now = at(0);
    let mut actions = login.take(now, Input::Begin);
    let mut proofs = 0;
    let mut kept = SavedState::default();
    while let Some(ask) = asks(&actions).first() {
        let input = if **ask == Action::Open {
            challenge()
        } else {
            proofs += 1;
            Input::Refused(LoginCategory::MfaFailed.into())
        };
        kept = last_kept(&actions).unwrap_or(kept);
        actions = login.take(now, input);
        if asks(&actions).is_empty() {
            kept = last_kept(&actions).unwrap_or(kept);
            let due = login.due().unwrap();
            if due.since(now) > 60 * SECOND {
                break;
            }
            now = due;
            actions = login.take(now, Input::Tick);
        }
    }
    assert_eq!(proofs, 3);
    let free = login.due().unwrap();
    assert_eq!(free.since(now), 1920 * SECOND);
    assert_eq!(kept.refusals.len(), 3);

    let mut restarted = self::login();
    restarted.take(now, Input::CodeSearch(kept));
    assert!(asks(&restarted.take(now, Input::Begin)).is_empty());
    assert_eq!(restarted.due(), Some(free));
    assert_eq!(asks(&restarted.take(free, Input::Tick)), [&Action::Open]);
}

fn last_kept(actions: &[Action]) -> Option<SavedState> {
    actions.iter().rev().find_map(|action| match action {
        Action::Keep(kept) => Some(kept.clone()),
        _ => None,
    })
}

#[test]
fn a_code_on_its_way_counts_when_the_process_ends() {
    let mut login = login();
    login.take(at(0), Input::Begin);
    let actions = login.take(at(1), challenge());
    assert_eq!(last_kept(&actions).unwrap().refusals, [], "none came yet");
    let actions = login.take(at(9), Input::CodeSeen);
    assert_eq!(last_kept(&actions).unwrap().refusals, [at(9)]);
}

#[test]
fn a_yes_elsewhere_is_followed_by_credentials_and_a_person_s_login_by_none() {
    let kept_of = |method, needs_person| {
        let policy = Policy {
            needs_person,
            ..Policy::default()
        };
        let mut login = Login::new(policy, 7);
        let begun = login.take(at(0), Input::Begin);
        login.take(at(1), Input::Challenged { method, left: None });
        let approved = login.take(at(9), Input::Approved);
        [begun, approved].map(|actions| last_kept(&actions).unwrap().refusals)
    };
    assert_eq!(kept_of(Method::Push, false), [[at(0)], [at(9)]]);
    let none: Vec<Micros> = Vec::new();
    assert_eq!(kept_of(Method::Browser, true), [none.clone(), none]);
}

#[test]
fn refused_credentials_are_looked_up_once_more_and_then_a_person_is_asked() {
    let mut login = login();
    login.take(at(0), Input::Begin);
    let refused = || Input::Refused(LoginCategory::BadCredentials.into());
    assert!(login.take(at(1), refused()).contains(&Action::LookUpAgain));
    let due = login.due().unwrap();
    assert_eq!(asks(&login.take(due, Input::Tick)), [&Action::Open]);
    login.take(due, refused());
    assert_eq!(login.due(), None, "stopped");
    assert!(
        !asks(&login.take(at(900), Input::Begin)).is_empty(),
        "a person may"
    );
}

#[test]
fn forbidden_stops_and_what_passes_is_tried_again_later_and_later() {
    let mut login = login();
    login.take(at(0), Input::Begin);
    let actions = login.take(at(1), Input::Refused(LoginCategory::Forbidden.into()));
    assert_eq!(
        published_kinds(&actions),
        [AuthEventKind::LoginFailed, AuthEventKind::Refused]
    );
    let stopped = actions.iter().filter_map(|action| match action {
        Action::Tell(step) => Some(step.stopped),
        _ => None,
    });
    assert_eq!(stopped.collect::<Vec<_>>(), [false, true]);
    assert_eq!(login.due(), None);

    let mut login = self::login();
    let mut now = at(0);
    login.take(now, Input::Begin);
    let mut waits = Vec::new();
    for _ in 0..12 {
        login.take(now, Input::Refused(LoginCategory::VenueDown.into()));
        let due = login.due().unwrap();
        waits.push(due.since(now) / SECOND);
        now = due;
        login.take(now, Input::Tick);
    }
    assert!(waits[0] <= 3 && waits[3] > waits[0] * 3, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 375), "{waits:?}");
}

#[test]
fn a_venue_that_says_how_long_is_not_asked_sooner() {
    let mut login = login();
    login.take(at(0), Input::Begin);
    let refusal = Refusal {
        not_within: Some(Duration::from_secs(600)),
        ..LoginCategory::RateLimited.into()
    };
    login.take(at(0), Input::Refused(refusal));
    assert_eq!(login.due(), Some(at(600)));
}

/// A password may be wrong, and its answer lost: the venue counts it all the same.
#[test]
fn what_was_sent_and_not_answered_counts_and_what_was_never_sent_does_not() {
    let tries_of = |refusal: Refusal| {
        let mut login = login();
        let mut now = at(0);
        let mut tries = 0;
        let mut actions = login.take(now, Input::Begin);
        while now < at(600) {
            tries += asks(&actions).len();
            login.take(now, Input::Refused(refusal));
            now = login.due().unwrap();
            actions = login.take(now, Input::Tick);
        }
        tries
    };
    assert_eq!(tries_of(Refusal::unseen()), 3);
    assert!(tries_of(LoginCategory::Network.into()) > 6);
}

#[test]
fn sessions_that_do_not_live_are_not_opened_over_and_over() {
    for renewable in [None, Some(90_000)] {
        let mut login = login();
        let mut now = at(0);
        let mut actions = login.take(now, Input::Begin);
        let mut sessions = 0;
        while now < at(600) {
            if asks(&actions).is_empty() {
                now = login.due().unwrap();
                actions = login.take(now, Input::Tick);
            } else {
                sessions += 1;
                login.take(now, Input::Opened(until(90_000, renewable)));
                actions = login.take(now, Input::Lost);
            }
        }
        assert!(sessions < 12, "{sessions} in ten minutes, {renewable:?}");
    }
}

#[test]
fn a_session_that_the_venue_closed_is_renewed_where_that_still_counts() {
    let mut login = login();
    login.take(at(0), Input::Begin);
    login.take(at(0), Input::Opened(until(3600, Some(90_000))));
    let actions = login.take(at(100), Input::Lost);
    assert!(matches!(actions[0], Action::Keep(_)), "told by who has it");
    assert_eq!(published_kinds(&actions), [AuthEventKind::SessionLost]);
    assert_eq!(asks(&actions), [&Action::Renew]);
    assert!(!login.is_in(), "no request is made with what was closed");
    login.take(at(101), Input::Opened(until(3701, Some(90_000))));
    assert!(login.is_in());

    login.take(at(200), Input::Lost);
    let refused = Input::Refused(LoginCategory::Expired.into());
    let actions = login.take(at(201), refused);
    assert!(actions.contains(&Action::Forget));
    let due = login.due().unwrap();
    assert!(due.since(at(201)) < 5 * SECOND);
    assert_eq!(asks(&login.take(due, Input::Tick)), [&Action::Open]);
}

/// Where a person logs in at a page of the venue's own, nobody else says that they did.
#[test]
fn that_a_person_logged_in_is_seen_by_looking_and_nothing_is_told_of_the_looks() {
    let policy = Policy {
        needs_person: true,
        sees_logins: true,
        ..Policy::default()
    };
    let mut login = Login::new(policy, 1);
    let browser = || Input::Challenged {
        method: Method::Browser,
        left: None,
    };
    login.take(at(0), Input::Begin);
    login.take(at(0), browser());
    let actions = login.take(at(120), Input::NoCode);
    assert_eq!(
        published_kinds(&actions),
        [AuthEventKind::LoginFailed, AuthEventKind::Refused]
    );
    for minute in 3..5 {
        assert_eq!(login.due(), Some(at(minute * 60)));
        assert!(login.take(at(minute * 60 - 1), Input::Tick).is_empty());
        let actions = login.take(at(minute * 60), Input::Tick);
        assert_eq!(actions, [Action::Open]);
        assert!(login.take(at(minute * 60), browser()).is_empty());
    }
    login.take(at(300), Input::Tick);
    let shut = Refusal {
        not_within: Some(Duration::from_mins(15)),
        ..LoginCategory::RateLimited.into()
    };
    assert!(login.take(at(300), Input::Refused(shut)).is_empty());
    assert_eq!(login.due(), Some(at(1200)));
    login.take(at(1200), Input::Tick);
    let actions = login.take(at(1200), Input::Opened(until(90_000, None)));
    assert_eq!(published_kinds(&actions), [AuthEventKind::LoginSucceeded]);

    // Somebody else works with the account: they are left alone until a person says otherwise.
    login.take(at(90_000), Input::Tick);
    let due = login.due().unwrap();
    login.take(due, Input::Tick);
    let actions = login.take(due, Input::Refused(LoginCategory::Forbidden.into()));
    assert_eq!(published_kinds(&actions), [AuthEventKind::Refused]);
    assert_eq!(login.due(), None);
}

#[test]
fn the_end_that_a_person_must_prevent_is_told_ahead() {
    let policy = Policy {
        needs_person: true,
        probe_every: None,
        ..Policy::default()
    };
    let mut login = Login::new(policy, 1);
    login.take(at(0), Input::Begin);
    let week = 7 * 86_400;
    login.take(at(0), Input::Opened(until(week, None)));
    let mut announced = Vec::new();
    while let Some(due) = login.due() {
        let actions = login.take(due, Input::Tick);
        announced.extend(
            published_kinds(&actions)
                .into_iter()
                .map(|kind| (kind, due.since(at(week)) / SECOND / 3600)),
        );
    }
    let soon = |hours| (ExpiresSoon, hours);
    let expected = [
        soon(-72),
        soon(-24),
        soon(-4),
        soon(-1),
        (Expired, 0),
        (AuthEventKind::Refused, 0),
    ];
    assert_eq!(announced, expected);
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut login = login();
    assert!(login.take(at(0), Input::Opened(until(10, None))).is_empty());
    login.take(at(0), Input::Begin);
    assert!(
        login.take(at(0), Input::Begin).is_empty(),
        "one login at a time"
    );
    assert!(login.take(at(0), Input::Healthy).is_empty());
    assert!(login.take(at(0), Input::Tick).is_empty());
    login.take(at(1), Input::Revoked);
    assert!(login.take(at(1), challenge()).is_empty());
    assert!(!login.is_in());
}

fn any_answer() -> impl Strategy<Value = u8> {
    0..20_u8
}

proptest! {
    /// However a venue answers: one thing is asked at a time, never so often that a venue which
    /// locks at four refusals in half an hour does, and never in a storm.
    #[test]
    fn no_venue_is_driven_to_lock(answers in prop::collection::vec(any_answer(), 1..300), seed: u64) {
        let mut login = Login::new(Policy::default(), seed);
        let mut now = START;
        let mut counted: Vec<Micros> = Vec::new();
        let mut opens: Vec<Micros> = Vec::new();
        let mut actions = login.take(now, Input::Begin);
        for answer in answers {
            let asked = asks(&actions);
            prop_assert!(asked.len() <= 1);
            let input = match asked.first() {
                None => {
                    let Some(due) = login.due() else { break };
                    prop_assert!(due >= now || login.is_in(), "what is due lies ahead");
                    now = now.max(due);
                    Input::Tick
                }
                Some(ask) => {
                    if matches!(ask, Action::Open | Action::Renew) {
                        opens.push(now);
                    }
                    now = Micros(now.0 + i64::from(answer) * SECOND / 4);
                    let is_proof = matches!(ask, Action::Prove { .. });
                    let input = answer_to(ask, answer, now);
                    // What nobody saw the answer of may have been counted.
                    let is_counted = |refusal: &Refusal| refusal.is_unseen || consequence_of(refusal.category) == Consequence::Counted;
                    let is_login = matches!(ask, Action::Open | Action::Prove { .. });
                    let is_wrong = is_login && matches!(&input, Input::Refused(refusal) if is_counted(refusal));
                    if is_wrong || is_proof && matches!(input, Input::Challenged { .. }) {
                        counted.push(now);
                    }
                    if matches!(input, Input::Opened(_)) {
                        counted.clear();
                    }
                    input
                }
            };
            actions = login.take(now, input);
            let window = counted.iter().filter(|at| now.since(**at) < 1800 * SECOND).count();
            prop_assert!(window <= 3, "{window} refusals within half an hour");
        }
        for burst in opens.windows(10) {
            prop_assert!(burst[9].since(burst[0]) > 60 * SECOND, "ten sessions within a minute");
        }
    }
}

fn answer_to(ask: &Action, answer: u8, now: Micros) -> Input {
    let session = || Validity {
        expires: Some(Micros(now.0 + i64::from(answer) * 20 * SECOND)),
        renewable: answer
            .is_multiple_of(2)
            .then_some(Micros(now.0 + 3600 * SECOND)),
    };
    match (ask, answer) {
        (Action::Probe, 0..12) => Input::Healthy,
        (Action::Probe, 12..15) => Input::Lost,
        (Action::Open, 0..8) | (Action::Prove { .. }, 8..10) => challenge(),
        (Action::Prove { .. }, 10) => Input::NoCode,
        (_, 0..8 | 12..15) => Input::Opened(session()),
        (_, answer) => {
            let category = LoginCategory::ALL[usize::from(answer) % 10];
            Input::Refused(match category {
                // These stop it, and nothing more would be tested.
                LoginCategory::Forbidden
                | LoginCategory::ChangedApi
                | LoginCategory::MfaRequired => LoginCategory::MfaFailed.into(),
                LoginCategory::Network => Refusal::unseen(),
                category => category.into(),
            })
        }
    }
}
