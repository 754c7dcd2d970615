//! What all that lives in a life share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use tapeline_auth::Environment;
use tapeline_auth::flows::Credentials;
use tapeline_auth::mfa::sms::{Numbers, Webhook};
use tapeline_secrets::{Reference, Secrets, Settings as SecretSettings};
use tapeline_simulators::{AUTH_TOKEN, Clock};

use super::carrier::Carrier;
use super::clock::Time;
use super::logbook::Logbook;
use super::login_kind::LoginKind;
use super::mail::Mailbox;
use super::person::Person;
use super::plant::{self, Planted};
use super::records::Records;
use super::shared_random::SharedRandom;
use super::sms::{PUBLIC, Sms};
use super::venue::AnyVenue;
use super::wire::Road;
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::random::Random;

#[derive(Clone)]
pub(super) struct World {
    pub(super) road: Road,
    pub(super) records: Records,
    pub(super) planted: Planted,
    pub(super) carrier: Carrier,
    pub(super) secrets: Secrets,
    /// Another one's, with a clock and a network of its own, is as this.
    pub(super) environment: Environment,
    folder: PathBuf,
}

impl World {
    pub(super) fn make(random: &mut Random, folder: &Path, planted: Planted) -> Outcome<Self> {
        let some = LoginKind::ALL[random.below(LoginKind::ALL.len() as u64) as usize];
        let way = planted.way().unwrap_or(some);
        let time = Time::begin(way, random);
        let venue_time = time.clone();
        let clock = Clock::made(move || venue_time.now());
        let texts = Sms::new(clock.clone(), SharedRandom::of(random));
        texts.lead_away(way == LoginKind::SmsList);
        let mail = Mailbox::new(&time, SharedRandom::of(random), plant::trust(planted));
        let twilio = texts.twilio.router();
        let carrier = Carrier::new(texts, mail, SharedRandom::of(random));
        let sends = carrier.clone();
        let on_code = Arc::new(move |by, code: &str| sends.send(by, code));
        let venue = AnyVenue::new(way, clock, on_code, random);
        let logbook = Logbook::default();
        let road = Road {
            way,
            router: venue.router(),
            person: Person::new(venue.clone(), SharedRandom::of(random), logbook.clone()),
            venue,
            time,
            logbook,
            twilio,
            weather: Arc::default(),
            chance: SharedRandom::of(random),
        };
        let secrets = Secrets::new(&SecretSettings::default())
            .map_err(Failure::while_doing("finding secrets"))?;
        let environment = Environment::system().map_err(Failure::while_doing("making requests"))?;
        let world = Self {
            road,
            environment,
            records: Records::default(),
            planted,
            carrier,
            secrets,
            folder: folder.to_owned(),
        };
        let (name, password) = world.road.venue.credentials();
        world.write("token", AUTH_TOKEN)?;
        world.write("name", name)?;
        world.write("password", password)?;
        Ok(world)
    }

    pub(super) fn credentials(&self) -> Credentials {
        Credentials {
            secrets: self.secrets.clone(),
            name: self.reference("name"),
            password: self.reference("password"),
        }
    }

    pub(super) fn reference(&self, name: &str) -> Reference {
        let path = self.folder.join(name);
        let reference = format!("secret://file/{}", path.display()).parse();
        reference.unwrap_or_else(|_| unreachable!("a path of this machine is a reference"))
    }

    /// Where a process takes text messages.
    pub(super) fn webhook(&self, numbers: Numbers, clock: tapeline_auth::Clock) -> Router {
        let token = self.reference("token");
        Webhook::new(PUBLIC, self.secrets.clone(), token, numbers, clock).router()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Outcome<()> {
        let written = fs::write(self.folder.join(name), text);
        written.map_err(Failure::while_doing("writing a secret"))
    }
}
