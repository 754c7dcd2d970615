//! Logins in, `auth.events` out: a part an account.

use std::sync::Arc;

use tapeline_auth::flows::Credentials;
use tapeline_auth::mfa::Seed;
use tapeline_auth::{Cache, Ends, Keeper, Login, Policy, Step};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::{AuthEvent, AuthEventKind};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_secrets::{Secret, Secrets};
use tapeline_venue::Stop;

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
        let (keeper, mut ends) = self.keeper().await?;
        let publisher = Publisher::new(&self.kafka, SOURCE)?;
        let mut keeping = tokio::spawn(keeper.run());
        let mut number = 0;
        loop {
            let step = tokio::select! {
                () = stop.wanted() => {
                    keeping.abort();
                    return Ok(());
                }
                ended = &mut keeping => {
                    return Err(Failure::Outside(match ended {
                        Ok(Err(error)) => error.to_string(),
                        Ok(Ok(())) => format!("the login of {} ended by itself", self.account),
                        Err(panic) => panic.to_string(),
                    }));
                }
                step = ends.steps.recv() => step,
            };
            if let Some(step) = step {
                number += 1;
                self.publish(&publisher, step, number)?;
            }
        }
    }

    async fn keeper(&self) -> Result<(Keeper, Ends), Failure> {
        let mut keys = vec![self.secret(&self.auth.session_key).await?];
        for former in &self.auth.former_keys {
            keys.push(self.secret(former).await?);
        }
        let seed = match self.login.totp.as_str() {
            "" => None,
            reference => {
                let text = self.secret(reference).await?;
                let seed = Seed::parse(text.expose());
                Some(seed.map_err(|wrong| {
                    Failure::Usage(format!("the seed of {}: {wrong}", self.account))
                })?)
            }
        };
        let credentials = Credentials {
            secrets: self.secrets.clone(),
            name: self.login.name.parse()?,
            password: self.login.password.parse()?,
        };
        let flow = registry::flow(&self.login, credentials)?;
        let account = self.account.as_str();
        let cache = Cache::open(&self.auth.sessions, &self.login.venue, account, &keys);
        let cache = cache.map_err(Failure::outside)?;
        let policy = Policy {
            probe_every: Some(self.auth.probe_every.0).filter(|every| !every.is_zero()),
            most_refusals: self.auth.most_refusals,
            ..Policy::default()
        };
        let login = Login::new(policy, seed_of(account));
        Keeper::new(login, flow, seed, cache).map_err(Failure::outside)
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
