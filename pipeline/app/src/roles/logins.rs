//! Logins in, `auth.events` out: a part an account.

mod codes;
#[cfg(feature = "local")]
mod demo;

use std::sync::Arc;
use std::time::Duration;

use tapeline_auth::mfa::{Factors, Person, Seed};
use tapeline_auth::{
    Cache, CacheError, DriverEnd, Environment, Login, LoginChannels, LoginDriver, Policy, Seal,
    SessionStore, Step, Stored, measure,
};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::{AuthEvent, AuthEventKind};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::{Secret, Secrets};
use tapeline_venue::Stop;
use tokio::task::JoinHandle;

use self::codes::{CodeSources, Codes};
use super::{Part, Parts, Start};
use crate::config::{Auth, Config, LoginAccount, SessionStoreKind};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::registry;
use crate::sessions::{Lent, Sessions};

#[cfg(feature = "local")]
pub(crate) use demo::forget as forget_demo;

const SOURCE: &str = "auth";
/// As long as a name of the DNS.
const LONGEST_HOST: usize = 253;
/// Kept sessions are asked for again, after they were out of reach.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

pub(super) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    let mut accounts = AccountLogin::all(with.config)?;
    let mut code_sources = CodeSources::default();
    for account in &mut accounts {
        account.codes = code_sources.admit(&account.login);
    }
    if let Some(account) = accounts.first()
        && let Some(part) = code_sources.start(with, &account.secrets)?
    {
        parts.add(part);
    }
    for work in accounts {
        let (stop_sender, stop) = Stop::pair();
        let runtime = with.runtime.clone();
        let name = format!("login {}", work.login.account);
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

/// An account that is logged in to, and what that takes.
pub(crate) struct AccountLogin {
    pub(crate) auth: Auth,
    pub(crate) login: LoginAccount,
    pub(crate) sessions: Sessions,
    account: AccountId,
    portfolio: PortfolioId,
    secrets: Secrets,
    /// Nothing, where a person logs in.
    codes: Codes,
    kafka: KafkaSettings,
    host: Option<String>,
    person: Option<MakePerson>,
    /// Tells logins of this process from those of others.
    began: Micros,
}

impl AccountLogin {
    /// Those of the configuration.
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, Failure> {
        if config.logins.is_empty() {
            return Ok(Vec::new());
        }
        let kafka = config.kafka_settings()?;
        let secrets = config.secrets.open()?;
        let portfolios = config.portfolios();
        let host = cleaned(&rustix::system::uname().nodename().to_string_lossy());
        let of = |login: &LoginAccount| {
            let account = AccountId::new(&login.account);
            Some(Self {
                auth: config.auth.clone(),
                login: login.clone(),
                sessions: Sessions::new(&config.auth, &kafka, &login.venue, &login.account),
                portfolio: portfolios.get(&account)?.clone(),
                account,
                secrets: secrets.clone(),
                codes: Codes::default(),
                kafka: kafka.clone(),
                host: host.clone(),
                person: None,
                began: now(),
            })
        };
        Ok(config.logins.iter().filter_map(of).collect())
    }

    async fn run(self, mut stop: Stop) -> Result<(), Failure> {
        self.sessions.check().await?;
        let publisher = self.publisher()?;
        let mut number = 0;
        loop {
            let ended = self.hold(&mut stop, &publisher, &mut number).await;
            match ended {
                Ok(None) => return Ok(()),
                Ok(Some(DriverEnd::Unheard)) => {
                    return Err(Failure::external("the login ended by itself"));
                }
                Ok(Some(DriverEnd::HandedOver)) => {
                    tracing::info!(account = %self.account, "another process takes over the login; this one stands by");
                }
                Err(Trouble::Passing(error)) => {
                    tracing::warn!(account = %self.account, %error, "the login rests, and is taken up again");
                    tokio::select! {
                        () = stop.wanted() => return Ok(()),
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                }
                Err(Trouble::Lasting(failure)) => return Err(failure),
            }
        }
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What is kept, without having the login; none also where it cannot be opened.
    pub(crate) async fn peek(&self) -> Result<Option<Stored>, Failure> {
        if self.auth.store == SessionStoreKind::Memory {
            return Ok(None);
        }
        let Some(sealed) = self.sessions.peek().await? else {
            return Ok(None);
        };
        Ok(self.seal().await?.open(&sealed))
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
            lent = self.sessions.wait() => lent?,
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
        let cache = self.cache(session_store).await?;
        let factors = Factors {
            sms: self.codes.sms.clone(),
            mail: self.codes.mail.clone(),
            ..self.factors().await?
        };
        let made = self.driver(cache, factors, self.policy());
        let (driver, ends) = made.await?;
        let mut keeping = AbortOnDrop(tokio::spawn(driver.run()));
        self.tell(&mut keeping.0, ends, publisher, number).await
    }

    pub(crate) fn publisher(&self) -> Result<Publisher, Failure> {
        Ok(Publisher::new(&self.kafka, SOURCE)?)
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

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            probe_every: Some(self.auth.probe_every.0).filter(|every| !every.is_zero()),
            most_refusals: self.auth.most_refusals,
            needs_person: self.login.way.needs_person(),
            sees_logins: self.login.way.sees_logins(),
            ..Policy::default()
        }
    }

    pub(crate) async fn driver(
        &self,
        cache: Cache,
        factors: Factors,
        policy: Policy,
    ) -> Result<(LoginDriver, LoginChannels), Failure> {
        let environment = Environment::system().map_err(Failure::external)?;
        let flow = registry::flow(&self.login, &self.secrets, &environment)?;
        let login = Login::new(policy, seed_of(self.account.as_str()));
        let driver = LoginDriver::new(login, flow, factors, cache, environment.clock).await;
        driver.map_err(Failure::external)
    }

    pub(crate) async fn factors(&self) -> Result<Factors, Failure> {
        let mut factors = Factors {
            person: self.person.as_ref().map(|make| make()),
            ..Factors::default()
        };
        if !self.login.totp.is_empty() {
            let text = self.secret(&self.login.totp).await?;
            let seed = Seed::parse(text.expose()).map_err(|wrong| {
                Failure::Usage(format!("the seed of {}: {wrong}", self.account))
            })?;
            factors.totp = Some(seed);
        }
        Ok(factors)
    }

    pub(crate) async fn cache(
        &self,
        session_store: Box<dyn SessionStore>,
    ) -> Result<Cache, Failure> {
        Ok(Cache::new(session_store, self.seal().await?))
    }

    pub(crate) async fn seal(&self) -> Result<Seal, Failure> {
        let mut keys = vec![self.secret(&self.auth.session_key).await?];
        for former in &self.auth.former_keys {
            keys.push(self.secret(former).await?);
        }
        let seal = Seal::new(&self.login.venue, self.account.as_str(), &keys);
        seal.map_err(Failure::external)
    }

    async fn secret(&self, text: &str) -> Result<Arc<Secret>, Failure> {
        let found = self.secrets.get(&text.parse()?).await;
        Ok(found.map_err(Failure::external)?.secret)
    }

    fn publish(&self, publisher: &Publisher, step: Step, number: u64) -> Result<(), Failure> {
        measure(self.account.as_str(), &self.login.venue, &step);
        let (account, detail) = (&self.account, &step.detail);
        match step.category {
            Some(category) => tracing::warn!(%account, %category, "{}: {detail}", step.kind),
            None if step.kind == AuthEventKind::Healthy => {}
            None => tracing::info!(%account, "{}: {detail}", step.kind),
        }
        self.put(publisher, step, number)
    }

    pub(crate) fn put(
        &self,
        publisher: &Publisher,
        step: Step,
        number: u64,
    ) -> Result<(), Failure> {
        let now = now();
        let event = Event::Auth(AuthEvent {
            event_id: format!("{}-{}-{number}", self.account, now.0),
            portfolio: self.portfolio.clone(),
            account: self.account.clone(),
            venue: self.login.venue.clone(),
            kind: step.kind,
            method: step.method.map(str::to_owned),
            attempt: i32::try_from(step.attempt).unwrap_or(i32::MAX),
            category: step.category.map(|category| category.as_str().to_owned()),
            expires_at: step.expires,
            detail: step.detail,
            login_id: Some(format!("{}-{}-{}", self.account, self.began.0, step.login)),
            latency_ms: step
                .latency
                .map(|latency| i32::try_from(latency.as_millis()).unwrap_or(i32::MAX)),
            host: self.host.clone(),
            stopped: Some(step.stopped),
            event_time: now,
            ingest_time: now,
            source: SOURCE.to_owned(),
        });
        let names = self.kafka.names();
        put(publisher, names.topic(Topic::AuthEvents), &event)
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

/// The name of a machine as the records hold it: short, and of plain characters.
fn cleaned(name: &str) -> Option<String> {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.chars().filter(is_plain).take(LONGEST_HOST).collect();
    (!name.is_empty()).then_some(name)
}

/// The same for an account at every start, another for others.
fn seed_of(account: &str) -> u64 {
    account.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A driver ends with who listens to it.
struct AbortOnDrop(JoinHandle<Result<DriverEnd, CacheError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_short_and_plain() {
        assert_eq!(cleaned("desk-1.lan").as_deref(), Some("desk-1.lan"));
        assert_eq!(cleaned("a b\n\u{1b}[31m\"ä").as_deref(), Some("ab31m"));
        assert_eq!(cleaned(&"x".repeat(1000)).map(|name| name.len()), Some(253));
        assert_eq!(cleaned("\u{fffd}"), None);
    }
}
