//! What was wrong is what is told, each time; and only a person's matters are left to a person.

use std::collections::BTreeMap;

use tapeline_auth::{LoginCategory, Step};
use tapeline_model::records::AuthEventKind;

use super::check::Findings;
use super::logbook::{Asked, Entry, Exchange};
use super::login_kind::LoginKind;

pub(super) fn categories(findings: &mut Findings, entries: &[Entry], way: LoginKind) {
    let mut machines: BTreeMap<usize, ProcessState> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Began { machine } => {
                machines.remove(machine);
            }
            Entry::Wanted { .. } => {}
            Entry::Exchange(exchange) => {
                let machine = machines.entry(exchange.machine).or_default();
                machine.asks(findings, exchange);
            }
            Entry::Brought { machine, truth, .. } => {
                let machine = machines.entry(*machine).or_default();
                machine.awaits(*truth);
            }
            Entry::Told { machine, at, step } => {
                let machine = machines.entry(*machine).or_default();
                machine.hears(findings, way, step, *at);
            }
        }
    }
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, Default)]
struct ProcessState {
    /// What was wrong with what was done last, and whether that was told.
    truth: Option<LoginCategory>,
    is_told: bool,
    /// It need not be told.
    may_be_silent: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Goes,
    /// A person was asked to bring something,
    WantsCode,
    /// or is waited for, who says yes elsewhere.
    WantsYes,
    Stopped,
}

impl ProcessState {
    fn untold(self) -> Option<LoginCategory> {
        self.truth.filter(|_| !self.is_told)
    }

    fn awaits(&mut self, truth: Option<LoginCategory>) {
        self.truth = truth;
        self.is_told = false;
        self.may_be_silent = truth.is_some_and(|truth| self.bears(truth));
    }

    /// Whoever waits for a person asks again whatever passes by itself, and whoever stopped only
    /// looks.
    fn bears(self, truth: LoginCategory) -> bool {
        let passes = matches!(
            truth,
            LoginCategory::Network | LoginCategory::VenueDown | LoginCategory::RateLimited
        );
        match self.stage {
            Stage::Stopped => true,
            Stage::WantsYes => passes,
            Stage::Goes | Stage::WantsCode => false,
        }
    }

    fn asks(&mut self, findings: &mut Findings, exchange: &Exchange) {
        // A session that is lost, or a client's secret that was rotated, is followed by a renewal.
        let is_mended =
            exchange.asked == Asked::Renewal && self.untold() == Some(LoginCategory::Expired);
        if let Some(truth) = self.untold()
            && !self.may_be_silent
            && !is_mended
        {
            findings.mistaken(truth, None, exchange.sent);
        }
        self.awaits(exchange.truth);
    }

    fn hears(&mut self, findings: &mut Findings, way: LoginKind, step: &Step, at: i64) {
        if let Some(told) = step.category {
            self.compare(findings, way, told, step, at);
            if step.stopped && !is_for_a_person(told, way) {
                findings.wrong_stops += 1;
                findings.note(format!("stopped for {told} at {at}"));
            }
        }
        self.stage = match step.kind {
            _ if step.stopped => Stage::Stopped,
            AuthEventKind::Challenge => match step.method {
                Some("PUSH" | "BROWSER") => Stage::WantsYes,
                Some("OAUTH") => Stage::WantsCode,
                _ => Stage::Goes,
            },
            AuthEventKind::LoginSucceeded
            | AuthEventKind::LoginFailed
            | AuthEventKind::Refused
            | AuthEventKind::SessionLost => Stage::Goes,
            _ => self.stage,
        };
    }

    fn compare(
        &mut self,
        findings: &mut Findings,
        way: LoginKind,
        told: LoginCategory,
        step: &Step,
        at: i64,
    ) {
        match self.untold() {
            Some(truth) if truth == told => self.is_told = true,
            Some(_) if self.may_be_silent && self.explains(told, step, way, None) => {}
            Some(truth) => findings.mistaken(truth, Some(told), at),
            None if self.explains(told, step, way, self.truth) => {
                (self.truth, self.is_told) = (Some(told), true);
            }
            None => {
                findings.miscategorised += 1;
                findings.note(format!("{told} out of nowhere at {at}: {}", step.detail));
            }
        }
    }

    /// Whether it may be told besides: the end of a session, a pause before the account is
    /// locked, a code that did not come, a person who is not there, and what the login does after
    /// a refusal that was told.
    fn explains(
        self,
        told: LoginCategory,
        step: &Step,
        way: LoginKind,
        truth: Option<LoginCategory>,
    ) -> bool {
        let follows = match told {
            LoginCategory::Locked => step.kind == AuthEventKind::Refused,
            LoginCategory::Expired if step.stopped => way.needs_person(),
            LoginCategory::Expired => step.kind == AuthEventKind::SessionLost,
            LoginCategory::MfaFailed => truth.is_none(),
            LoginCategory::MfaRequired => self.stage == Stage::WantsCode,
            _ => false,
        };
        follows || truth == Some(told)
    }
}

fn is_for_a_person(told: LoginCategory, way: LoginKind) -> bool {
    match told {
        LoginCategory::BadCredentials | LoginCategory::Forbidden | LoginCategory::ChangedApi => {
            true
        }
        LoginCategory::MfaRequired => way == LoginKind::OAuth,
        LoginCategory::Expired => way.needs_person(),
        _ => false,
    }
}

impl Findings {
    fn mistaken(&mut self, truth: LoginCategory, told: Option<LoginCategory>, at: i64) {
        self.miscategorised += 1;
        let told = told.map_or("nothing", LoginCategory::as_str);
        self.note(format!("{truth} was told as {told} at {at}"));
    }
}
