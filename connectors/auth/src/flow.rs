use std::future::Future;
use std::pin::Pin;

use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;

use crate::account_facts::AccountFact;
use crate::challenge::Challenge;
use crate::mfa::Code;
use crate::refusal::Refusal;
use crate::session::Session;

/// An answer of the venue, or why there is none.
pub type FlowFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// How one venue is logged in to, on the wire. It decides nothing: a request, and what its answer
/// means. Every call ends within bounded time.
pub trait Flow: Send + Sync {
    /// Sends the credentials. `device` is the same for ever.
    fn open<'a>(&'a self, device: &'a str) -> FlowFuture<'a, Reply>;

    /// Answers a challenge that `open` or `prove` gave.
    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> FlowFuture<'a, Reply>;

    /// Whether somebody approved what `challenge` asked for.
    fn approval<'a>(&'a self, _challenge: &'a Challenge) -> FlowFuture<'a, Approval> {
        Box::pin(async { Err(LoginCategory::ChangedApi.into()) })
    }

    fn renew<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Reply>;

    /// Whether the venue takes the session.
    fn probe<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, ()>;

    /// What the venue says of the account; nothing, where it is not known how to ask.
    fn account_facts<'a>(&'a self, _session: &'a Session) -> FlowFuture<'a, Vec<AccountFact>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Ends the session at the venue. False where the venue has no way to.
    fn end<'a>(&'a self, _session: &'a Session) -> FlowFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    /// The credentials were refused: they may be others by now.
    fn look_up_again(&self) -> FlowFuture<'_, ()>;

    /// What the venue's clock says, as far as its answers tell.
    fn venue_time(&self, now: Micros) -> Micros;
}

#[derive(Debug)]
pub enum Reply {
    Session(Session),
    Challenge(Challenge),
}

#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    Code(&'a Code),
    /// The venue said that it was given.
    Approval,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    Pending,
    Given,
}
