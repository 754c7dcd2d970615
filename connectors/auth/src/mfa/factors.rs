//! Where the codes of one account come from.

use std::future::Future;
use std::pin::Pin;

use tapeline_model::Micros;

use super::{Code, Seed};
use crate::flow::{Challenge, Method};

/// Who is asked for what no program can answer.
pub trait Person: Send + Sync {
    /// None when there is no answer by `until`.
    fn code<'a>(&'a mut self, challenge: &'a Challenge, until: Micros) -> Answer<'a>;

    /// The venue waits for an approval elsewhere.
    fn approve(&mut self, challenge: &Challenge, until: Micros);
}

pub type Answer<'a> = Pin<Box<dyn Future<Output = Option<Code>> + Send + 'a>>;

#[derive(Default)]
pub struct Factors {
    pub totp: Option<Seed>,
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
        self.person.is_some() || method == Method::Totp && self.totp.is_some()
    }
}
