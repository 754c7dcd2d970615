//! When a session ends, when it is renewed, and what is told of it ahead.

use std::time::Duration;

use tapeline_model::Micros;
use tapeline_model::records::AuthEventKind;

use super::{Action, Login, Session, Step, Until};
use crate::policy::{earlier, later};

impl Login {
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

    pub(super) fn renewal_due(&self, session: &Session) -> Option<Micros> {
        let renewable = session.until.renewable?;
        let expires = session.until.expires?;
        let life = expires.since(session.opened);
        // Of a short life, its last fifth.
        let ahead = i64::try_from(self.policy.renew_ahead.as_micros()).unwrap_or(i64::MAX);
        let due = Micros(expires.0.saturating_sub(ahead.min(life / 5)));
        (due < renewable).then_some(due)
    }

    pub(super) fn next_of(&self, session: &Session) -> Option<Micros> {
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

    pub(super) fn session_from(&self, now: Micros, until: Until) -> Session {
        Session {
            until,
            opened: now,
            next_probe: self.policy.probe_every.map(|every| later(now, every)),
            announced: 0,
        }
    }
}
