//! The login of an account, as the configuration describes it, and what it takes to do it.

use std::sync::Arc;

use tapeline_auth::mfa::{Factors, Seed};
use tapeline_auth::{
    Cache, Environment, Login, LoginChannels, LoginDriver, Policy, Seal, SessionStore, Step, Stored,
};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::AuthEvent;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::{Secret, Secrets};

use crate::config::{Auth, Config, LoginAccount, SessionStoreKind};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::registry;
use crate::sessions::Sessions;

const SOURCE: &str = "auth";
/// As long as a name of the DNS.
const LONGEST_HOST: usize = 253;

/// An account that is logged in to, and what that takes.
pub(crate) struct AccountLogin {
    pub(crate) auth: Auth,
    pub(crate) login: LoginAccount,
    pub(crate) sessions: Sessions,
    pub(crate) account: AccountId,
    portfolio: PortfolioId,
    secrets: Secrets,
    kafka: KafkaSettings,
    host: Option<String>,
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
                kafka: kafka.clone(),
                host: host.clone(),
                began: now(),
            })
        };
        Ok(config.logins.iter().filter_map(of).collect())
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

    pub(crate) fn publisher(&self) -> Result<Publisher, Failure> {
        Ok(Publisher::new(&self.kafka, SOURCE)?)
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
        let mut factors = Factors::default();
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
