//! Does what a [`Login`] asks for, for one account.

use std::future::Future;
use std::time::Duration;

use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use uuid::Builder;

use crate::category::is_transient;
use crate::challenge::{Challenge, Method, Wants};
use crate::environment::Clock;
use crate::flow::{Approval, Flow, Proof, Reply};
use crate::login::{Action, Input, Login, Step};
use crate::mfa::{Code, Factors, Turn};
use crate::refusal::Refusal;
use crate::session::{Cache, CacheError, Session, Stored};

/// Beyond the bounds that a flow has itself.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// A look at the clock at least so often: it may be set, and a machine may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often a venue is asked whether somebody approved.
const APPROVED_WITHIN: Duration = Duration::from_secs(5);

/// What others tell a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginCommand {
    /// The venue refused a request for want of a session.
    Lost,
    /// A person ends the session.
    Revoke,
    /// A person wants it tried again.
    Begin,
}

/// Where a driver is heard and told.
pub struct LoginChannels {
    pub steps: mpsc::Receiver<Step>,
    pub words: mpsc::Sender<LoginCommand>,
    /// The session to make requests with, while there is one.
    pub session: watch::Receiver<Option<Session>>,
}

/// Why a driver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverEnd {
    /// Nobody listens any more.
    Unheard,
    /// Another process wants the login of the account, or has it.
    HandedOver,
}

/// What the venue did when a person ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutOutcome {
    Ended,
    /// It goes on there until it ends by itself.
    HasNoWay,
    /// It may go on there.
    Refused(LoginCategory),
}

pub struct LoginDriver {
    login: Login,
    flow: Box<dyn Flow>,
    factors: Factors,
    cache: Cache,
    clock: Clock,
    stored: Stored,
    challenge: Option<Challenge>,
    /// When that was sent whose answer may ask for a code.
    sent: Micros,
    /// Of the last answer.
    latency: Option<Duration>,
    is_anew: bool,
    steps: mpsc::Sender<Step>,
    words: mpsc::Receiver<LoginCommand>,
    session: watch::Sender<Option<Session>>,
}

impl LoginDriver {
    /// Reads what was kept. What cannot be opened is told in the log, and the login begins anew.
    pub async fn new(
        login: Login,
        flow: Box<dyn Flow>,
        factors: Factors,
        mut cache: Cache,
        clock: Clock,
    ) -> Result<(Self, LoginChannels), CacheError> {
        let stored = match cache.read().await {
            Err(error @ CacheError::Damaged { .. }) => {
                tracing::error!(%error, "the login begins anew");
                None
            }
            read => read?,
        };
        let mut stored = stored.unwrap_or_default();
        if stored.device.is_empty() {
            stored.device = new_device();
        }
        let (steps, heard) = mpsc::channel(64);
        let (told, words) = mpsc::channel(16);
        let (session, watched) = watch::channel(None);
        let driver = Self {
            login,
            flow,
            factors: factors.after(stored.used_step),
            cache,
            clock,
            stored,
            challenge: None,
            sent: Micros::MAX,
            latency: None,
            is_anew: false,
            steps,
            words,
            session,
        };
        let ends = LoginChannels {
            steps: heard,
            words: told,
            session: watched,
        };
        Ok((driver, ends))
    }

    /// Logs in although there may be a session, which is kept until there is another.
    #[must_use]
    pub fn anew(mut self) -> Self {
        self.is_anew = true;
        self
    }

    /// May be dropped at any await.
    pub async fn run(mut self) -> Result<DriverEnd, CacheError> {
        match self.keep_logged_in().await {
            Err(CacheError::Lost) => Ok(DriverEnd::HandedOver),
            ended => ended,
        }
    }

    async fn keep_logged_in(&mut self) -> Result<DriverEnd, CacheError> {
        let mut kept = self.stored.kept();
        kept.session.take_if(|_| self.is_anew);
        let mut next = Some(Input::CodeSearch(kept));
        let mut has_begun = false;
        loop {
            let input = match next.take() {
                Some(input) => input,
                None => match self.wait().await {
                    Woken::By(input) => input,
                    Woken::ToEnd(ended) => return Ok(ended),
                },
            };
            let actions = self.login.take(self.now(), input);
            if !self.login.is_in() {
                self.session.send_replace(None);
            }
            for action in actions {
                if let Some(answer) = self.act(action).await? {
                    next = Some(answer);
                }
            }
            if next.is_none() {
                self.latency = None;
            }
            let session = self.stored.session().filter(|_| self.login.is_in());
            self.session.send_replace(session);
            if !has_begun {
                has_begun = true;
                // What was found may be renewed already; otherwise a session is wanted now.
                next = next.or(Some(Input::Begin));
            }
        }
    }

    fn now(&self) -> Micros {
        (self.clock)()
    }

    fn left_until(&self, at: Micros) -> Duration {
        Duration::from_micros(at.since(self.now()).max(0).unsigned_abs())
    }

    /// For what is due, or for a word.
    async fn wait(&mut self) -> Woken {
        loop {
            let due = self.login.due();
            let left = due.map(|due| self.left_until(due));
            let pause = left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            tokio::select! {
                () = self.steps.closed() => return Woken::ToEnd(DriverEnd::Unheard),
                () = self.cache.wanted() => return Woken::ToEnd(DriverEnd::HandedOver),
                () = sleep(pause) => if left.is_some_and(|left| left <= pause) {
                    return Woken::By(Input::Tick);
                },
                // None when nobody can say anything any more: the login goes on.
                Some(word) = self.words.recv() => return Woken::By(word.into()),
            }
        }
    }

    /// What came of it, if the login waits for that.
    async fn act(&mut self, action: Action) -> Result<Option<Input>, CacheError> {
        match action {
            Action::Tell(step) => self.publish_step(step).await,
            Action::Keep(kept) => {
                self.stored.note(&kept.refusals);
                self.cache.write(&self.stored).await?;
            }
            Action::Forget => self.forget().await?,
            Action::End => {
                // That it goes on there is told in the log; nothing waits for it.
                let _told = self.end_session().await?;
            }
            Action::LookUpAgain => {
                // That it was not found is told by the login that follows.
                let _found = timeout(ANSWER_WITHIN, self.flow.look_up_again()).await;
            }
            Action::Open => {
                self.sent = self.now();
                let answer = timed(&mut self.latency, self.flow.open(&self.stored.device)).await;
                return Ok(Some(self.answered(answer)));
            }
            Action::Prove { asked, until, .. } => {
                return self.prove(asked, until).await.map(Some);
            }
            Action::Renew => {
                let Some(session) = self.stored.session() else {
                    return Ok(Some(Input::Refused(LoginCategory::Expired.into())));
                };
                let answer = timed(&mut self.latency, self.flow.renew(&session)).await;
                return Ok(Some(self.answered(answer)));
            }
            Action::Probe => {
                let Some(session) = self.stored.session() else {
                    return Ok(Some(Input::Lost));
                };
                let answer = timed(&mut self.latency, self.flow.probe(&session)).await;
                return Ok(Some(
                    answer.map_or_else(Input::Refused, |()| Input::Healthy),
                ));
            }
        }
        Ok(None)
    }

    async fn forget(&mut self) -> Result<(), CacheError> {
        self.stored.forget();
        self.cache.write(&self.stored).await
    }

    /// Ends the session that is kept, if there is one. Here first: one that ended only at the venue
    /// would be opened anew at the next start.
    pub async fn end_session(&mut self) -> Result<Option<LogoutOutcome>, CacheError> {
        let Some(session) = self.stored.session() else {
            return Ok(None);
        };
        self.forget().await?;
        let ended = timed(&mut self.latency, self.flow.end(&session)).await;
        let at_venue = match ended {
            Ok(true) => LogoutOutcome::Ended,
            Ok(false) => LogoutOutcome::HasNoWay,
            Err(refusal) => {
                let category = refusal.category;
                tracing::warn!(%category, "the venue did not end the session: log out there");
                LogoutOutcome::Refused(category)
            }
        };
        Ok(Some(at_venue))
    }

    async fn publish_step(&self, step: Step) {
        let latency = self.latency;
        let _nobody_listens = self.steps.send(Step { latency, ..step }).await;
    }

    fn answered(&mut self, answer: Result<Reply, Refusal>) -> Input {
        match answer {
            Ok(Reply::Session(session)) => {
                let until = session.until;
                self.stored.keep(&session);
                Input::Opened(until)
            }
            Ok(Reply::Challenge(challenge)) => {
                let (method, left) = (challenge.method, challenge.left);
                self.challenge = Some(challenge);
                Input::Challenged { method, left }
            }
            Err(refusal) => Input::Refused(refusal),
        }
    }

    async fn prove(&mut self, asked: Micros, until: Micros) -> Result<Input, CacheError> {
        let Some(challenge) = self.challenge.take() else {
            return Ok(Input::Refused(LoginCategory::ChangedApi.into()));
        };
        if challenge.wants == Wants::Approval {
            return self.be_approved(&challenge, until).await;
        }
        if !self.factors.can(challenge.method) {
            return Ok(Input::Refused(LoginCategory::MfaRequired.into()));
        }
        let Some(code) = self.code(&challenge, asked, until).await else {
            return Ok(Input::NoCode);
        };
        // Noted before it is sent: a step is used once, also when this process ends now.
        self.stored.used_step = self.factors.used_step();
        self.latency = None;
        self.note(Input::CodeSeen).await?;
        self.sent = self.now();
        Ok(self.hand_in(&challenge, Proof::Code(&code)).await)
    }

    async fn hand_in(&mut self, challenge: &Challenge, proof: Proof<'_>) -> Input {
        let proving = self.flow.prove(&self.stored.device, challenge, proof);
        let answer = timed(&mut self.latency, proving).await;
        self.answered(answer)
    }

    /// Before anything is sent that the venue may count.
    async fn note(&mut self, input: Input) -> Result<(), CacheError> {
        for action in self.login.take(self.now(), input) {
            match action {
                Action::Keep(kept) => {
                    self.stored.note(&kept.refusals);
                    self.cache.write(&self.stored).await?;
                }
                Action::Tell(step) => self.publish_step(step).await,
                _ => {}
            }
        }
        Ok(())
    }

    async fn code(&mut self, challenge: &Challenge, asked: Micros, until: Micros) -> Option<Code> {
        if challenge.method == Method::Totp && self.factors.totp.is_some() {
            return self.code_by_time(until).await;
        }
        let within = self.left_until(until);
        // A code may be quicker than the answer that says that it was sent.
        let asked = self.sent.min(asked);
        let Factors {
            sms, mail, person, ..
        } = &mut self.factors;
        let messages = match challenge.method {
            Method::Sms => sms.as_ref(),
            Method::Email => mail.as_ref(),
            _ => None,
        };
        match (messages, person) {
            (Some(messages), Some(person)) => tokio::select! {
                Some(code) = messages.code(asked, until, within) => Some(code),
                Some(code) = person.code(challenge, until) => Some(code),
                else => None,
            },
            (Some(messages), None) => messages.code(asked, until, within).await,
            (None, Some(person)) => person.code(challenge, until).await,
            (None, None) => None,
        }
    }

    async fn code_by_time(&mut self, until: Micros) -> Option<Code> {
        loop {
            let venue_time = self.flow.venue_time(self.now());
            match self.factors.totp.as_mut()?.turn(venue_time) {
                Turn::Code(code) => return Some(code),
                Turn::In(seconds) => {
                    let wait = Duration::from_secs(seconds);
                    if self.left_until(until) < wait {
                        return None;
                    }
                    sleep(wait).await;
                }
            }
        }
    }

    /// Asks the venue until somebody approved.
    async fn be_approved(
        &mut self,
        challenge: &Challenge,
        until: Micros,
    ) -> Result<Input, CacheError> {
        if let Some(person) = &mut self.factors.person {
            person.approve(challenge, until);
        }
        let mut trouble = None;
        while self.now() < until {
            let mut pause = APPROVED_WITHIN;
            match timed(&mut self.latency, self.flow.approval(challenge)).await {
                Ok(Approval::Given) => {
                    self.note(Input::Approved).await?;
                    return Ok(self.hand_in(challenge, Proof::Approval).await);
                }
                Ok(Approval::Pending) => trouble = None,
                // The person may have said yes all the same; nothing is counted for asking.
                Err(refusal) if is_transient(refusal.category) => {
                    pause = pause.max(refusal.not_within.unwrap_or_default());
                    let refusal = Refusal {
                        is_unseen: false,
                        ..refusal
                    };
                    if self.left_until(until) <= pause {
                        return Ok(Input::Refused(refusal));
                    }
                    trouble = Some(refusal);
                }
                Err(refusal) => return Ok(Input::Refused(refusal)),
            }
            tokio::select! {
                () = sleep(pause) => {}
                Some(word) = self.words.recv() => if word == LoginCommand::Revoke {
                    return Ok(word.into());
                },
            }
        }
        Ok(trouble.map_or(Input::NoCode, Input::Refused))
    }
}

enum Woken {
    By(Input),
    ToEnd(DriverEnd),
}

impl From<LoginCommand> for Input {
    fn from(word: LoginCommand) -> Self {
        match word {
            LoginCommand::Lost => Self::Lost,
            LoginCommand::Revoke => Self::Revoked,
            LoginCommand::Begin => Self::Begin,
        }
    }
}

/// Notes how long the venue took.
async fn timed<T>(
    latency: &mut Option<Duration>,
    answering: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let began = Instant::now();
    let answer = timeout(ANSWER_WITHIN, answering).await;
    *latency = Some(began.elapsed());
    answer.unwrap_or_else(|_| Err(Refusal::unseen()))
}

/// As a browser would make one, once.
fn new_device() -> String {
    let mut bytes = [0; 16];
    // Without chance, a device of all zeros is as good as any other.
    let _filled = getrandom::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests;
