//! Logins in, `auth.events` out: a part an account.

use std::sync::Arc;

use tapeline_auth::mfa::{Factors, Seed};
use tapeline_auth::{
    Cache, CacheError, Ended, Ends, FileShelf, Keeper, Login, Outside, Policy, Seal, Step,
};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::{AuthEvent, AuthEventKind};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::{Secret, Secrets};
use tapeline_venue::Stop;
use tokio::task::JoinHandle;

use super::{Part, Parts, Start};
use crate::config::{Auth, LoginAccount};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::registry;

const SOURCE: &str = "auth";
/// As long as a name of the DNS.
const LONGEST_HOST: usize = 253;

pub(super) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    if with.config.logins.is_empty() {
        return Ok(parts);
    }
    let kafka = with.config.kafka_settings()?;
    let settings = with.config.secrets.settings()?;
    let secrets = Secrets::new(&settings).map_err(Failure::outside)?;
    let portfolios = with.config.portfolios();
    let host = cleaned(&rustix::system::uname().nodename().to_string_lossy());
    for login in &with.config.logins {
        let account = AccountId::new(&login.account);
        let Some(portfolio) = portfolios.get(&account) else {
            continue;
        };
        let (stop_sender, stop) = Stop::pair();
        let work = Account {
            auth: with.config.auth.clone(),
            login: login.clone(),
            portfolio: portfolio.clone(),
            account,
            secrets: secrets.clone(),
            kafka: kafka.clone(),
            host: host.clone(),
            began: now(),
        };
        let runtime = with.runtime.clone();
        let name = format!("login {}", login.account);
        parts.add(Part::spawn(name, Some(stop_sender), move |_| {
            runtime.block_on(work.run(stop))
        })?);
    }
    Ok(parts)
}

struct Account {
    auth: Auth,
    login: LoginAccount,
    account: AccountId,
    portfolio: PortfolioId,
    secrets: Secrets,
    kafka: KafkaSettings,
    host: Option<String>,
    /// Tells logins of this process from those of others.
    began: Micros,
}

impl Account {
    async fn run(self, mut stop: Stop) -> Result<(), Failure> {
        let publisher = Publisher::new(&self.kafka, SOURCE)?;
        let mut number = 0;
        loop {
            let (keeper, ends) = tokio::select! {
                () = stop.wanted() => return Ok(()),
                keeper = self.keeper() => keeper?,
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

    async fn keeper(&self) -> Result<(Keeper, Ends), Failure> {
        let outside = Outside::real().map_err(Failure::outside)?;
        let flow = registry::flow(&self.login, &self.secrets, &outside)?;
        let factors = self.factors().await?;
        let policy = Policy {
            probe_every: Some(self.auth.probe_every.0).filter(|every| !every.is_zero()),
            most_refusals: self.auth.most_refusals,
            needs_person: self.login.way.needs_person(),
            ..Policy::default()
        };
        let login = Login::new(policy, seed_of(self.account.as_str()));
        let cache = self.cache().await?;
        let keeper = Keeper::new(login, flow, factors, cache, outside.clock).await;
        keeper.map_err(Failure::outside)
    }

    async fn factors(&self) -> Result<Factors, Failure> {
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

    /// Stands by while another process has it.
    async fn cache(&self) -> Result<Cache, Failure> {
        let mut keys = vec![self.secret(&self.auth.session_key).await?];
        for former in &self.auth.former_keys {
            keys.push(self.secret(former).await?);
        }
        let (venue, account) = (&self.login.venue, self.account.as_str());
        let seal = Seal::new(venue, account, &keys).map_err(Failure::outside)?;
        let shelf = FileShelf::wait(&self.auth.sessions, venue, account).await;
        Ok(Cache::new(Box::new(shelf.map_err(Failure::outside)?), seal))
    }

    async fn secret(&self, text: &str) -> Result<Arc<Secret>, Failure> {
        let found = self.secrets.get(&text.parse()?).await;
        Ok(found.map_err(Failure::outside)?.secret)
    }

    fn publish(&self, publisher: &Publisher, step: Step, number: u64) -> Result<(), Failure> {
        let now = now();
        let (account, detail) = (&self.account, &step.detail);
        match step.category {
            Some(category) => tracing::warn!(%account, %category, "{}: {detail}", step.kind),
            None if step.kind == AuthEventKind::Healthy => {}
            None => tracing::info!(%account, "{}: {detail}", step.kind),
        }
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
