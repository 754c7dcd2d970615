use tapeline_model::ids::PortfolioId;
use tapeline_model::records::{Alert, AuthEventKind, Severity};

use super::harness::{HOUR, LoginsHarness, MINUTE, SECOND, at, refused, settings, step};
use super::*;
use AuthEventKind::{
    Expired, ExpiresSoon, Healthy, LoginFailed, LoginSucceeded, Refused, SessionLost,
};
use Severity::{Critical, Info, Warning};

fn shown(alerts: &[Alert]) -> Vec<(Severity, &str, &str)> {
    let mut all = Vec::new();
    for alert in alerts {
        all.push((alert.severity, alert.key.as_str(), alert.message.as_str()));
    }
    all
}

fn keys(alerts: &[Alert]) -> Vec<(Severity, &str)> {
    let shown = alerts.iter();
    shown
        .map(|alert| (alert.severity, alert.key.as_str()))
        .collect()
}

#[test]
fn failed_logins_are_told_once_and_again_when_much_worse() {
    let mut harness = LoginsHarness::new();
    let mut told = Vec::new();
    for number in 1..=13 {
        // Far apart, so that no window but the row counts.
        let time = at(number * HOUR);
        for alert in harness.take(refused(LoginFailed, "MFA_FAILED", time)) {
            told.push((number, alert));
        }
    }
    let counts: Vec<(i64, Severity)> = told.iter().map(|(n, a)| (*n, a.severity)).collect();
    assert_eq!(counts, [(3, Warning), (12, Critical)]);
    let first = &told[0].1;
    assert_eq!(
        first.message,
        "3 logins of a1 at alpha failed in a row, the last one for MFA_FAILED: \
         check the seed or the sender of the codes, and this machine's clock"
    );
    assert_eq!(first.value.unwrap().to_string(), "3");
    assert_eq!(first.limit.unwrap().to_string(), "3");
    assert_eq!(
        (first.subject.as_str(), first.procedure.as_str()),
        ("growth", "failed-logins")
    );
    assert_eq!(
        (first.cause_topic.as_str(), first.cause_offset),
        ("auth.events", 2)
    );

    let over = harness.take(step(LoginSucceeded, at(14 * HOUR)));
    assert_eq!(
        shown(&over),
        [(
            Info,
            "a1/failed_logins",
            "logins of a1 at alpha succeed again, after 12 that failed"
        )]
    );
    assert!(harness.take(step(LoginSucceeded, at(15 * HOUR))).is_empty());
    assert!(
        harness
            .take(refused(LoginFailed, "NETWORK", at(16 * HOUR)))
            .is_empty()
    );
}

#[test]
fn failures_between_logins_that_succeed_are_told_by_the_window() {
    let mut harness = LoginsHarness::new();
    let mut told = Vec::new();
    for number in 0..12 {
        let time = at(number * MINUTE);
        told.extend(harness.take(refused(LoginFailed, "VENUE_DOWN", time)));
        told.extend(harness.take(step(LoginSucceeded, time)));
    }
    assert_eq!(keys(&told), [(Warning, "a1/failed_logins")]);
    assert_eq!(
        told[0].message,
        "10 logins of a1 at alpha failed within 15 min, others between them did not, \
         the last one for VENUE_DOWN: see at the venue's status page when it will be back"
    );
    // Ten minutes later five of them are within the window, and it is over.
    assert!(harness.take(step(Healthy, at(20 * MINUTE))).is_empty());
    let over = harness.take(step(Healthy, at(22 * MINUTE)));
    assert_eq!(keys(&over), [(Info, "a1/failed_logins")]);
}

#[test]
fn refusals_are_counted_by_kind_and_account() {
    let mut harness = LoginsHarness::new();
    let mut told = Vec::new();
    for number in 0..4 {
        let time = at(number * MINUTE);
        told.extend(harness.take(refused(Refused, "RATE_LIMITED", time)));
        told.extend(harness.take(refused(Refused, "EXPIRED", time)));
        let other = AuthEvent {
            account: AccountId::new("a2"),
            ..refused(Refused, "RATE_LIMITED", time)
        };
        told.extend(harness.take(other));
    }
    assert!(told.is_empty(), "{told:?}");
    let told = harness.take(refused(Refused, "RATE_LIMITED", at(5 * MINUTE)));
    assert_eq!(
        shown(&told),
        [(
            Warning,
            "a1/login_refusals/429",
            "alpha refused a1 5 times within 15 min for too many requests (429): \
             see which other programs use the account"
        )]
    );
    assert!(
        harness
            .take(refused(Refused, "RATE_LIMITED", at(6 * MINUTE)))
            .is_empty()
    );
    let told = harness.take(refused(SessionLost, "BAD_CREDENTIALS", at(6 * MINUTE)));
    assert_eq!(keys(&told), [(Warning, "a1/login_refusals/401")]);
    let over = harness.take(step(Healthy, at(40 * MINUTE)));
    assert_eq!(
        keys(&over),
        [
            (Info, "a1/login_refusals/401"),
            (Info, "a1/login_refusals/429")
        ]
    );

    // Slowly, and of other kinds: nothing.
    for number in 0..40 {
        let time = at((60 + 10 * number) * MINUTE);
        assert!(
            harness
                .take(refused(Refused, "RATE_LIMITED", time))
                .is_empty()
        );
        assert!(harness.take(refused(Refused, "NETWORK", time)).is_empty());
        assert!(
            harness
                .take(refused(Refused, "NO_SESSION", time))
                .is_empty()
        );
    }
}

#[test]
fn what_nobody_understands_is_told_at_once_and_once() {
    for (category, severity, rule) in [
        ("FORBIDDEN", Critical, "forbidden_login"),
        ("LOCKED", Critical, "locked_login"),
        ("CHANGED_API", Warning, "changed_api"),
    ] {
        let mut harness = LoginsHarness::new();
        let told = harness.take(refused(LoginFailed, category, at(0)));
        let key = format!("a1/{rule}");
        assert_eq!(keys(&told), [(severity, key.as_str())]);
        assert!(told[0].message.contains(category), "{}", told[0].message);
        assert!(
            harness
                .take(refused(Refused, category, at(MINUTE)))
                .is_empty()
        );
        let over = harness.take(step(LoginSucceeded, at(2 * MINUTE)));
        assert_eq!(keys(&over), [(Info, key.as_str())]);
        let told = harness.take(refused(Refused, category, at(3 * MINUTE)));
        assert_eq!(keys(&told)[0], (severity, key.as_str()));
    }
}

#[test]
fn a_stop_needs_a_person() {
    let stop = |category, time| AuthEvent {
        stopped: Some(true),
        ..refused(Refused, category, time)
    };
    let mut harness = LoginsHarness::new();
    let told = harness.take(stop("BAD_CREDENTIALS", at(0)));
    assert_eq!(
        shown(&told),
        [(
            Critical,
            "a1/login_stopped",
            "no more logins of a1 at alpha are tried by themselves (BAD_CREDENTIALS); a person is needed: \
             check the key or the password that the secret holds, then tapeline auth login a1"
        )]
    );
    assert!(harness.take(stop("BAD_CREDENTIALS", at(MINUTE))).is_empty());
    let told = harness.take(stop("MFA_REQUIRED", at(2 * MINUTE)));
    assert_eq!(
        keys(&told),
        [(Critical, "a1/login_stopped")],
        "another cause"
    );
    let over = harness.take(step(LoginSucceeded, at(3 * MINUTE)));
    assert_eq!(keys(&over), [(Info, "a1/login_stopped")]);

    // That it is forbidden said so already; a changed interface did not.
    harness.take(refused(LoginFailed, "FORBIDDEN", at(4 * MINUTE)));
    assert!(harness.take(stop("FORBIDDEN", at(4 * MINUTE))).is_empty());
    let told = harness.take(stop("CHANGED_API", at(5 * MINUTE)));
    assert_eq!(keys(&told), [(Critical, "a1/login_stopped")]);
    let nothing_said = AuthEvent {
        stopped: Some(true),
        ..step(Refused, at(6 * MINUTE))
    };
    assert_eq!(harness.take(nothing_said).len(), 1);
}

#[test]
fn a_machine_that_was_never_seen_is_told() {
    let from = |host: &str, method: Option<&str>, time| AuthEvent {
        host: Some(host.into()),
        method: method.map(str::to_owned),
        ..step(LoginSucceeded, time)
    };
    let mut harness = LoginsHarness::new();
    assert!(
        harness.take(step(LoginSucceeded, at(0))).is_empty(),
        "no host"
    );
    assert!(
        harness.take(from("desk-1", None, at(1))).is_empty(),
        "the first"
    );
    assert!(harness.take(from("laptop", Some("KEPT"), at(2))).is_empty());
    assert!(
        harness
            .take(from("laptop", Some("RENEWAL"), at(3)))
            .is_empty()
    );
    let told = harness.take(from("laptop\u{1b}[31m", Some("TOTP"), at(4)));
    assert_eq!(
        shown(&told),
        [(
            Warning,
            "a1/new_host/laptop31m",
            "a1 was logged in to at alpha from laptop31m, where no login came from before (but from \
             desk-1): if nobody moved it there, end its sessions at the venue and change its credentials"
        )]
    );
    assert!(harness.take(from("desk-1", None, at(5))).is_empty());
    assert!(harness.take(from("laptop31m", None, at(6))).is_empty());
    for number in 0..8 {
        let host = format!("h{number}");
        assert_eq!(harness.take(from(&host, None, at(7 + number))).len(), 1);
    }
    assert!(harness.take(from("h0", None, at(20))).is_empty());
    assert_eq!(
        harness.take(from("desk-1", None, at(21))).len(),
        1,
        "forgotten"
    );
}

#[test]
fn the_end_of_a_session_is_told_more_urgently_as_it_nears() {
    let end = at(100 * HOUR);
    let soon = |hours: i64| AuthEvent {
        expires_at: Some(end),
        ..step(ExpiresSoon, at((100 - hours) * HOUR))
    };
    let mut harness = LoginsHarness::new();
    let told = harness.take(soon(72));
    assert_eq!(
        shown(&told),
        [(
            Info,
            "a1/session_ends",
            "the session of a1 at alpha ends in 72 h, at 2026-11-22T15:06:40.000000Z, and only a \
             person can log in anew: tapeline auth login a1"
        )]
    );
    // Another process tells it again.
    assert!(harness.take(soon(71)).is_empty());
    harness.restart();
    assert!(harness.take(soon(70)).is_empty());
    let renewed = AuthEvent {
        method: Some("RENEWAL".into()),
        ..step(LoginSucceeded, at(31 * HOUR))
    };
    assert!(harness.take(renewed).is_empty(), "its end stays");
    assert_eq!(
        keys(&harness.take(soon(24))),
        [(Warning, "a1/session_ends")]
    );
    assert!(harness.take(soon(23)).is_empty());
    assert_eq!(keys(&harness.take(soon(4))), [(Warning, "a1/session_ends")]);
    assert_eq!(
        keys(&harness.take(soon(1))),
        [(Critical, "a1/session_ends")]
    );
    assert!(harness.take(soon(0)).is_empty());
    let over = harness.take(step(LoginSucceeded, at(99 * HOUR)));
    assert_eq!(keys(&over), [(Info, "a1/session_ends")]);
    let next = AuthEvent {
        expires_at: Some(at(200 * HOUR)),
        ..step(ExpiresSoon, at(128 * HOUR))
    };
    assert_eq!(keys(&harness.take(next)), [(Info, "a1/session_ends")]);
}

#[test]
fn a_session_that_does_not_come_back_is_told_by_time() {
    let mut harness = LoginsHarness::new();
    assert_eq!(harness.logins.wake_at(), None);
    // A session that comes back is no matter.
    harness.take(refused(SessionLost, "EXPIRED", at(0)));
    assert_eq!(harness.logins.wake_at(), Some(at(5 * MINUTE)));
    harness.take(step(LoginSucceeded, at(MINUTE)));
    assert_eq!(harness.logins.wake_at(), None);

    harness.take(step(Expired, at(10 * MINUTE)));
    harness.take(refused(SessionLost, "EXPIRED", at(12 * MINUTE)));
    assert!(harness.tick(at(14 * MINUTE)).is_empty());
    harness.restart();
    let told = harness.tick(at(15 * MINUTE));
    assert_eq!(
        shown(&told),
        [(
            Warning,
            "a1/no_session",
            "no login of a1 at alpha gave a session for 5 min, since 2026-11-18T11:16:40.000000Z: \
             see why its logins fail, or tapeline auth login a1"
        )]
    );
    assert_eq!(told[0].cause_topic, "time");
    assert!(harness.tick(at(16 * MINUTE)).is_empty());
    assert_eq!(
        keys(&harness.tick(at(40 * MINUTE))),
        [(Critical, "a1/no_session")]
    );
    assert_eq!(harness.logins.wake_at(), None);
    assert!(harness.tick(at(900 * MINUTE)).is_empty());
    let over = harness.take(step(Healthy, at(901 * MINUTE)));
    assert_eq!(keys(&over), [(Info, "a1/no_session")]);

    // Read late, and over by what follows.
    harness
        .take_late(step(Expired, at(950 * MINUTE)), at(2000 * MINUTE))
        .unwrap();
    assert!(harness.tick(at(2001 * MINUTE)).is_empty());

    // Somebody was told already that a person is needed.
    let stop = AuthEvent {
        stopped: Some(true),
        ..refused(Refused, "EXPIRED", at(2002 * MINUTE))
    };
    assert_eq!(harness.take(stop).len(), 1);
    assert_eq!(harness.logins.wake_at(), None);
}

#[test]
fn whose_login_it_is_must_fit() {
    let mut harness = LoginsHarness::new();
    let unknown = AuthEvent {
        account: AccountId::new("feed"),
        ..refused(LoginFailed, "FORBIDDEN", at(0))
    };
    assert!(harness.take(unknown).is_empty());
    let other = AuthEvent {
        portfolio: PortfolioId::new("income"),
        ..refused(LoginFailed, "FORBIDDEN", at(0))
    };
    let refusal = harness.take_late(other, at(0)).unwrap_err();
    assert_eq!(refusal.reason, Reason::WrongPortfolio);
    let home = tapeline_schemas::partition_of(b"growth", 4);
    let mut elsewhere = LoginsHarness::with(LoginSettings {
        share: crate::Share::new((home + 1) % 4, 4),
        ..settings()
    });
    let refusal = elsewhere
        .take_late(refused(LoginFailed, "FORBIDDEN", at(0)), at(0))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::WrongPartition);
    harness.commit();
    assert!(harness.changelog.is_empty(), "nothing is kept of it");
}

#[test]
fn a_probe_that_is_answered_writes_nothing() {
    let mut harness = LoginsHarness::new();
    harness.take(step(LoginSucceeded, at(0)));
    harness.commit();
    let written = harness.changelog.len();
    harness.take(step(Healthy, at(MINUTE)));
    harness.commit();
    assert_eq!(harness.changelog.len(), written);
}

#[test]
fn settings_out_of_range_are_told_together() {
    let wrong = LoginSettings {
        failures_in_row: 0,
        failures: 101,
        window: 0,
        away_warning: MINUTE,
        away_critical: SECOND,
        ..settings()
    };
    let keys: Vec<String> = wrong.faults().into_iter().map(|fault| fault.key).collect();
    assert_eq!(
        keys,
        ["failures_in_row", "failures", "window", "away_critical"]
    );
}

#[test]
fn golden_bytes() {
    crate::golden::assert_golden(&LoginState {
        venue: "alpha".into(),
        in_row: 3,
        times: [("401".to_owned(), vec![at(0), at(1)])].into(),
        told: [("failed_logins".to_owned(), 3)].into(),
        hosts: vec!["desk-1".into()],
        lost_at: Some(at(2)),
        lost_seen: None,
        ends_at: Some(at(3)),
    });
}
