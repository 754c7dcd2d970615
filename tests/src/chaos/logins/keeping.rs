//! What keeps an account logged in, as a process makes it: that of a role, or a person's own.

use std::sync::Arc;
use std::time::Duration;

use tapeline_auth::mfa::Factors;
use tapeline_auth::{
    Cache, CacheError, Environment, Login, LoginChannels, LoginDriver, Policy, Seal, SessionStore,
    Step,
};
use tapeline_secrets::Secret;

use super::clock::Wrong;
use super::logbook::Entry;
use super::login_kind::LoginKind;
use super::plant;
use super::wire::Wire;
use super::world::World;

pub(super) const SESSION_KEY: &str = "planted-session-key-of-forty-four-characters";
const ACCOUNT: &str = "a1";

/// One process's view of the world.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) world: World,
    pub(super) number: usize,
    pub(super) clock: Wrong,
}

impl Place {
    pub(super) fn clock(&self) -> tapeline_auth::Clock {
        let clock = self.clock.clone();
        Arc::new(move || clock.now())
    }

    pub(super) fn environment(&self) -> Environment {
        let wire = Arc::new(Wire {
            road: self.world.road.clone(),
            machine: self.number,
            planted: self.world.planted,
        });
        let mut environment = self.world.environment.clone();
        (environment.clock, environment.transport) = (self.clock(), wire);
        environment
    }

    /// A code may take so long, if that is said.
    pub(super) async fn keeper(
        &self,
        session_store: Box<dyn SessionStore>,
        factors: Factors,
        code_within: Option<Duration>,
    ) -> Result<(LoginDriver, LoginChannels), CacheError> {
        let keys = [Arc::new(Secret::new(SESSION_KEY))];
        let seal = Seal::new("alpha", ACCOUNT, &keys)?;
        let cache = Cache::new(session_store, seal);
        let way = self.world.road.way;
        let policy = plant::policy(self.world.planted);
        let policy = Policy {
            needs_person: way.needs_person(),
            sees_logins: way == LoginKind::Gateway,
            code_within: code_within.unwrap_or(policy.code_within),
            ..policy
        };
        let login = Login::new(policy, self.number as u64);
        let (credentials, environment) = (self.world.credentials(), self.environment());
        let flow = self.world.road.venue.flow(way, credentials, &environment);
        let flow = plant::flow(self.world.planted, flow.map_err(out_of_reach)?);
        let made = LoginDriver::new(login, flow, factors, cache, self.clock()).await?;
        self.note(Entry::Began {
            machine: self.number,
        });
        Ok(made)
    }

    pub(super) fn hear(&self, step: Step) {
        tracing::info!(machine = self.number, category = ?step.category, "{}: {}", step.kind, step.detail);
        self.note(Entry::Told {
            machine: self.number,
            at: self.world.road.time.now(),
            step,
        });
    }

    fn note(&self, entry: Entry) {
        self.world.road.logbook.note(entry);
    }
}

fn out_of_reach(wrong: impl std::fmt::Display) -> CacheError {
    CacheError::OutOfReach(wrong.to_string())
}
