//! Logins in, `auth.events` out: a part an account.

mod codes;
mod demo;

use std::sync::Arc;

use tapeline_auth::mfa::{Factors, Person, Seed};
use tapeline_auth::{
    Cache, CacheError, Ended, Ends, FileShelf, Keeper, Login, Outside, Policy, Seal, Shelf, Step,
    Stored,
};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::{AuthEvent, AuthEventKind};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::{Secret, Secrets};
use tapeline_venue::Stop;
use tokio::task::JoinHandle;

use self::codes::{Codes, Entrances};
use super::{Part, Parts, Start};
use crate::config::{Auth, Config, LoginAccount};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::registry;

pub(crate) use demo::forget as forget_demo;

const SOURCE: &str = "auth";
/// As long as a name of the DNS.
const LONGEST_HOST: usize = 253;

pub(super) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    let mut accounts = Account::all(with.config)?;
    let Some(secrets) = accounts.first().map(|account| account.secrets.clone()) else {
        return Ok(parts);
    };
    let mut entrances = Entrances::default();
    for account in &mut accounts {
        account.codes = entrances.admit(&account.login);
    }
    if let Some(part) = entrances.start(with, &secrets)? {
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
    parts.join(demo::start(with)?);
    Ok(parts)
}

/// Whom an account asks for what no program can answer.
type MakePerson = Box<dyn Fn() -> Box<dyn Person> + Send + Sync>;

/// An account that is logged in to, and what that takes.
pub(crate) struct Account {
    pub(crate) auth: Auth,
    pub(crate) login: LoginAccount,
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

impl Account {
    /// Those of the configuration.
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, Failure> {
        if config.logins.is_empty() {
            return Ok(Vec::new());
        }
        let kafka = config.kafka_settings()?;
        let settings = config.secrets.settings()?;
        let secrets = Secrets::new(&settings).map_err(Failure::outside)?;
        let portfolios = config.portfolios();
        let host = cleaned(&rustix::system::uname().nodename().to_string_lossy());
        let of = |login: &LoginAccount| {
            let account = AccountId::new(&login.account);
            Some(Self {
                auth: config.auth.clone(),
                login: login.clone(),
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
        let publisher = self.publisher()?;
        let mut number = 0;
        loop {
            let (keeper, ends) = tokio::select! {
                () = stop.wanted() => return Ok(()),
                keeper = self.stand_by() => keeper?,
            };
            let mut keeping = AbortOnDrop(tokio::spawn(keeper.run()));
            let ended = self.tell(&mut keeping.0, ends, &publisher, &mut number);
            let ended = tokio::select! {
                () = stop.wanted() => return Ok(()),
                ended = ended => ended?,
            };
            if ended == Ended::Unheard {
                return Err(Failure::outside("the login ended by itself"));
            }
            tracing::info!(account = %self.account, "another process takes over the login; this one stands by");
        }
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What is kept, without having the login; none also where it cannot be opened.
    pub(crate) async fn peek(&self) -> Result<Option<Stored>, Failure> {
        let (venue, account) = (&self.login.venue, self.account.as_str());
        let sealed = FileShelf::peek(&self.auth.sessions, venue, account);
        let Some(sealed) = sealed.map_err(Failure::outside)? else {
            return Ok(None);
        };
        Ok(self.seal().await?.open(&sealed))
    }

    pub(crate) fn publisher(&self) -> Result<Publisher, Failure> {
        Ok(Publisher::new(&self.kafka, SOURCE)?)
    }

    /// Publishes what a keeper says, until it ends.
    async fn tell(
        &self,
        keeping: &mut JoinHandle<Result<Ended, CacheError>>,
        mut ends: Ends,
        publisher: &Publisher,
        number: &mut u64,
    ) -> Result<Ended, Failure> {
        loop {
            tokio::select! {
                biased;
                Some(step) = ends.steps.recv() => {
                    *number += 1;
                    self.publish(publisher, step, *number)?;
                }
                ended = &mut *keeping => {
                    return ended.map_err(Failure::outside)?.map_err(Failure::outside);
                }
            }
        }
    }

    /// Waits until no other process has the login.
    async fn stand_by(&self) -> Result<(Keeper, Ends), Failure> {
        let (venue, account) = (&self.login.venue, self.account.as_str());
        let shelf = FileShelf::wait(&self.auth.sessions, venue, account).await;
        let cache = self.cache(Box::new(shelf.map_err(Failure::outside)?));
        let factors = Factors {
            sms: self.codes.sms.clone(),
            mail: self.codes.mail.clone(),
            ..self.factors().await?
        };
        self.keeper(cache.await?, factors, self.policy()).await
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            probe_every: Some(self.auth.probe_every.0).filter(|every| !every.is_zero()),
            most_refusals: self.auth.most_refusals,
            needs_person: self.login.way.needs_person(),
            ..Policy::default()
        }
    }

    pub(crate) async fn keeper(
        &self,
        cache: Cache,
        factors: Factors,
        policy: Policy,
    ) -> Result<(Keeper, Ends), Failure> {
        let outside = Outside::real().map_err(Failure::outside)?;
        let flow = registry::flow(&self.login, &self.secrets, &outside)?;
        let login = Login::new(policy, seed_of(self.account.as_str()));
        let keeper = Keeper::new(login, flow, factors, cache, outside.clock).await;
        keeper.map_err(Failure::outside)
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

    pub(crate) async fn cache(&self, shelf: Box<dyn Shelf>) -> Result<Cache, Failure> {
        Ok(Cache::new(shelf, self.seal().await?))
    }

    pub(crate) async fn seal(&self) -> Result<Seal, Failure> {
        let mut keys = vec![self.secret(&self.auth.session_key).await?];
        for former in &self.auth.former_keys {
            keys.push(self.secret(former).await?);
        }
        let seal = Seal::new(&self.login.venue, self.account.as_str(), &keys);
        seal.map_err(Failure::outside)
    }

    async fn secret(&self, text: &str) -> Result<Arc<Secret>, Failure> {
        let found = self.secrets.get(&text.parse()?).await;
        Ok(found.map_err(Failure::outside)?.secret)
    }

    fn publish(&self, publisher: &Publisher, step: Step, number: u64) -> Result<(), Failure> {
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

/// A keeper ends with who listens to it.
struct AbortOnDrop(JoinHandle<Result<Ended, CacheError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_is_understood_by_who_tells_of_it() {
        let unknown = tapeline_auth::Category::ALL
            .into_iter()
            .find(|category| !tapeline_processors::logins::knows_category(category.as_str()));
        assert_eq!(unknown, None);
    }

    #[test]
    fn a_host_is_short_and_plain() {
        assert_eq!(cleaned("desk-1.lan").as_deref(), Some("desk-1.lan"));
        assert_eq!(cleaned("a b\n\u{1b}[31m\"ä").as_deref(), Some("ab31m"));
        assert_eq!(cleaned(&"x".repeat(1000)).map(|name| name.len()), Some(253));
        assert_eq!(cleaned("\u{fffd}"), None);
    }
}
