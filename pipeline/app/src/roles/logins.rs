//! Logins in, `auth.events` out: a part an account.

mod codes;
#[cfg(feature = "local")]
mod demo;

use std::time::Duration;

use tapeline_auth::mfa::{Factors, Person};
use tapeline_auth::{CacheError, DriverEnd, LoginChannels, SessionStore, Step, measure};
use tapeline_kafka::Publisher;
use tapeline_model::records::AuthEventKind;
use tapeline_venue::Stop;
use tokio::task::JoinHandle;

use self::codes::{CodeSources, Codes};
use super::{Part, Parts, Start};
use crate::account_login::AccountLogin;
use crate::failure::Failure;
use crate::sessions::Lent;

#[cfg(feature = "local")]
pub(crate) use demo::forget as forget_demo;

/// Kept sessions are asked for again, after they were out of reach.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

pub(super) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    let mut code_sources = CodeSources::default();
    let with_codes = |of: AccountLogin| LoginPart {
        codes: code_sources.admit(&of.login),
        of,
        person: None,
    };
    let accounts = AccountLogin::all(with.config)?;
    let accounts: Vec<LoginPart> = accounts.into_iter().map(with_codes).collect();
    if let Some(account) = accounts.first()
        && let Some(part) = code_sources.start(with, account.of.secrets())?
    {
        parts.add(part);
    }
    for work in accounts {
        let (stop_sender, stop) = Stop::pair();
        let runtime = with.runtime.clone();
        let name = format!("login {}", work.of.login.account);
        parts.add(Part::spawn(name, Some(stop_sender), move |_| {
            runtime.block_on(work.run(stop))
        })?);
    }
    #[cfg(feature = "local")]
    parts.join(demo::start(with)?);
    Ok(parts)
}

/// Whom an account asks for what no program can answer.
type MakePerson = Box<dyn Fn() -> Box<dyn Person> + Send + Sync>;

/// The login of an account, kept by this process as long as no other wants it.
struct LoginPart {
    of: AccountLogin,
    /// Nothing, where a person logs in.
    codes: Codes,
    person: Option<MakePerson>,
}

impl LoginPart {
    async fn run(self, mut stop: Stop) -> Result<(), Failure> {
        self.of.sessions.check().await?;
        let publisher = self.of.publisher()?;
        let mut number = 0;
        loop {
            let ended = self.hold(&mut stop, &publisher, &mut number).await;
            match ended {
                Ok(None) => return Ok(()),
                Ok(Some(DriverEnd::Unheard)) => {
                    return Err(Failure::external("the login ended by itself"));
                }
                Ok(Some(DriverEnd::HandedOver)) => {
                    tracing::info!(account = %self.of.account, "another process takes over the login; this one stands by");
                }
                Err(Trouble::Passing(error)) => {
                    tracing::warn!(account = %self.of.account, %error, "the login rests, and is taken up again");
                    tokio::select! {
                        () = stop.wanted() => return Ok(()),
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                }
                Err(Trouble::Lasting(failure)) => return Err(failure),
            }
        }
    }

    /// Takes the login, and keeps it until another process has it. None when it is to stop.
    async fn hold(
        &self,
        stop: &mut Stop,
        publisher: &Publisher,
        number: &mut u64,
    ) -> Result<Option<DriverEnd>, Trouble> {
        let Lent {
            session_store,
            back,
        } = tokio::select! {
            () = stop.wanted() => return Ok(None),
            lent = self.of.sessions.wait() => lent?,
        };
        let ended = tokio::select! {
            () = stop.wanted() => Ok(None),
            ended = self.keep(session_store, publisher, number) => ended.map(Some),
        };
        back.wait().await;
        ended
    }

    async fn keep(
        &self,
        session_store: Box<dyn SessionStore>,
        publisher: &Publisher,
        number: &mut u64,
    ) -> Result<DriverEnd, Trouble> {
        let cache = self.of.cache(session_store).await?;
        let factors = Factors {
            sms: self.codes.sms.clone(),
            mail: self.codes.mail.clone(),
            person: self.person.as_ref().map(|make| make()),
            ..self.of.factors().await?
        };
        let made = self.of.driver(cache, factors, self.of.policy());
        let (driver, ends) = made.await?;
        let mut keeping = AbortOnDrop(tokio::spawn(driver.run()));
        self.tell(&mut keeping.0, ends, publisher, number).await
    }

    /// Publishes what a driver says, until it ends.
    async fn tell(
        &self,
        keeping: &mut JoinHandle<Result<DriverEnd, CacheError>>,
        mut ends: LoginChannels,
        publisher: &Publisher,
        number: &mut u64,
    ) -> Result<DriverEnd, Trouble> {
        loop {
            tokio::select! {
                biased;
                Some(step) = ends.steps.recv() => {
                    *number += 1;
                    self.publish(publisher, step, *number)?;
                }
                ended = &mut *keeping => {
                    return Ok(ended.map_err(Failure::external)??);
                }
            }
        }
    }

    fn publish(&self, publisher: &Publisher, step: Step, number: u64) -> Result<(), Failure> {
        measure(self.of.account.as_str(), &self.of.login.venue, &step);
        let (account, detail) = (&self.of.account, &step.detail);
        match step.category {
            Some(category) => tracing::warn!(%account, %category, "{}: {detail}", step.kind),
            None if step.kind == AuthEventKind::Healthy => {}
            None => tracing::info!(%account, "{}: {detail}", step.kind),
        }
        self.of.put(publisher, step, number)
    }
}

/// Why a login is not kept any more.
enum Trouble {
    /// It is tried again.
    Passing(CacheError),
    Lasting(Failure),
}

impl From<CacheError> for Trouble {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::OutOfReach(_) | CacheError::Lost => Self::Passing(error),
            lasting => Self::Lasting(Failure::external(lasting)),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Lasting(failure)
    }
}

/// A driver ends with who listens to it.
struct AbortOnDrop(JoinHandle<Result<DriverEnd, CacheError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
