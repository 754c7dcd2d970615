//! Sessions and how they come and go: challenge, code, login, heartbeat,
//! countdown, expiry, loss. No code ever exists here, so none can leak.

use tapeline_model::Event;
use tapeline_model::records::{AuthEvent, AuthEventKind};

use crate::NAME;
use crate::accounts::{ACCOUNTS, Account, AccountIndex};
use crate::outbox::Outbox;
use crate::random::Random;
use crate::simulation::STEPS_PER_SECOND;

const HEARTBEAT_STEPS: u64 = 5 * STEPS_PER_SECOND;
/// Seconds before the end of a session at which its end is announced.
const COUNTDOWN: [u64; 3] = [15, 10, 5];
const RETRY_STEPS: u64 = STEPS_PER_SECOND;
const HOST: &str = "demo-desk";
/// After its first login, one login in this many fails at the first attempt.
const FAILS_ONE_IN: u64 = 4;
const FAILURES: [(&str, &str); 3] = [
    ("WRONG_CODE", "the venue did not accept the code"),
    ("TIMEOUT", "the venue did not answer in time"),
    ("RATE_LIMITED", "the venue asked to slow down"),
];

#[derive(Debug, Clone)]
pub(crate) struct Logins {
    random: Random,
    sessions: Vec<Session>,
    events: u64,
}

#[derive(Debug, Clone)]
struct Session {
    account: AccountIndex,
    state: State,
    /// The step at which the state ends.
    due: u64,
    attempt: i32,
    logins: u32,
    lost_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    Challenged,
    CodeSeen,
    Up,
    /// The session is gone, but its owner has not noticed yet.
    Lost,
}

/// What an auth event says besides whose it is.
struct Said {
    kind: AuthEventKind,
    attempt: i32,
    category: Option<&'static str>,
    expires_in_steps: Option<u64>,
    detail: String,
}

impl Logins {
    pub(crate) fn new(seed: u64) -> Self {
        // All log in at once at the start, a few steps apart.
        let session = |account: AccountIndex| Session {
            account,
            state: State::Down,
            due: 2 + account as u64,
            attempt: 1,
            logins: 0,
            lost_at: None,
        };
        Self {
            random: Random::new(seed, 3),
            sessions: (0..ACCOUNTS.len()).map(session).collect(),
            events: 0,
        }
    }

    pub(crate) fn is_up(&self, account: AccountIndex) -> bool {
        self.sessions[account].state == State::Up
    }

    pub(crate) fn step(&mut self, step: u64, outbox: &mut Outbox<'_>) {
        for session in &mut self.sessions {
            if let Some(said) = session.step(step, &mut self.random) {
                self.events += 1;
                let event = said.into_event(self.events, &ACCOUNTS[session.account], outbox);
                outbox.push(event);
            }
        }
    }
}

impl Session {
    fn step(&mut self, step: u64, random: &mut Random) -> Option<Said> {
        match self.state {
            State::Up => self.live(step),
            _ if step < self.due => None,
            State::Down => Some(self.challenge(step, random)),
            State::Challenged => {
                self.enter(State::CodeSeen, step + random.between(10, 20) as u64);
                let method = ACCOUNTS[self.account].login.method;
                let detail = format!("a code arrived by {method} and was handed over");
                Some(self.said(AuthEventKind::CodeSeen, detail))
            }
            State::CodeSeen if self.fails(random) => Some(self.fail(step, random)),
            State::CodeSeen => Some(self.succeed(step)),
            State::Lost => {
                self.enter(State::Down, step + STEPS_PER_SECOND / 2);
                let detail = "the venue refused a request without a session; logging in again";
                let said = self.said(AuthEventKind::Refused, detail.into());
                Some(said.category("NO_SESSION"))
            }
        }
    }

    fn challenge(&mut self, step: u64, random: &mut Random) -> Said {
        let style = &ACCOUNTS[self.account].login;
        let (soonest, latest) = style.code_steps;
        let arrives = step + random.between(soonest, latest) as u64;
        self.enter(State::Challenged, arrives);
        let detail = format!("the venue asks for a code by {}", style.method);
        self.said(AuthEventKind::Challenge, detail)
    }

    /// What a session that is up has to say.
    fn live(&mut self, step: u64) -> Option<Said> {
        if step >= self.due {
            self.enter(State::Down, step + STEPS_PER_SECOND / 4);
            let detail = "the session ended by itself; logging in again";
            return Some(self.said(AuthEventKind::Expired, detail.into()));
        }
        if self.lost_at.is_some_and(|lost_at| step >= lost_at) {
            self.enter(State::Lost, step + STEPS_PER_SECOND / 5);
            let detail = "the venue closed the session before its end";
            let said = self.said(AuthEventKind::SessionLost, detail.into());
            return Some(said.category("CLOSED_BY_VENUE"));
        }
        let left = self.due - step;
        let is_told = ACCOUNTS[self.account].login.needs_person;
        if is_told && COUNTDOWN.iter().any(|s| s * STEPS_PER_SECOND == left) {
            let detail = format!("the session ends in {} s", left / STEPS_PER_SECOND);
            let said = self.said(AuthEventKind::ExpiresSoon, detail);
            return Some(said.expires_in(left));
        }
        // Spread evenly, so that some account is heard of all the time.
        let turn = self.account as u64 * HEARTBEAT_STEPS / ACCOUNTS.len() as u64;
        (step % HEARTBEAT_STEPS == turn).then(|| {
            let said = self.said(AuthEventKind::Healthy, "the session answers".into());
            said.expires_in(left)
        })
    }

    fn fails(&self, random: &mut Random) -> bool {
        let by_chance = random.one_in(FAILS_ONE_IN);
        let first = ACCOUNTS[self.account].login.first_attempt_fails;
        self.attempt == 1 && if self.logins == 0 { first } else { by_chance }
    }

    fn fail(&mut self, step: u64, random: &mut Random) -> Said {
        let chosen = if self.logins == 0 {
            0
        } else {
            random.below(FAILURES.len() as u64) as usize
        };
        let (category, why) = FAILURES[chosen];
        self.enter(State::Down, step + RETRY_STEPS);
        let said = self.said(AuthEventKind::LoginFailed, format!("{why}; trying again"));
        self.attempt += 1;
        said.category(category)
    }

    fn succeed(&mut self, step: u64) -> Said {
        let style = &ACCOUNTS[self.account].login;
        self.enter(State::Up, step + style.session_steps);
        // Later losses come less often than the first, and never twice alike.
        let later = u64::from(self.logins) * 10 * STEPS_PER_SECOND;
        self.lost_at = style
            .lost_after_steps
            .map(|after| step + after + later % 7_000);
        self.logins += 1;
        let detail = format!("logged in at attempt {}", self.attempt);
        let said = self.said(AuthEventKind::LoginSucceeded, detail);
        self.attempt = 1;
        said.expires_in(style.session_steps)
    }

    fn enter(&mut self, state: State, due: u64) {
        self.state = state;
        self.due = due;
    }

    fn said(&self, kind: AuthEventKind, detail: String) -> Said {
        Said {
            kind,
            attempt: self.attempt,
            category: None,
            expires_in_steps: None,
            detail,
        }
    }
}

impl Said {
    fn category(mut self, category: &'static str) -> Self {
        self.category = Some(category);
        self
    }

    fn expires_in(mut self, steps: u64) -> Self {
        self.expires_in_steps = Some(steps);
        self
    }

    fn into_event(self, number: u64, account: &Account, outbox: &Outbox<'_>) -> Event<'static> {
        let millis = |steps: u64| (steps * 1000 / STEPS_PER_SECOND) as i64;
        let expires = self.expires_in_steps.map(millis);
        Event::Auth(AuthEvent {
            event_id: format!("DEMO-L-{number:06}"),
            portfolio: account.portfolio_id(),
            account: account.account_id(),
            venue: account.venue.to_owned(),
            kind: self.kind,
            method: Some(account.login.method.to_owned()),
            attempt: self.attempt,
            category: self.category.map(str::to_owned),
            expires_at: expires.map(|millis| outbox.now.plus_millis(millis)),
            detail: self.detail,
            login_id: None,
            latency_ms: None,
            host: Some(HOST.to_owned()),
            stopped: Some(false),
            event_time: outbox.now,
            ingest_time: outbox.now,
            source: NAME.to_owned(),
        })
    }
}
