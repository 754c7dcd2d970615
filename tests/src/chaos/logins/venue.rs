//! The venue of a life, whatever kind it is of.

use std::time::Duration;

use axum::Router;
use tapeline_auth::flows::{ApiKey, BadAddress, Credentials, Device, Gateway, OAuth};
use tapeline_auth::{Environment, Flow};
use tapeline_simulators::{Clock, NAME, OnCode, PASSWORD, Settings, Venue, gateway, oauth};

use super::login_kind::LoginKind;
use crate::chaos::random::Random;

const ADDRESS: &str = "https://alpha.example";
const SECOND: i64 = 1_000_000;

#[derive(Clone)]
pub(super) enum AnyVenue {
    /// Also of a key.
    Device(Venue),
    OAuth(oauth::Venue),
    Gateway(gateway::Venue),
}

/// What a venue has written down.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ledger {
    /// Sessions that were opened or renewed.
    pub(super) given: u32,
    /// What it counts among what locks an account.
    pub(super) wrong: u32,
    /// Codes that it was sent.
    pub(super) codes: usize,
    pub(super) is_locked: bool,
    /// Codes by time whose step was used before.
    pub(super) repeated: u32,
    /// Sessions that were taken from a person.
    pub(super) fought: u32,
    /// Requests that it did not answer, since they were too many.
    pub(super) shut: u32,
}

impl AnyVenue {
    pub(super) fn new(way: LoginKind, clock: Clock, on_code: OnCode, random: &mut Random) -> Self {
        let settings = Settings {
            clock,
            code_seconds: 30,
            on_code,
            ..Settings::default()
        };
        match way {
            LoginKind::OAuth => {
                let venue = oauth::Venue::new(settings);
                // A week that ends some times in a life.
                venue.change(|book| book.renewal_seconds = random.between(2_400, 7_200));
                Self::OAuth(venue)
            }
            LoginKind::Gateway => Self::Gateway(gateway::Venue::new(settings)),
            _ => {
                let venue = Venue::new(settings);
                venue.change(|book| {
                    book.session = random.between(300, 7200);
                    book.asks = way.asks();
                    book.workflow.ready_after = random.between(0, 3) as u32;
                });
                Self::Device(venue)
            }
        }
    }

    /// The name and the password that are right at the beginning.
    pub(super) fn credentials(&self) -> (&'static str, &'static str) {
        match self {
            Self::OAuth(_) => (oauth::CLIENT, oauth::SECRET),
            Self::Device(_) | Self::Gateway(_) => (NAME, PASSWORD),
        }
    }

    pub(super) fn flow(
        &self,
        way: LoginKind,
        credentials: Credentials,
        environment: &Environment,
    ) -> Result<Box<dyn Flow>, BadAddress> {
        Ok(match self {
            Self::Device(_) if way == LoginKind::Key => {
                Box::new(ApiKey::new(ADDRESS, credentials, environment)?)
            }
            Self::Device(_) => Box::new(Device::new(ADDRESS, "client", credentials, environment)?),
            Self::OAuth(venue) => {
                let week = Duration::from_secs(venue.state().renewal_seconds);
                let oauth = OAuth::new(ADDRESS, oauth::REDIRECT, credentials, environment)?;
                Box::new(oauth.renewable_for(week))
            }
            Self::Gateway(_) => Box::new(Gateway::new(ADDRESS, environment)?),
        })
    }

    pub(super) fn router(&self) -> Router {
        match self {
            Self::Device(venue) => venue.router(),
            Self::OAuth(venue) => venue.router(),
            Self::Gateway(venue) => venue.router(),
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        match self {
            Self::Device(venue) => {
                let book = venue.state();
                Ledger {
                    given: book.opened + book.renewed,
                    wrong: book.wrong,
                    codes: book.codes.len(),
                    is_locked: book.locked,
                    repeated: book.repeated,
                    ..Ledger::default()
                }
            }
            Self::OAuth(venue) => {
                let book = venue.state();
                Ledger {
                    given: book.opened + book.renewed,
                    ..Ledger::default()
                }
            }
            Self::Gateway(venue) => {
                let book = venue.state();
                Ledger {
                    fought: book.fought,
                    shut: book.shut,
                    ..Ledger::default()
                }
            }
        }
    }

    /// For how long after a login its session can be renewed, in microseconds.
    pub(super) fn week(&self) -> Option<i64> {
        match self {
            Self::OAuth(venue) => Some(venue.state().renewal_seconds as i64 * SECOND),
            Self::Device(_) | Self::Gateway(_) => None,
        }
    }

    /// Every session ends, and what renews it is taken or not.
    pub(super) fn drop_sessions(&self, with_renewals: bool) {
        match self {
            Self::Device(venue) if with_renewals => venue.drop_session(),
            Self::Device(venue) => venue.change(|book| book.tokens.clear()),
            Self::OAuth(venue) if with_renewals => venue.revoke(),
            Self::OAuth(venue) => venue.change(|book| book.tokens.clear()),
            Self::Gateway(venue) => venue.rest(),
        }
    }

    /// It is another from now on. The password of an account ends its sessions, the secret of a
    /// client does not.
    pub(super) fn change_password(&self, password: &str) {
        match self {
            Self::Device(venue) => {
                venue.change(|book| password.clone_into(&mut book.password));
                venue.drop_session();
            }
            Self::OAuth(venue) => venue.change(|book| password.clone_into(&mut book.secret)),
            Self::Gateway(_) => {}
        }
    }
}
