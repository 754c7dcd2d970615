use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tapeline_model::records::AuthEventKind;
use tapeline_secrets::Secret;

use super::*;
use crate::flow::FlowFuture;
use crate::policy::{Policy, later};
use crate::saved_state::Validity;
use crate::session::{MemorySessionStore, Seal};

/// A venue that wants a tap on a telephone, and answers what it is told to.
#[derive(Clone, Default)]
struct Taps {
    approvals: Arc<Mutex<VecDeque<Result<Approval, Refusal>>>>,
    end: Option<Refusal>,
}

impl Taps {
    fn that_say(approvals: impl IntoIterator<Item = Result<Approval, Refusal>>) -> Self {
        Self {
            approvals: Arc::new(Mutex::new(approvals.into_iter().collect())),
            end: None,
        }
    }
}

impl Flow for Taps {
    fn open<'a>(&'a self, _: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(async { Ok(Reply::Challenge(push())) })
    }

    fn prove<'a>(&'a self, _: &'a str, _: &'a Challenge, _: Proof<'a>) -> FlowFuture<'a, Reply> {
        Box::pin(async {
            Ok(Reply::Session(Session {
                token: Arc::new(Secret::new("token")),
                renewal: None,
                until: Validity::default(),
            }))
        })
    }

    fn approval<'a>(&'a self, _: &'a Challenge) -> FlowFuture<'a, Approval> {
        let mut approvals = self.approvals.lock().unwrap();
        let last = approvals.front().copied().unwrap();
        let next = if approvals.len() > 1 {
            approvals.pop_front().unwrap()
        } else {
            last
        };
        Box::pin(async move { next })
    }

    fn renew<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(async { Err(LoginCategory::Expired.into()) })
    }

    fn probe<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn end<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, bool> {
        let answer = self.end.map_or(Ok(true), Err);
        Box::pin(async move { answer })
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn venue_time(&self, now: Micros) -> Micros {
        now
    }
}

fn key() -> Seal {
    let key = Arc::new(Secret::new("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="));
    Seal::new("venue", "account", &[key]).unwrap()
}

/// The time of the test's runtime, which passes when all wait.
fn clock() -> Clock {
    let began = Instant::now();
    Arc::new(move || later(Micros(1_700_000_000_000_000), began.elapsed()))
}

async fn driver(flow: &Taps) -> (LoginDriver, LoginChannels) {
    let cache = Cache::new(Box::new(MemorySessionStore::default()), key());
    let login = Login::new(Policy::default(), 1);
    let flow = Box::new(flow.clone());
    let made = LoginDriver::new(login, flow, Factors::default(), cache, clock());
    made.await.unwrap()
}

/// The first that says how it went.
async fn outcome(approvals: impl IntoIterator<Item = Result<Approval, Refusal>>) -> Step {
    let (driver, mut ends) = driver(&Taps::that_say(approvals)).await;
    let keeping = tokio::spawn(driver.run());
    let mut step = ends.steps.recv().await.unwrap();
    while step.kind == AuthEventKind::Challenge {
        step = ends.steps.recv().await.unwrap();
    }
    keeping.abort();
    step
}

#[tokio::test(start_paused = true)]
async fn what_passes_does_not_end_the_wait_for_a_tap() {
    let slow_down = Refusal {
        not_within: Some(Duration::from_secs(30)),
        ..LoginCategory::RateLimited.into()
    };
    let step = outcome([
        Err(LoginCategory::VenueDown.into()),
        Err(Refusal::unseen()),
        Err(slow_down),
        Ok(Approval::Pending),
        Ok(Approval::Given),
    ]);
    let step = step.await;
    assert_eq!(step.kind, AuthEventKind::LoginSucceeded, "{step:?}");
}

#[tokio::test(start_paused = true)]
async fn that_nobody_tapped_is_told_from_a_venue_that_is_down() {
    for (last, category) in [
        (Ok(Approval::Pending), LoginCategory::MfaFailed),
        (
            Err(LoginCategory::VenueDown.into()),
            LoginCategory::VenueDown,
        ),
        (Err(Refusal::unseen()), LoginCategory::Network),
        (
            Err(LoginCategory::Forbidden.into()),
            LoginCategory::Forbidden,
        ),
    ] {
        let step = outcome([Ok(Approval::Pending), last]).await;
        assert_eq!(step.kind, AuthEventKind::LoginFailed);
        assert_eq!(step.category, Some(category));
    }
    let shut = Refusal {
        not_within: Some(Duration::from_mins(15)),
        ..LoginCategory::RateLimited.into()
    };
    let began = Instant::now();
    assert_eq!(
        outcome([Err(shut)]).await.category,
        Some(LoginCategory::RateLimited)
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "not waited for in vain"
    );
}

#[tokio::test]
async fn a_session_is_forgotten_here_also_where_the_venue_does_not_end_it() {
    for (end, at_venue) in [
        (None, LogoutOutcome::Ended),
        (
            Some(LoginCategory::VenueDown.into()),
            LogoutOutcome::Refused(LoginCategory::VenueDown),
        ),
    ] {
        let flow = Taps {
            end,
            ..Taps::default()
        };
        let (mut driver, _ends) = driver(&flow).await;
        assert_eq!(driver.end_session().await.unwrap(), None, "none is kept");
        let Reply::Session(session) = flow.prove("", &push(), Proof::Approval).await.unwrap()
        else {
            panic!("no session");
        };
        driver.stored.keep(&session);
        assert_eq!(driver.end_session().await.unwrap(), Some(at_venue));
        let kept = driver.cache.read().await.unwrap().unwrap();
        assert!(kept.session().is_none());
    }
}

fn push() -> Challenge {
    Challenge {
        id: String::new(),
        method: Method::Push,
        wants: Wants::Approval,
        link: None,
        left: None,
    }
}
