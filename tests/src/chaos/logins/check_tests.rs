//! Each counter is shown to find what it is there for, in a logbook made by hand.

use tapeline_auth::{LoginCategory, Step};
use tapeline_model::records::AuthEventKind;

use super::check::{Facts, Findings, SECOND, check};
use super::logbook::{Asked, Entry, Exchange, Made};
use super::login_kind::LoginKind;
use super::venue::Ledger;

fn exchange(sent: i64, asked: Asked) -> Exchange {
    Exchange {
        machine: 0,
        asked,
        sent: sent * SECOND,
        ended: sent * SECOND + 100_000,
        code: None,
        renewal: None,
        is_behind: false,
        truth: None,
        made: Made::Nothing,
        is_answered: true,
    }
}

fn coded(sent: i64, code: &str) -> Exchange {
    Exchange {
        code: Some(code.to_owned()),
        ..exchange(sent, Asked::Proof)
    }
}

/// Refused for a wrong code, which the venue counts.
fn refused(sent: i64) -> Exchange {
    Exchange {
        truth: Some(LoginCategory::MfaFailed),
        made: Made::Counted,
        ..exchange(sent, Asked::Login)
    }
}

fn told(at: i64, kind: AuthEventKind, category: LoginCategory, stopped: bool) -> Entry {
    Entry::Told {
        machine: 0,
        at: at * SECOND + 200_000,
        step: Step {
            kind,
            method: None,
            login: 1,
            attempt: 1,
            latency: None,
            category: Some(category),
            expires: None,
            stopped,
            detail: String::new(),
        },
    }
}

fn found(way: LoginKind, entries: &[Entry]) -> Findings {
    let facts = Facts {
        way,
        week: None,
        baits: vec!["666666".to_owned()],
    };
    check(entries, &facts)
}

/// The counters that are not 0.
#[track_caller]
fn finds(entries: &[Entry], expected: &[(&str, u64)]) {
    assert_eq!(counters(&found(LoginKind::App, entries)), expected);
}

fn counters(of: &Findings) -> Vec<(&'static str, u64)> {
    let all = [
        ("codes_reused", of.codes_reused),
        ("lockouts_exceeded", of.lockouts_exceeded),
        ("login_storms", of.login_storms),
        ("miscategorised", of.miscategorised),
        ("secrets_leaked", of.secrets_leaked),
        ("stuck", of.stuck),
        ("needless_pauses", of.needless_pauses),
        ("wrong_stops", of.wrong_stops),
        ("uninvited", of.uninvited),
        ("fought_over", of.fought_over),
        ("bait_taken", of.bait_taken),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn a_code_that_is_sent_again_and_one_that_is_not_ours() {
    let entries = |codes: &[(i64, &str)]| {
        let sent = codes.iter().map(|(at, code)| coded(*at, code));
        sent.map(Entry::Exchange).collect::<Vec<_>>()
    };
    finds(&entries(&[(0, "1"), (60, "2"), (1000, "1")]), &[]);
    finds(&entries(&[(0, "1"), (60, "1")]), &[("codes_reused", 1)]);
    finds(&entries(&[(0, "666666")]), &[("bait_taken", 1)]);
}

#[test]
fn refusals_beyond_what_the_policy_allows() {
    let entries = |count: i64| {
        let mut entries = Vec::new();
        for at in (0..count).map(|n| n * 300) {
            let failed = AuthEventKind::LoginFailed;
            entries.push(Entry::Exchange(refused(at)));
            entries.push(told(at, failed, LoginCategory::MfaFailed, false));
        }
        entries
    };
    finds(&entries(3), &[]);
    finds(&entries(4), &[("lockouts_exceeded", 1)]);
}

#[test]
fn too_many_logins_and_two_machines_at_a_time() {
    let logins = |count: i64| {
        let logins = (0..count).map(|n| exchange(100 + n * 5, Asked::Login));
        logins.map(Entry::Exchange).collect::<Vec<_>>()
    };
    finds(&logins(6), &[]);
    finds(&logins(7), &[("login_storms", 1)]);
    let other = Exchange {
        machine: 1,
        ..exchange(100, Asked::Login)
    };
    let both = [exchange(100, Asked::Login), other].map(Entry::Exchange);
    finds(&both, &[("login_storms", 1)]);
}

#[test]
fn what_was_wrong_and_is_told_as_something_else_or_not_at_all() {
    let down = || {
        Entry::Exchange(Exchange {
            truth: Some(LoginCategory::VenueDown),
            ..exchange(0, Asked::Login)
        })
    };
    let failed = |category| told(0, AuthEventKind::LoginFailed, category, false);
    finds(&[down(), failed(LoginCategory::VenueDown)], &[]);
    let other = [down(), failed(LoginCategory::BadCredentials)];
    finds(&other, &[("miscategorised", 1)]);
    let next = Entry::Exchange(exchange(60, Asked::Login));
    finds(&[down(), next], &[("miscategorised", 1)]);
    finds(
        &[failed(LoginCategory::VenueDown)],
        &[("miscategorised", 1)],
    );
}

#[test]
fn a_pause_without_refusals_behind_it() {
    let pause = |at| told(at, AuthEventKind::Refused, LoginCategory::Locked, false);
    let mut entries: Vec<Entry> = Vec::new();
    for at in [0, 300, 600] {
        entries.push(Entry::Exchange(refused(at)));
        entries.push(told(
            at,
            AuthEventKind::LoginFailed,
            LoginCategory::MfaFailed,
            false,
        ));
    }
    entries.push(pause(600));
    finds(&entries, &[]);
    finds(&[pause(0)], &[("needless_pauses", 1)]);
    entries.drain(..2);
    finds(&entries, &[("needless_pauses", 1)]);
}

#[test]
fn a_stop_where_no_person_is_needed() {
    let wrong = |category| {
        let asked = Exchange {
            truth: Some(category),
            ..exchange(0, Asked::Login)
        };
        let stop = told(0, AuthEventKind::Refused, category, true);
        [Entry::Exchange(asked), stop]
    };
    finds(&wrong(LoginCategory::BadCredentials), &[]);
    finds(&wrong(LoginCategory::VenueDown), &[("wrong_stops", 1)]);
    // A session that ends is renewed by the login itself, but for a browser's.
    finds(&wrong(LoginCategory::Expired), &[("wrong_stops", 1)]);
    assert_eq!(
        counters(&found(LoginKind::OAuth, &wrong(LoginCategory::Expired))),
        []
    );
}

#[test]
fn what_is_asked_after_a_stop() {
    let asked = Exchange {
        truth: Some(LoginCategory::BadCredentials),
        ..exchange(0, Asked::Login)
    };
    let stop = told(
        0,
        AuthEventKind::Refused,
        LoginCategory::BadCredentials,
        true,
    );
    let again = Entry::Exchange(exchange(600, Asked::Login));
    let entries = [Entry::Exchange(asked), stop, again];
    finds(&entries, &[("uninvited", 1)]);
    let [first, stop, again] = entries;
    finds(&[first, stop, Entry::Wanted { machine: 0 }, again], &[]);
}

#[test]
fn what_the_venue_saw_and_what_lies_about() {
    let mut findings = Findings::default();
    findings.ledger(&Ledger {
        repeated: 1,
        fought: 2,
        shut: 1,
        is_locked: true,
        ..Ledger::default()
    });
    let codes = ["123456".to_owned()];
    findings.leaks(
        "the key is planted-key, the code 123456",
        &["planted-key"],
        &codes,
    );
    findings.sealed(&[b"code 123456".to_vec(), b"sealed".to_vec()], &codes);
    findings.webhook(vec!["answered 200 instead of 403".to_owned()]);
    findings.stuck(true);
    let expected = [
        ("codes_reused", 1),
        ("lockouts_exceeded", 1),
        ("login_storms", 1),
        ("miscategorised", 1),
        ("secrets_leaked", 3),
        ("stuck", 1),
        ("fought_over", 2),
    ];
    assert_eq!(counters(&findings), expected);
    let mut calm = Findings::default();
    calm.leaks("at 0.1234567", &["planted-key"], &codes);
    calm.sealed(&[b"0123456".to_vec()], &codes);
    calm.stuck(false);
    calm.ledger(&Ledger::default());
    assert_eq!(counters(&calm), []);
}
