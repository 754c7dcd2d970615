//! Where the codes of one account come from.

use std::future::Future;
use std::pin::Pin;

use std::time::Duration;

use tapeline_model::Micros;
use tokio::time::timeout;

use super::{Code, CodeRouter, Expected, Pending, Seed};
use crate::challenge::{Challenge, Method};

/// Who is asked for what no program can answer.
pub trait Person: Send + Sync {
    /// None when there is no answer by `until`.
    fn code<'a>(&'a mut self, challenge: &'a Challenge, until: Micros) -> CodeFuture<'a>;

    /// The venue waits for an approval elsewhere.
    fn approve(&mut self, challenge: &Challenge, until: Micros);
}

pub type CodeFuture<'a> = Pin<Box<dyn Future<Output = Option<Code>> + Send + 'a>>;

/// Messages that codes come in, and which of them count for an account.
#[derive(Debug, Clone)]
pub struct Messages {
    pub code_router: CodeRouter,
    pub senders: Vec<String>,
    pub expected: Expected,
}

impl Messages {
    pub(crate) async fn code(
        &self,
        asked: Micros,
        until: Micros,
        within: Duration,
    ) -> Option<Code> {
        let pending = Pending {
            asked,
            until,
            senders: self.senders.clone(),
            expected: self.expected.clone(),
        };
        timeout(within, self.code_router.code(pending)).await.ok()?
    }
}

#[derive(Default)]
pub struct Factors {
    pub totp: Option<Seed>,
    pub sms: Option<Messages>,
    pub mail: Option<Messages>,
    /// None where nobody sits in front of it.
    pub person: Option<Box<dyn Person>>,
}

impl Factors {
    /// What an earlier process used.
    pub(crate) fn after(mut self, step: Option<u64>) -> Self {
        self.totp = self.totp.map(|seed| seed.after(step));
        self
    }

    pub(crate) fn used_step(&self) -> Option<u64> {
        self.totp.as_ref().and_then(Seed::used)
    }

    /// Whether anybody or anything can answer.
    pub(crate) fn can(&self, method: Method) -> bool {
        let has_own = match method {
            Method::Totp => self.totp.is_some(),
            Method::Sms => self.sms.is_some(),
            Method::Email => self.mail.is_some(),
            Method::Push | Method::OAuth | Method::Browser => false,
        };
        has_own || self.person.is_some()
    }
}
