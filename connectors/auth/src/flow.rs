use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tapeline_model::Micros;

use crate::category::Category;
use crate::login::Refusal;
use crate::mfa::Code;
use crate::session::Session;
use crate::standing::Fact;

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
        proof: Proof<'a>,
    ) -> Answering<'a, Reply>;

    /// Whether somebody approved what `challenge` asked for.
    fn approval<'a>(&'a self, _challenge: &'a Challenge) -> Answering<'a, Approval> {
        Box::pin(async { Err(Category::ChangedApi.into()) })
    }

    fn renew<'a>(&'a self, session: &'a Session) -> Answering<'a, Reply>;

    /// Whether the venue takes the session.
    fn probe<'a>(&'a self, session: &'a Session) -> Answering<'a, ()>;

    /// What the venue says of the account; nothing, where it is not known how to ask.
    fn standing<'a>(&'a self, _session: &'a Session) -> Answering<'a, Vec<Fact>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Ends the session at the venue. False where the venue has no way to.
    fn end<'a>(&'a self, _session: &'a Session) -> Answering<'a, bool> {
        Box::pin(async { Ok(false) })
    }

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

/// By what a venue makes sure that it is you.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A code by time.
    Totp,
    /// A code in a text message.
    Sms,
    /// A code in a mail.
    Email,
    /// A tap on a telephone.
    Push,
    /// A code that the venue gives a person's browser.
    OAuth,
    /// A login of a person at a page.
    Browser,
}

impl Method {
    /// As it stands in `auth.events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "TOTP",
            Self::Sms => "SMS",
            Self::Email => "EMAIL",
            Self::Push => "PUSH",
            Self::OAuth => "OAUTH",
            Self::Browser => "BROWSER",
        }
    }

    /// Whether a person says yes elsewhere, and no code is sent.
    pub fn is_approval(self) -> bool {
        matches!(self, Self::Push | Self::Browser)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Empty where the venue gives none.
    pub id: String,
    pub method: Method,
    pub wants: Wants,
    /// What a person has to open.
    pub link: Option<String>,
    /// How often it still takes an answer, if it says so.
    pub left: Option<u32>,
}

/// Without what a person has to open: it holds who asks.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("method", &self.method)
            .field("wants", &self.wants)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    Code,
    /// Nothing is sent: the venue is asked until somebody approved.
    Approval,
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
