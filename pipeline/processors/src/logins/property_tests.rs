//! Whatever is read, in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tapeline_model::records::{Alert, AuthEventKind, LoginCategory, Severity};

use super::harness::{LoginsHarness, step};
use super::*;

/// All matters of an account, once each.
const MAX_AT_ONCE: usize = 12;
const MAX_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone)]
enum Doing {
    Take(Box<AuthEvent>),
    Tick,
    Restart,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("desk-1".to_owned()),
        "h[0-9]",
        "\\PC{0,400}",
        any::<String>()
    ]
}

fn any_step() -> impl Strategy<Value = AuthEvent> {
    let codes = LoginCategory::ALL.iter().map(|category| category.as_str());
    let category = prop_oneof![
        4 => prop::sample::select(codes.collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => text(),
    ];
    let method = prop_oneof![Just("KEPT"), Just("RENEWAL"), Just("TOTP")];
    (
        prop::sample::select(AuthEventKind::ALL),
        prop::option::of(category),
        prop::option::of(method),
        prop::option::of(text()),
        prop::option::of(any::<bool>()),
        prop::option::weighted(0.8, prop_oneof![0..400_000_000_000_i64, any::<i64>()]),
        prop_oneof![Just("a1"), Just("a2"), Just("other")],
        text(),
    )
        .prop_map(
            |(kind, category, method, host, stopped, expires_at, account, venue)| AuthEvent {
                account: AccountId::new(account),
                category,
                method: method.map(str::to_owned),
                host,
                stopped,
                expires_at: expires_at.map(Micros),
                venue,
                ..step(kind, Micros(0))
            },
        )
}

fn doing() -> impl Strategy<Value = (Doing, i64, i64)> {
    let doing = prop_oneof![
        8 => any_step().prop_map(|step| Doing::Take(Box::new(step))),
        2 => Just(Doing::Tick),
        1 => Just(Doing::Restart),
    ];
    // How much later it is read, and how long before that it happened.
    let gap = prop_oneof![0..2_000_000_i64, 0..4_000_000_000_i64];
    let ago = prop_oneof![3 => Just(0), 1 => -5_000_000_000..5_000_000_000_i64];
    (doing, gap, ago)
}

/// What was done, as far as restarts are left out, and what was told each time.
fn run(doings: &[(Doing, i64, i64)], with_restarts: bool) -> (LoginsHarness, Vec<Vec<Alert>>) {
    let mut harness = LoginsHarness::new();
    let mut now = 10_000_000_000;
    let mut told = Vec::new();
    for (doing, gap, ago) in doings {
        now += gap;
        told.push(match doing {
            Doing::Take(step) => {
                let time = Micros(now - ago);
                let expires_at = step.expires_at.map(|at| Micros(at.0.saturating_add(now)));
                let step = AuthEvent {
                    event_time: time,
                    expires_at,
                    ..(**step).clone()
                };
                harness.take_late(step, Micros(now)).unwrap()
            }
            Doing::Tick => harness.tick(Micros(now)),
            Doing::Restart if with_restarts => {
                harness.restart();
                Vec::new()
            }
            Doing::Restart => Vec::new(),
        });
    }
    harness.commit();
    (harness, told)
}

proptest! {
    #[test]
    fn alerts_are_few_and_none_is_repeated(doings in prop::collection::vec(doing(), 1..120)) {
        let (harness, told) = run(&doings, true);
        let mut standing: BTreeMap<String, Alert> = BTreeMap::new();
        let mut ids = std::collections::HashSet::new();
        for alerts in told {
            prop_assert!(alerts.len() <= MAX_AT_ONCE, "{alerts:?}");
            for alert in alerts {
                prop_assert!(ids.insert(alert.alert_id), "{alert:?}");
                prop_assert!(alert.message.len() < 4096 && !alert.message.contains(char::is_control));
                let before = standing.insert(alert.key.clone(), alert.clone());
                let Some(before) = before else { continue };
                let is_other = before.severity != alert.severity || before.message != alert.message;
                prop_assert!(is_other, "told twice: {alert:?}");
                // What is over was there, and is over once.
                prop_assert!(
                    alert.severity != Severity::Info || before.severity != Severity::Info
                        || alert.rule == "session_ends",
                    "{alert:?}"
                );
            }
        }
        for (_, key, value) in &harness.changelog {
            prop_assert!(key == b"a1" || key == b"a2");
            prop_assert!(value.as_ref().is_some_and(|value| value.len() < MAX_BYTES));
        }
    }

    #[test]
    fn a_restart_anywhere_changes_nothing(doings in prop::collection::vec(doing(), 1..80)) {
        let (mut restarted, told) = run(&doings, true);
        let (mut straight, expected) = run(&doings, false);
        prop_assert_eq!(told, expected);
        prop_assert_eq!(dumped(&mut restarted), dumped(&mut straight));
        prop_assert_eq!(restarted.logins.wake_at(), straight.logins.wake_at());
    }
}

fn dumped(harness: &mut LoginsHarness) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for store in harness.logins.stores() {
        let mut write = |key: &[u8], value: &[u8]| all.push((key.to_vec(), value.to_vec()));
        store.dump(&mut write).unwrap();
    }
    all
}
