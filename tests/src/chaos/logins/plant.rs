//! Parts that are broken on purpose, to see that the checker finds each.

use std::time::Duration;

use tapeline_auth::mfa::{Answer, Expected, Factors, Messages, Person, Post, Seed, Turn};
use tapeline_auth::{
    Answering, Approval, BackOff, Category, Challenge, Flow, Policy, Proof, Refusal, Reply, Session,
};
use tapeline_model::Micros;
use tapeline_rehearsal::SEED;

use super::carrier::{HOST, SENDER};
use super::clock::Wrong;

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
}

impl Planted {
    pub(super) const ALL: [Self; 6] = [
        Self::ForgetsCodes,
        Self::TriesForEver,
        Self::NoBackOff,
        Self::NoLease,
        Self::TakesForAnother,
        Self::Talks,
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
        }
    }

    /// What finds it.
    pub(super) fn found_by(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::ForgetsCodes => "codes_reused",
            Self::TriesForEver => "lockouts_exceeded",
            Self::NoBackOff | Self::NoLease => "login_storms",
            Self::TakesForAnother => "miscategorised",
            Self::Talks => "secrets_leaked",
        }
    }
}

pub(super) fn policy(planted: Planted) -> Policy {
    let policy = Policy::default();
    match planted {
        Planted::TriesForEver => Policy {
            most_refusals: 1000,
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

pub(super) fn factors(planted: Planted, clock: &Wrong, post: Post) -> Factors {
    let mut factors = Factors {
        sms: Some(Messages {
            post,
            senders: vec![SENDER.to_owned()],
            expected: Expected::of(HOST),
        }),
        ..Factors::default()
    };
    if matches!(planted, Planted::ForgetsCodes | Planted::Talks) {
        let clock = clock.clone();
        let person = Careless { clock, planted };
        factors.person = Some(Box::new(person));
    } else {
        factors.totp = Seed::parse(SEED).ok();
    }
    factors
}

struct Careless {
    clock: Wrong,
    planted: Planted,
}

impl Person for Careless {
    fn code<'a>(&'a mut self, _: &'a Challenge, _: Micros) -> Answer<'a> {
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
        Planted::TakesForAnother => Box::new(Mistaken(flow)),
        _ => flow,
    }
}

struct Mistaken(Box<dyn Flow>);

fn mistaken<T>(answer: Result<T, Refusal>) -> Result<T, Refusal> {
    answer.map_err(|refusal| match refusal.category {
        Category::RateLimited => Category::VenueDown.into(),
        _ => refusal,
    })
}

impl Flow for Mistaken {
    fn open<'a>(&'a self, device: &'a str) -> Answering<'a, Reply> {
        Box::pin(async { mistaken(self.0.open(device).await) })
    }

    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> Answering<'a, Reply> {
        Box::pin(async move { mistaken(self.0.prove(device, challenge, proof).await) })
    }

    fn approval<'a>(&'a self, challenge: &'a Challenge) -> Answering<'a, Approval> {
        self.0.approval(challenge)
    }

    fn renew<'a>(&'a self, session: &'a Session) -> Answering<'a, Reply> {
        Box::pin(async { mistaken(self.0.renew(session).await) })
    }

    fn probe<'a>(&'a self, session: &'a Session) -> Answering<'a, ()> {
        Box::pin(async { mistaken(self.0.probe(session).await) })
    }

    fn look_up_again(&self) -> Answering<'_, ()> {
        self.0.look_up_again()
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.0.venue_time(now)
    }
}
