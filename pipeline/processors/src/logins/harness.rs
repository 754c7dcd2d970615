//! A processor to hand steps of logins to, and steps to hand to it.

use tapeline_model::ids::PortfolioId;
use tapeline_model::records::{Alert, AuthEventKind};

use super::*;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const START: Micros = Micros(1_795_000_000 * SECOND);

pub(super) fn at(micros: i64) -> Micros {
    Micros(START.0 + micros)
}

pub(super) fn settings() -> LoginSettings {
    let account = |id| (AccountId::new(id), PortfolioId::new("growth"));
    LoginSettings {
        accounts: [account("a1"), account("a2")].into(),
        ..LoginSettings::default()
    }
}

pub(super) fn step(kind: AuthEventKind, time: Micros) -> AuthEvent {
    AuthEvent {
        event_id: "e".into(),
        portfolio: PortfolioId::new("growth"),
        account: AccountId::new("a1"),
        venue: "alpha".into(),
        kind,
        method: Some("TOTP".into()),
        attempt: 1,
        category: None,
        expires_at: None,
        detail: String::new(),
        login_id: None,
        latency_ms: None,
        host: None,
        stopped: Some(false),
        event_time: time,
        ingest_time: time,
        source: "auth".into(),
    }
}

pub(super) fn refused(kind: AuthEventKind, category: &str, time: Micros) -> AuthEvent {
    AuthEvent {
        category: Some(category.into()),
        ..step(kind, time)
    }
}

/// Of a store: the key and the value.
type StoredChange = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// A processor, and what it wrote.
pub(super) struct LoginsHarness {
    settings: LoginSettings,
    pub logins: Logins,
    offset: u64,
    pub changelog: Vec<StoredChange>,
}

impl LoginsHarness {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: LoginSettings) -> Self {
        assert_eq!(settings.faults(), []);
        Self {
            logins: Logins::new(settings.clone()),
            settings,
            offset: 0,
            changelog: Vec::new(),
        }
    }

    /// Read when it happened.
    pub fn take(&mut self, step: AuthEvent) -> Vec<Alert> {
        let now = step.event_time;
        self.take_late(step, now).unwrap()
    }

    pub fn take_late(&mut self, step: AuthEvent, now: Micros) -> Result<Vec<Alert>, Refusal> {
        let origin = Origin {
            topic: Topic::AuthEvents,
            partition: 1,
            offset: self.offset,
        };
        self.offset += 1;
        let mut out = Out::default();
        self.logins
            .process(origin, &Event::Auth(step), now, &mut out)?;
        Ok(alerts(&mut out))
    }

    pub fn tick(&mut self, now: Micros) -> Vec<Alert> {
        let mut out = Out::default();
        if self.logins.wake_at().is_some_and(|at| at <= now) {
            self.logins.tick(now, &mut out);
        }
        alerts(&mut out)
    }

    pub fn commit(&mut self) {
        for store in self.logins.stores() {
            let name = store.name();
            let changelog = &mut self.changelog;
            let mut write = |key: &[u8], value: Option<&[u8]>| {
                changelog.push((name, key.to_vec(), value.map(<[u8]>::to_vec)));
            };
            store.drain_changes(&mut write).unwrap();
        }
    }

    pub fn restart(&mut self) {
        self.commit();
        self.logins = Logins::new(self.settings.clone());
        for (name, key, value) in &self.changelog {
            for store in self.logins.stores() {
                assert_eq!(store.name(), *name);
                store.restore(key, value.as_deref()).unwrap();
            }
        }
        self.logins.restored().unwrap();
    }
}

fn alerts(out: &mut Out) -> Vec<Alert> {
    let one = |event| match event {
        Event::Alert(alert) => alert,
        other => panic!("{other:?}"),
    };
    out.drain().map(one).collect()
}
