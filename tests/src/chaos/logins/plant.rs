//! Parts that are broken on purpose, to see that the checker finds each.

use std::time::Duration;

use axum::http::Response as Answered;
use reqwest::{Body, Request, Response};
use tapeline_auth::mfa::mail::Trust;
use tapeline_auth::mfa::{CodeFuture, Factors, Person, Seed, Turn};
use tapeline_auth::{
    AccountFact, Approval, BackOff, Challenge, Flow, FlowFuture, LoginCategory, Policy, Proof,
    Refusal, Reply, SendError, Session,
};
use tapeline_model::Micros;
use tapeline_simulators::SEED;

use super::asked::Parts;
use super::clock::Wrong;
use super::login_kind::LoginKind;
use super::mail::Mailbox;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planted {
    Nothing,
    /// Each code is made as if none had been used.
    ForgetsCodes,
    TriesForEver,
    NoBackOff,
    /// Each machine takes itself for the only one.
    NoLease,
    /// Too many requests are taken for a venue that is down.
    TakesForAnother,
    /// A code is told in the log.
    Talks,
    /// What brings a person's code is sent a second time.
    SendsTwice,
    /// What renews a session is good for ever, as it thinks.
    RenewsForEver,
    /// A gateway's session is taken from whoever has it.
    Fights,
    /// Any mail is believed.
    Believes,
}

impl Planted {
    pub(super) const ALL: [Self; 10] = [
        Self::ForgetsCodes,
        Self::TriesForEver,
        Self::NoBackOff,
        Self::NoLease,
        Self::TakesForAnother,
        Self::Talks,
        Self::SendsTwice,
        Self::RenewsForEver,
        Self::Fights,
        Self::Believes,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::ForgetsCodes => "forgets_codes",
            Self::TriesForEver => "tries_for_ever",
            Self::NoBackOff => "no_back_off",
            Self::NoLease => "no_lease",
            Self::TakesForAnother => "takes_for_another",
            Self::Talks => "talks",
            Self::SendsTwice => "sends_twice",
            Self::RenewsForEver => "renews_for_ever",
            Self::Fights => "fights",
            Self::Believes => "believes",
        }
    }

    /// What finds it.
    pub(super) fn found_by(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::ForgetsCodes | Self::SendsTwice => "codes_reused",
            Self::TriesForEver => "lockouts_exceeded",
            Self::NoBackOff | Self::NoLease => "login_storms",
            Self::TakesForAnother => "miscategorised",
            Self::Talks => "secrets_leaked",
            Self::RenewsForEver => "uninvited",
            Self::Fights => "fought_over",
            Self::Believes => "bait_taken",
        }
    }

    /// The kind of account that shows it; any, where nothing is planted.
    pub(super) fn way(self) -> Option<LoginKind> {
        match self {
            Self::Nothing => None,
            Self::SendsTwice | Self::RenewsForEver => Some(LoginKind::OAuth),
            Self::Fights => Some(LoginKind::Gateway),
            Self::Believes => Some(LoginKind::Mail),
            _ => Some(LoginKind::App),
        }
    }
}

pub(super) fn policy(planted: Planted) -> Policy {
    let policy = Policy::default();
    match planted {
        Planted::TriesForEver => Policy {
            most_refusals: 30,
            ..policy
        },
        Planted::NoBackOff => Policy {
            back_off: BackOff {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(1),
            },
            ..policy
        },
        _ => policy,
    }
}

/// Codes by time.
pub(super) fn by_time(planted: Planted, clock: &Wrong) -> Factors {
    if matches!(planted, Planted::ForgetsCodes | Planted::Talks) {
        let clock = clock.clone();
        return Factors {
            person: Some(Box::new(Careless { clock, planted })),
            ..Factors::default()
        };
    }
    Factors {
        totp: Seed::parse(SEED).ok(),
        ..Factors::default()
    }
}

pub(super) fn trust(planted: Planted) -> Trust {
    match planted {
        Planted::Believes => Trust::default(),
        _ => Mailbox::trust(),
    }
}

/// What is sent after a request, if that is the same again.
pub(super) fn sent_again(planted: Planted, request: &Request) -> Option<Request> {
    let again = request.try_clone()?;
    let has_code = Parts::of(request.try_clone()?).code.is_some();
    (planted == Planted::SendsTwice && has_code).then_some(again)
}

pub(super) fn sent(planted: Planted, mut request: Request) -> Request {
    let body = request.body().and_then(|body| body.as_bytes());
    let text = String::from_utf8_lossy(body.unwrap_or_default());
    if planted == Planted::Fights && text.contains("\"compete\":false") {
        let text = text.replace("\"compete\":false", "\"compete\":true");
        *request.body_mut() = Some(Body::from(text));
    }
    request
}

pub(super) async fn received(planted: Planted, answer: Response) -> Result<Response, SendError> {
    if planted != Planted::Fights {
        return Ok(answer);
    }
    let status = answer.status();
    let text = answer.text().await.map_err(|_| SendError::Unanswered)?;
    let text = text.replace("\"competing\":true", "\"competing\":false");
    let mut answer = Answered::new(text);
    *answer.status_mut() = status;
    Ok(answer.into())
}

struct Careless {
    clock: Wrong,
    planted: Planted,
}

impl Person for Careless {
    fn code<'a>(&'a mut self, _: &'a Challenge, _: Micros) -> CodeFuture<'a> {
        Box::pin(async {
            let mut seed = Seed::parse(SEED).ok()?;
            loop {
                match seed.turn(self.clock.now()) {
                    Turn::Code(code) => {
                        if self.planted == Planted::Talks {
                            tracing::debug!("the code is {}", code.expose());
                        }
                        return Some(code);
                    }
                    Turn::In(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                }
            }
        })
    }

    fn approve(&mut self, _: &Challenge, _: Micros) {}
}

pub(super) fn flow(planted: Planted, flow: Box<dyn Flow>) -> Box<dyn Flow> {
    match planted {
        Planted::TakesForAnother | Planted::RenewsForEver => Box::new(Mistaken { flow, planted }),
        _ => flow,
    }
}

struct Mistaken {
    flow: Box<dyn Flow>,
    planted: Planted,
}

impl Mistaken {
    fn mistaken<T>(&self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        answer.map_err(|refusal| match refusal.category {
            LoginCategory::RateLimited if self.planted == Planted::TakesForAnother => {
                LoginCategory::VenueDown.into()
            }
            _ => refusal,
        })
    }

    fn prolonged(&self, answer: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
        let mut reply = self.mistaken(answer)?;
        if let Reply::Session(session) = &mut reply
            && self.planted == Planted::RenewsForEver
        {
            session.until.renewable = Some(Micros::MAX);
        }
        Ok(reply)
    }
}

impl Flow for Mistaken {
    fn open<'a>(&'a self, device: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(async { self.prolonged(self.flow.open(device).await) })
    }

    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> FlowFuture<'a, Reply> {
        Box::pin(async move { self.prolonged(self.flow.prove(device, challenge, proof).await) })
    }

    fn approval<'a>(&'a self, challenge: &'a Challenge) -> FlowFuture<'a, Approval> {
        self.flow.approval(challenge)
    }

    fn renew<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(async { self.prolonged(self.flow.renew(session).await) })
    }

    fn probe<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(async { self.mistaken(self.flow.probe(session).await) })
    }

    fn account_facts<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Vec<AccountFact>> {
        self.flow.account_facts(session)
    }

    fn end<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, bool> {
        self.flow.end(session)
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        self.flow.look_up_again()
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.flow.venue_time(now)
    }
}
