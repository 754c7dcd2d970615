//! When a session ends, when it is renewed, and what is told of it ahead.

use std::time::Duration;

use tapeline_model::Micros;
use tapeline_model::records::{AuthEventKind, LoginCategory};

use super::{Action, Awaited, Login, OpenSession, Refusal, SHORT_LIVED_MS, State, Step, Validity};
use crate::category::remedy_of;
use crate::policy::{earlier, later};

impl Login {
    pub(super) fn lost(&mut self, now: Micros, out: &mut Vec<Action>) {
        // First, since a process that has not the login any more finds out here.
        out.push(Action::Keep(self.kept()));
        let detail = "the venue closed the session before its end".to_owned();
        let step = self.step(
            AuthEventKind::SessionLost,
            Some(LoginCategory::Expired),
            detail,
        );
        out.push(Action::Tell(step));
        let lived = self.session.map_or(0, |session| now.since(session.opened));
        if lived >= SHORT_LIVED_MS * 1000 {
            self.streak = 0;
        }
        // A renewal needs no code and no person; where it ended with the session, that is told.
        if self.is_renewable(now) {
            if let Some(session) = &mut self.session {
                session.is_lost = true;
            }
            return self.ask_unless_often(now, Awaited::Renew, out);
        }
        self.forget(out);
        self.open_anew(now, out);
    }

    fn is_renewable(&self, now: Micros) -> bool {
        let renewable = self.session.and_then(|session| session.until.renewable);
        renewable.is_some_and(|renewable| renewable > now)
    }

    /// It ended by itself.
    pub(super) fn ended(&mut self, now: Micros, out: &mut Vec<Action>) {
        if self.is_renewable(now) {
            return self.ask(now, Awaited::Renew, out);
        }
        let detail = "the session ended by itself".to_owned();
        let step = self.step(AuthEventKind::Expired, None, detail);
        out.push(Action::Tell(step));
        self.forget(out);
        self.open_anew(now, out);
    }

    pub(super) fn renewal_refused(&mut self, now: Micros, refusal: Refusal, out: &mut Vec<Action>) {
        let category = refusal.category;
        let detail = format!("the session was not renewed; {}", remedy_of(category));
        let step = self.step(AuthEventKind::Refused, Some(category), detail);
        out.push(Action::Tell(step));
        match category {
            LoginCategory::Forbidden | LoginCategory::ChangedApi => self.stop(now, category, out),
            LoginCategory::Network
            | LoginCategory::VenueDown
            | LoginCategory::RateLimited
            | LoginCategory::Locked
                if self.is_renewable(now) =>
            {
                self.try_again(now, refusal.not_within, Awaited::Renew, out);
            }
            _ => self.renewal_is_over(now, out),
        }
    }

    fn renewal_is_over(&mut self, now: Micros, out: &mut Vec<Action>) {
        self.forget(out);
        let detail = "the session can not be renewed any more".to_owned();
        let step = self.step(AuthEventKind::Expired, None, detail);
        out.push(Action::Tell(step));
        self.open_anew(now, out);
    }

    fn open_anew(&mut self, now: Micros, out: &mut Vec<Action>) {
        if self.policy.needs_person {
            return self.stop(now, LoginCategory::Expired, out);
        }
        self.number += 1;
        self.attempt = 1;
        self.ask_unless_often(now, Awaited::Open, out);
    }

    /// The first time at once.
    fn ask_unless_often(&mut self, now: Micros, what: Awaited, out: &mut Vec<Action>) {
        self.streak += 1;
        if self.streak == 1 {
            return self.ask(now, what, out);
        }
        let until = later(now, self.policy.back_off.after(self.streak - 1, self.seed));
        self.state = State::Waiting { until, then: what };
    }

    pub(super) fn revoked(&mut self, out: &mut Vec<Action>) {
        if self.session.is_some() {
            let detail = "a person ended the session".to_owned();
            let step = self.step(AuthEventKind::SessionLost, None, detail);
            out.push(Action::Tell(step));
        }
        self.refusals.settle();
        if self.session.take().is_some() {
            out.push(Action::End);
        }
        self.state = State::Out;
    }

    /// Tells the end that a person has to prevent; the nearest only, if several are due.
    pub(super) fn announce(&mut self, now: Micros, out: &mut Vec<Action>) {
        let (Some(session), Some(end)) = (self.session, self.end_for_a_person()) else {
            return;
        };
        let due = |ahead: &&Duration| now >= earlier(end, **ahead);
        let passed = self.policy.announce.iter().take_while(due).count();
        if passed <= session.announced {
            return;
        }
        if let Some(session) = &mut self.session {
            session.announced = passed;
        }
        let minutes = end.since(now) / 60_000_000;
        let detail = format!(
            "the session ends in {} h {} min, and only a person can log in anew",
            minutes / 60,
            minutes % 60
        );
        let step = self.step(AuthEventKind::ExpiresSoon, None, detail);
        out.push(Action::Tell(Step {
            expires: Some(end),
            ..step
        }));
    }

    /// The end of what needs no person.
    fn end_for_a_person(&self) -> Option<Micros> {
        let until = self.session?.until;
        let end = until.renewable.or(until.expires);
        end.filter(|_| self.policy.needs_person)
    }

    pub(super) fn renewal_due(&self, session: &OpenSession) -> Option<Micros> {
        let renewable = session.until.renewable?;
        let expires = session.until.expires?;
        let life = expires.since(session.opened);
        // Of a short life, its last fifth.
        let ahead = i64::try_from(self.policy.renew_ahead.as_micros()).unwrap_or(i64::MAX);
        let due = Micros(expires.0.saturating_sub(ahead.min(life / 5)));
        (due < renewable).then_some(due)
    }

    pub(super) fn next_of(&self, session: &OpenSession) -> Option<Micros> {
        let announcement = self.end_for_a_person().and_then(|end| {
            let ahead = self.policy.announce.get(session.announced)?;
            Some(earlier(end, *ahead))
        });
        let ends = session.until.expires;
        let dues = [
            ends,
            self.renewal_due(session),
            announcement,
            session.next_probe,
        ];
        dues.into_iter().flatten().min()
    }

    pub(super) fn session_from(&self, now: Micros, until: Validity) -> OpenSession {
        OpenSession {
            until,
            is_lost: false,
            opened: now,
            next_probe: self.policy.probe_every.map(|every| later(now, every)),
            announced: 0,
        }
    }
}
