use std::future::Future;
use std::pin::Pin;

use tapeline_model::Micros;

use crate::login::Refusal;
use crate::mfa::Code;
use crate::session::Session;

/// An answer of the venue, or why there is none.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// How one venue is logged in to, on the wire. It decides nothing: a request, and what its answer
/// means. Every call ends within bounded time.
pub trait Flow: Send + Sync {
    /// Sends the credentials. `device` is the same for ever.
    fn open<'a>(&'a self, device: &'a str) -> Answering<'a, Reply>;

    /// Answers a challenge that `open` or `prove` gave.
    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        code: &'a Code,
    ) -> Answering<'a, Reply>;

    fn renew<'a>(&'a self, session: &'a Session) -> Answering<'a, Reply>;

    /// Whether the venue takes the session.
    fn probe<'a>(&'a self, session: &'a Session) -> Answering<'a, ()>;

    /// The credentials were refused: they may be others by now.
    fn look_up_again(&self) -> Answering<'_, ()>;

    /// What the venue's clock says, as far as its answers tell.
    fn venue_time(&self, now: Micros) -> Micros;
}

#[derive(Debug)]
pub enum Reply {
    Session(Session),
    Challenge(Challenge),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Empty where the venue gives none.
    pub id: String,
    pub method: &'static str,
    /// How often it still takes an answer, if it says so.
    pub left: Option<u32>,
}
