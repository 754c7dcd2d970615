//! What is known of the logins to one account, and what follows from each step.

mod messages;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::AccountId;
use tapeline_model::records::{AuthEvent, AuthEventKind, LoginCategory, Severity};
use tapeline_schemas::codec::Record;

use self::messages::{LoginMessages, plain};
use super::LoginSettings;
use super::alerts::{AlertKind, PendingAlert};
use super::category::{RefusalKind, number_of};

/// A machine that was not seen for so many others is new again.
const HOSTS: usize = 8;
/// An alert is repeated once failures are so many times those of the last one.
const MUCH_WORSE: i32 = 4;
const HOUR: i64 = 3_600_000_000;
/// How long before the end of a session another alert is due, and how urgent it is.
const STAGES: [(i64, Severity); 4] = [
    (72 * HOUR, Severity::Info),
    (24 * HOUR, Severity::Warning),
    (4 * HOUR, Severity::Warning),
    (HOUR, Severity::Critical),
];
/// What counts failed logins, beside the kinds of [`RefusalKind`].
const FAILURES: &str = "failed";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LoginState {
    pub venue: String,
    /// Logins that failed since one succeeded.
    pub in_row: i32,
    /// When failures and refusals of a kind came, the newest last; as many as are counted.
    pub times: BTreeMap<String, Vec<Micros>>,
    /// Alerts that are not resolved, and how bad it was at each.
    pub told: BTreeMap<String, i32>,
    /// Where logins came from, the newest last.
    pub hosts: Vec<String>,
    pub lost_at: Option<Micros>,
    /// When that was read: what is read late must not look as if it lasted.
    pub lost_seen: Option<Micros>,
    /// The end that an alert announced.
    pub ends_at: Option<Micros>,
}

impl Record for LoginState {
    const RECORD: &'static str = "state_login";
}

impl LoginState {
    pub fn apply(
        &mut self,
        step: &AuthEvent,
        now: Micros,
        settings: &LoginSettings,
    ) -> Vec<PendingAlert> {
        self.venue = plain(&step.venue);
        let at = step.event_time.min(now);
        let went_well = matches!(
            step.kind,
            AuthEventKind::LoginSucceeded | AuthEventKind::Healthy
        );
        let category = step.category.as_deref().and_then(LoginCategory::parse);
        let messages = LoginMessages {
            account: &step.account,
            venue: &self.venue.clone(),
        };
        let mut transition = Transition {
            state: self,
            settings,
            messages,
            at,
            out: Vec::new(),
        };
        transition.kind(step, now, category);
        match category {
            _ if went_well => {}
            category if step.stopped == Some(true) => transition.stopped(category),
            Some(category) => transition.refused(category),
            None => {}
        }
        transition.settle();
        transition.out
    }

    /// Time went by.
    pub fn check_absence(
        &mut self,
        account: &AccountId,
        now: Micros,
        settings: &LoginSettings,
    ) -> Vec<PendingAlert> {
        if self.wakes_at(settings).is_none_or(|at| at > now) {
            return Vec::new();
        }
        let (Some(lost_at), Some(seen)) = (self.lost_at, self.lost_seen) else {
            return Vec::new();
        };
        let is_long = now.since(seen) >= settings.away_critical;
        let (level, severity) = if is_long {
            (2, Severity::Critical)
        } else {
            (1, Severity::Warning)
        };
        self.told.insert(AlertKind::Away.name(), level);
        let messages = LoginMessages {
            account,
            venue: &self.venue,
        };
        let message = messages.away(lost_at, now.since(lost_at));
        vec![PendingAlert::new(AlertKind::Away, severity, message)]
    }

    /// When an alert is due if no session comes until then.
    pub fn wakes_at(&self, settings: &LoginSettings) -> Option<Micros> {
        let seen = self.lost_seen?;
        // That a person is needed says it all.
        if self.is_open(AlertKind::Stopped) || self.is_open(AlertKind::Forbidden) {
            return None;
        }
        let wait = match self.level(AlertKind::Away) {
            0 => settings.away_warning,
            1 => settings.away_critical,
            _ => return None,
        };
        Some(Micros(seen.0.saturating_add(wait)))
    }

    fn level(&self, kind: AlertKind) -> i32 {
        self.told.get(&kind.name()).copied().unwrap_or(0)
    }

    fn is_open(&self, kind: AlertKind) -> bool {
        self.level(kind) > 0
    }

    fn record_time(&mut self, what: &str, at: Micros, most: u32) {
        let times = self.times.entry(what.to_owned()).or_default();
        times.push(at);
        let too_many = times.len().saturating_sub(most as usize);
        times.drain(..too_many);
    }

    /// How many came within the window before the newest of them, or before now.
    fn recent(&self, what: &str, at: Micros, window: i64) -> u32 {
        let Some(times) = self.times.get(what) else {
            return 0;
        };
        let newest = times.iter().copied().max().map_or(at, |time| time.max(at));
        let counted = times.iter().filter(|time| newest.since(**time) < window);
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }
}

/// A step that is being taken.
struct Transition<'a> {
    state: &'a mut LoginState,
    settings: &'a LoginSettings,
    messages: LoginMessages<'a>,
    at: Micros,
    out: Vec<PendingAlert>,
}

impl Transition<'_> {
    fn kind(&mut self, step: &AuthEvent, now: Micros, category: Option<LoginCategory>) {
        match step.kind {
            AuthEventKind::LoginSucceeded => self.logged_in(step),
            AuthEventKind::Healthy => self.session_alive(),
            AuthEventKind::LoginFailed => self.failed(category),
            AuthEventKind::ExpiresSoon => {
                if let Some(end) = step.expires_at.filter(|end| end.is_storable()) {
                    self.ends(end);
                }
            }
            AuthEventKind::Expired | AuthEventKind::SessionLost => {
                if self.state.lost_at.is_none() {
                    self.state.lost_at = Some(self.at);
                    self.state.lost_seen = Some(now);
                }
            }
            AuthEventKind::Refused | AuthEventKind::Challenge | AuthEventKind::CodeSeen => {}
        }
    }

    fn logged_in(&mut self, step: &AuthEvent) {
        self.state.in_row = 0;
        self.session_alive();
        for kind in [
            AlertKind::Forbidden,
            AlertKind::Locked,
            AlertKind::ChangedApi,
            AlertKind::Stopped,
        ] {
            self.resolve(kind);
        }
        let is_same = matches!(step.method.as_deref(), Some("KEPT" | "RENEWAL"));
        if is_same {
            return;
        }
        self.state.ends_at = None;
        self.resolve(AlertKind::Ends);
        if let Some(host) = &step.host {
            self.note_host(plain(host));
        }
    }

    fn session_alive(&mut self) {
        self.state.lost_at = None;
        self.state.lost_seen = None;
        self.resolve(AlertKind::Away);
    }

    fn note_host(&mut self, host: String) {
        let known = self.state.hosts.iter().position(|known| *known == host);
        let is_new = known.is_none() && !self.state.hosts.is_empty();
        if is_new {
            let message = self.messages.new_host(&host, &self.state.hosts);
            self.out.push(PendingAlert {
                of: Some(host.clone()),
                ..PendingAlert::new(AlertKind::NewHost, Severity::Warning, message)
            });
        }
        if let Some(known) = known {
            self.state.hosts.remove(known);
        }
        self.state.hosts.push(host);
        let too_many = self.state.hosts.len().saturating_sub(HOSTS);
        self.state.hosts.drain(..too_many);
    }

    fn failed(&mut self, category: Option<LoginCategory>) {
        let settings = self.settings;
        self.state.in_row = self.state.in_row.saturating_add(1);
        self.state.record_time(FAILURES, self.at, settings.failures);
        let recent = self.state.recent(FAILURES, self.at, settings.window);
        let in_row = self.state.in_row;
        let is_row = in_row.unsigned_abs() >= settings.failures_in_row;
        let count = if is_row {
            in_row
        } else {
            i32::try_from(recent).unwrap_or(i32::MAX)
        };
        let before = self.state.level(AlertKind::Failed);
        let severity = match before {
            0 if is_row || recent >= settings.failures => Severity::Warning,
            1.. if count >= before.saturating_mul(MUCH_WORSE) => Severity::Critical,
            _ => return,
        };
        self.state.told.insert(AlertKind::Failed.name(), count);
        let (message, limit) = if is_row {
            let message = self.messages.failed_in_row(count, category);
            (message, settings.failures_in_row)
        } else {
            let message = self
                .messages
                .failed_within(count, settings.window, category);
            (message, settings.failures)
        };
        let told = PendingAlert::new(AlertKind::Failed, severity, message);
        self.out.push(told.counted(count, limit));
    }

    fn ends(&mut self, end: Micros) {
        let left = end.since(self.at);
        let passed = STAGES.iter().filter(|(ahead, _)| left <= *ahead).count();
        let stage = passed.max(1);
        let is_same = self.state.ends_at.is_some_and(|known| {
            // Renewing may move an end a little.
            end.since(known).unsigned_abs() < HOUR.unsigned_abs()
        });
        let told = if is_same {
            self.state.level(AlertKind::Ends)
        } else {
            0
        };
        let stage_told = i32::try_from(stage).unwrap_or(i32::MAX);
        if stage_told <= told {
            return;
        }
        self.state.ends_at = Some(end);
        self.state.told.insert(AlertKind::Ends.name(), stage_told);
        let severity = STAGES[stage - 1].1;
        let message = self.messages.ends(end, left);
        self.out
            .push(PendingAlert::new(AlertKind::Ends, severity, message));
    }

    fn refused(&mut self, category: LoginCategory) {
        match category {
            LoginCategory::Forbidden => {
                let message = self.messages.forbidden();
                self.alert_once(AlertKind::Forbidden, 1, Severity::Critical, message);
            }
            LoginCategory::Locked => {
                let message = self.messages.locked();
                self.alert_once(AlertKind::Locked, 1, Severity::Critical, message);
            }
            LoginCategory::ChangedApi => {
                let message = self.messages.changed_api();
                self.alert_once(AlertKind::ChangedApi, 1, Severity::Warning, message);
            }
            _ => {}
        }
        let Some(refused) = RefusalKind::of(category) else {
            return;
        };
        let limit = self.settings.limit(refused);
        self.state.record_time(refused.code(), self.at, limit);
        let window = self.settings.window;
        let recent = self.state.recent(refused.code(), self.at, window);
        let kind = AlertKind::Refused(refused);
        if recent < limit || self.state.is_open(kind) {
            return;
        }
        let count = i32::try_from(recent).unwrap_or(i32::MAX);
        self.state.told.insert(kind.name(), count);
        let message = self.messages.refusals(refused, count, window);
        let told = PendingAlert::new(kind, Severity::Warning, message);
        self.out.push(told.counted(count, limit));
    }

    /// Nothing more is tried. Where that was forbidden, an alert said already that a person is needed.
    fn stopped(&mut self, category: Option<LoginCategory>) {
        if category == Some(LoginCategory::Forbidden) && self.state.is_open(AlertKind::Forbidden) {
            return;
        }
        let level = category.map_or(i32::MAX, number_of);
        let message = self.messages.stopped(category);
        self.alert_once(AlertKind::Stopped, level, Severity::Critical, message);
    }

    fn alert_once(&mut self, kind: AlertKind, level: i32, severity: Severity, message: String) {
        let before = self.state.told.insert(kind.name(), level);
        if before != Some(level) {
            self.out.push(PendingAlert::new(kind, severity, message));
        }
    }

    /// Failures and refusals that became fewer are over.
    fn settle(&mut self) {
        let window = self.settings.window;
        let failures = self.state.recent(FAILURES, self.at, window);
        if self.state.in_row == 0 && failures <= self.settings.failures / 2 {
            self.resolve(AlertKind::Failed);
        }
        for refused in RefusalKind::ALL {
            let recent = self.state.recent(refused.code(), self.at, window);
            if recent <= self.settings.limit(refused) / 2 {
                self.resolve(AlertKind::Refused(refused));
            }
        }
    }

    fn resolve(&mut self, kind: AlertKind) {
        if let Some(level) = self.state.told.remove(&kind.name()) {
            let message = self.messages.resolved(kind, level);
            self.out
                .push(PendingAlert::new(kind, Severity::Info, message));
        }
    }
}
