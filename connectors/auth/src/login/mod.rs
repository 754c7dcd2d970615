//! The login of one account, as a value.

mod ends;
mod messages;
mod refusals;

use std::time::Duration;

use tapeline_model::Micros;
use tapeline_model::records::{AuthEventKind, LoginCategory};

use crate::category::{Consequence, consequence_of, remedy_of};
use crate::challenge::Method;
use crate::policy::{Policy, later};
use crate::refusal::Refusal;
use crate::saved_state::{SavedState, Validity};
use refusals::Refusals;

pub use messages::{Action, Input, Step};

/// A session that ends sooner counts as a failure: it must not be opened over and over.
const SHORT_LIVED_MS: i64 = 60_000;
/// Credentials that were refused are looked up again so often before a person is asked.
const LOOK_UPS: u32 = 1;

#[derive(Debug, Clone)]
pub struct Login {
    policy: Policy,
    /// Keeps accounts apart that fail at the same time.
    seed: u64,
    state: State,
    session: Option<OpenSession>,
    /// Counts the requests for a session.
    number: u32,
    /// Counts from 1 within one.
    attempt: u32,
    /// Failures in a row, for the back-off.
    streak: u32,
    look_ups: u32,
    refusals: Refusals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Out,
    /// The answer to this is awaited.
    Asked(Awaited),
    Waiting {
        until: Micros,
        then: Awaited,
    },
    In,
    /// Only a person can help; whether one did is looked at then, if it can be seen.
    Stopped {
        look: Option<Micros>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Open,
    Prove(Method),
    Renew,
    Probe,
    /// Whether a person logged in.
    Look,
}

#[derive(Debug, Clone, Copy)]
struct OpenSession {
    until: Validity,
    /// The venue closed it: it is of use for its renewal alone.
    is_lost: bool,
    opened: Micros,
    next_probe: Option<Micros>,
    /// How many of the policy's announcements were made.
    announced: usize,
}

impl Login {
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self {
            refusals: Refusals::new(policy.most_refusals, policy.refusals_count_for),
            policy,
            seed,
            state: State::Out,
            session: None,
            number: 0,
            attempt: 1,
            streak: 0,
            look_ups: 0,
        }
    }

    /// Whether requests may be made with the session.
    pub fn is_in(&self) -> bool {
        self.session.is_some_and(|session| !session.is_lost)
    }

    /// When a `Tick` is due at the latest; never, while an answer is awaited.
    pub fn due(&self) -> Option<Micros> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::In => self.session.and_then(|session| self.next_of(&session)),
            State::Stopped { look } => look,
            State::Out | State::Asked(_) => None,
        }
    }

    /// What follows from what happened. What does not fit (an answer that nobody waits for any
    /// more) changes nothing.
    pub fn take(&mut self, now: Micros, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        match (self.state, input) {
            (State::Out, Input::CodeSearch(kept)) => self.found(now, kept, &mut out),
            (State::Out | State::Stopped { .. }, Input::Begin) => self.begin(now, &mut out),
            (State::Asked(asked), Input::Opened(until)) => self.opened(now, asked, until, &mut out),
            (State::Asked(Awaited::Look), Input::Challenged { .. }) => self.look_later(now, None),
            (State::Asked(Awaited::Look), Input::Refused(refusal)) => {
                self.look_refused(now, refusal, &mut out);
            }
            (
                State::Asked(Awaited::Open | Awaited::Prove(_)),
                Input::Challenged { method, left },
            ) => {
                self.challenged(now, method, left, &mut out);
            }
            (State::Asked(Awaited::Prove(_)), Input::Approved) => {
                self.presume_credentials(now);
                out.push(Action::Keep(self.kept()));
            }
            (State::Asked(Awaited::Prove(method)), Input::CodeSeen) => {
                self.refusals.presume(now);
                let detail = format!("a code arrived by {method} and was handed over");
                let step = self.step(AuthEventKind::CodeSeen, None, detail);
                out.push(Action::Keep(self.kept()));
                out.push(Action::Tell(step));
            }
            (State::Asked(Awaited::Prove(method)), Input::NoCode) => {
                self.no_code(now, method, &mut out);
            }
            (State::Asked(Awaited::Open | Awaited::Prove(_)), Input::Refused(refusal)) => {
                self.login_refused(now, refusal, &mut out);
            }
            (State::Asked(Awaited::Renew), Input::Refused(refusal)) => {
                self.renewal_refused(now, refusal, &mut out);
            }
            (State::Asked(Awaited::Probe), Input::Refused(refusal)) => {
                self.probe_refused(now, refusal, &mut out);
            }
            (State::Asked(Awaited::Probe), Input::Healthy) => self.healthy(now, &mut out),
            (State::In | State::Asked(Awaited::Probe), Input::Lost) => self.lost(now, &mut out),
            (_, Input::Revoked) => self.revoked(&mut out),
            (State::Waiting { until, then }, Input::Tick) if now >= until => {
                self.ask(now, then, &mut out);
            }
            (State::In, Input::Tick) => self.tick(now, &mut out),
            (State::Stopped { look: Some(due) }, Input::Tick) if now >= due => {
                self.ask(now, Awaited::Look, &mut out);
            }
            _ => {}
        }
        out
    }

    fn found(&mut self, now: Micros, kept: SavedState, out: &mut Vec<Action>) {
        self.refusals.add(kept.refusals, now);
        let Some(until) = kept.session else { return };
        self.session = Some(self.session_from(now, until));
        if until.expires.is_none_or(|expires| expires > now) {
            self.state = State::In;
            let detail = "the session of before goes on".to_owned();
            let step = self.step(AuthEventKind::LoginSucceeded, None, detail);
            out.push(Action::Tell(Step {
                method: Some("KEPT"),
                ..step
            }));
        } else {
            self.ended(now, out);
        }
    }

    fn begin(&mut self, now: Micros, out: &mut Vec<Action>) {
        self.number += 1;
        self.attempt = 1;
        self.look_ups = 0;
        self.ask(now, Awaited::Open, out);
    }

    /// Sends something, or waits until it may be sent.
    fn ask(&mut self, now: Micros, what: Awaited, out: &mut Vec<Action>) {
        if what == Awaited::Open {
            if self.refusals.locked_until(now).is_some() {
                return self.wait_for_the_venue_to_forget(now, out);
            }
            self.presume_credentials(now);
        }
        if !matches!(what, Awaited::Probe | Awaited::Look) {
            // Also shows that this process still has the login: two renewals lock an account out.
            out.push(Action::Keep(self.kept()));
        }
        self.state = State::Asked(what);
        out.push(match what {
            Awaited::Renew => Action::Renew,
            Awaited::Probe => Action::Probe,
            Awaited::Open | Awaited::Prove(_) | Awaited::Look => Action::Open,
        });
    }

    /// They are sent. Where a person logs in, there are none.
    fn presume_credentials(&mut self, now: Micros) {
        if !self.policy.needs_person {
            self.refusals.presume(now);
        }
    }

    fn challenged(
        &mut self,
        now: Micros,
        method: Method,
        left: Option<u32>,
        out: &mut Vec<Action>,
    ) {
        let detail = format!("the venue asks for a code by {method}");
        let step = self.step(AuthEventKind::Challenge, None, detail);
        out.push(Action::Tell(Step {
            method: Some(method.as_str()),
            ..step
        }));
        // Asked again, the answer was wrong; asked for the first time, the credentials were right.
        if self.state == State::Asked(Awaited::Open) {
            self.refusals.withdraw();
        } else {
            self.refusals.is_now(now);
            self.refusals.settle();
        }
        // After a wrong answer, the last one it takes may lock the account.
        if left.is_some_and(|left| left <= 1) && self.refusals.count(now) > 0 {
            self.refusals.use_up(now);
        }
        if self.refusals.locked_until(now).is_some() {
            return self.wait_for_the_venue_to_forget(now, out);
        }
        // Until there is a code, nothing is sent that is counted.
        self.state = State::Asked(Awaited::Prove(method));
        out.push(Action::Keep(self.kept()));
        out.push(Action::Prove {
            method,
            asked: now,
            until: later(now, self.policy.code_within),
        });
    }

    fn opened(&mut self, now: Micros, asked: Awaited, until: Validity, out: &mut Vec<Action>) {
        let was_renewed = asked == Awaited::Renew;
        self.refusals.clear();
        self.look_ups = 0;
        // One that the venue closed and gave anew has yet to show that it lives.
        if was_renewed && self.is_in() {
            self.streak = 0;
        }
        self.session = Some(self.session_from(now, until));
        self.state = State::In;
        let detail = match asked {
            Awaited::Renew => "the session was renewed".to_owned(),
            Awaited::Look => "a person logged in".to_owned(),
            _ => format!("logged in at attempt {}", self.attempt),
        };
        let step = self.step(AuthEventKind::LoginSucceeded, None, detail);
        let method = match asked {
            Awaited::Prove(method) => Some(method.as_str()),
            Awaited::Renew => Some("RENEWAL"),
            Awaited::Look => Some(Method::Browser.as_str()),
            Awaited::Open | Awaited::Probe => None,
        };
        out.push(Action::Keep(self.kept()));
        out.push(Action::Tell(Step { method, ..step }));
        self.attempt = 1;
    }

    fn no_code(&mut self, now: Micros, method: Method, out: &mut Vec<Action>) {
        self.refusals.withdraw();
        let detail = if method.is_approval() {
            format!("nobody said yes in time ({method})")
        } else {
            format!("no code came by {method}")
        };
        self.tell_failed(LoginCategory::MfaFailed, detail, out);
        if self.policy.needs_person {
            return self.stop(now, LoginCategory::Expired, out);
        }
        self.try_again(now, None, Awaited::Open, out);
    }

    fn login_refused(&mut self, now: Micros, refusal: Refusal, out: &mut Vec<Action>) {
        let category = refusal.category;
        let consequence = consequence_of(category);
        // Before the venue saw anything of it, or behind what it counts: they may try again at once.
        let is_a_person_s = self.policy.needs_person
            && matches!(category, LoginCategory::Expired | LoginCategory::MfaFailed);
        let is_counted = consequence == Consequence::Counted || refusal.is_unseen;
        if is_counted && !is_a_person_s {
            self.refusals.is_now(now);
        } else {
            self.refusals.withdraw();
        }
        if refusal.left == Some(0) || category == LoginCategory::Locked {
            self.refusals.use_up(now);
        }
        let detail = format!("the login was refused; {}", remedy_of(category));
        self.tell_failed(category, detail, out);
        if category == LoginCategory::BadCredentials {
            if self.look_ups == LOOK_UPS {
                return self.stop(now, category, out);
            }
            self.look_ups += 1;
            out.push(Action::LookUpAgain);
        }
        if consequence == Consequence::Stop || is_a_person_s {
            return self.stop(now, category, out);
        }
        if self.refusals.locked_until(now).is_some() {
            return self.wait_for_the_venue_to_forget(now, out);
        }
        self.try_again(now, refusal.not_within, Awaited::Open, out);
    }

    fn probe_refused(&mut self, now: Micros, refusal: Refusal, out: &mut Vec<Action>) {
        match refusal.category {
            LoginCategory::Forbidden | LoginCategory::ChangedApi => {
                let detail = format!("the session was refused; {}", remedy_of(refusal.category));
                let step = self.step(AuthEventKind::Refused, Some(refusal.category), detail);
                out.push(Action::Tell(step));
                self.stop(now, refusal.category, out);
            }
            LoginCategory::BadCredentials
            | LoginCategory::MfaRequired
            | LoginCategory::MfaFailed
            | LoginCategory::Expired => {
                self.lost(now, out);
            }
            category => {
                let detail = "whether the session is alive is not known".to_owned();
                let step = self.step(AuthEventKind::Refused, Some(category), detail);
                out.push(Action::Tell(step));
                self.streak += 1;
                let wait = self.policy.back_off.after(self.streak, self.seed);
                let wait = refusal.not_within.map_or(wait, |least| wait.max(least));
                self.probed(later(now, wait));
            }
        }
    }

    fn healthy(&mut self, now: Micros, out: &mut Vec<Action>) {
        self.streak = 0;
        let step = self.step(
            AuthEventKind::Healthy,
            None,
            "the session answers".to_owned(),
        );
        out.push(Action::Tell(step));
        if let Some(every) = self.policy.probe_every {
            self.probed(later(now, every));
        }
    }

    fn probed(&mut self, next: Micros) {
        self.state = State::In;
        if let Some(session) = &mut self.session {
            session.next_probe = Some(next);
        }
    }

    fn tick(&mut self, now: Micros, out: &mut Vec<Action>) {
        let Some(session) = self.session else { return };
        let until = session.until;
        if until.expires.is_some_and(|expires| now >= expires) {
            return self.ended(now, out);
        }
        if self.renewal_due(&session).is_some_and(|due| now >= due) {
            return self.ask(now, Awaited::Renew, out);
        }
        self.announce(now, out);
        if session.next_probe.is_some_and(|due| now >= due) {
            self.ask(now, Awaited::Probe, out);
        }
    }

    fn try_again(
        &mut self,
        now: Micros,
        not_within: Option<Duration>,
        then: Awaited,
        out: &mut Vec<Action>,
    ) {
        self.streak += 1;
        self.attempt += 1;
        let wait = self.policy.back_off.after(self.streak, self.seed);
        let wait = not_within.map_or(wait, |least| wait.max(least));
        let until = later(now, wait);
        self.state = State::Waiting { until, then };
        out.push(Action::Keep(self.kept()));
    }

    fn wait_for_the_venue_to_forget(&mut self, now: Micros, out: &mut Vec<Action>) {
        let until = self.refusals.locked_until(now).unwrap_or(now);
        self.streak += 1;
        self.attempt += 1;
        self.state = State::Waiting {
            until,
            then: Awaited::Open,
        };
        let detail = format!(
            "no login is tried before {until}, so that the venue does not lock the account"
        );
        let step = self.step(AuthEventKind::Refused, Some(LoginCategory::Locked), detail);
        out.push(Action::Keep(self.kept()));
        out.push(Action::Tell(step));
    }

    fn stop(&mut self, now: Micros, category: LoginCategory, out: &mut Vec<Action>) {
        self.forget(out);
        if self.policy.sees_logins && category == LoginCategory::Expired {
            self.look_later(now, None);
        } else {
            self.state = State::Stopped { look: None };
        }
        let detail = format!("no more is tried by itself; {}", remedy_of(category));
        let step = self.step(AuthEventKind::Refused, Some(category), detail);
        out.push(Action::Keep(self.kept()));
        out.push(Action::Tell(step));
    }

    fn look_later(&mut self, now: Micros, not_within: Option<Duration>) {
        let look = self.policy.probe_every.map(|every| {
            let wait = every.max(not_within.unwrap_or_default());
            later(now, wait)
        });
        self.state = State::Stopped { look };
    }

    fn look_refused(&mut self, now: Micros, refusal: Refusal, out: &mut Vec<Action>) {
        if consequence_of(refusal.category) == Consequence::Stop {
            return self.stop(now, refusal.category, out);
        }
        self.look_later(now, refusal.not_within);
    }

    fn forget(&mut self, out: &mut Vec<Action>) {
        if self.session.take().is_some() {
            out.push(Action::Forget);
        }
    }

    fn tell_failed(&self, category: LoginCategory, detail: String, out: &mut Vec<Action>) {
        let step = self.step(AuthEventKind::LoginFailed, Some(category), detail);
        out.push(Action::Tell(step));
    }

    fn step(&self, kind: AuthEventKind, category: Option<LoginCategory>, detail: String) -> Step {
        Step {
            kind,
            method: match self.state {
                State::Asked(Awaited::Prove(method)) => Some(method.as_str()),
                _ => None,
            },
            login: self.number,
            attempt: self.attempt,
            latency: None,
            category,
            expires: self.session.and_then(|session| session.until.expires),
            stopped: matches!(self.state, State::Stopped { .. }),
            detail,
        }
    }

    fn kept(&self) -> SavedState {
        SavedState {
            session: self.session.map(|session| session.until),
            refusals: self.refusals.all(),
        }
    }
}

#[cfg(test)]
mod tests;
