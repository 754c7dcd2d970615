//! One life: an account, its venue, two machines, and what befalls them in some hours.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tapeline_auth::flows::Credentials;
use tapeline_auth::mfa::sms::{Numbers, Webhook};
use tapeline_rehearsal::{AUTH_TOKEN, Asks, By, Clock, NAME, PASSWORD, SEED, Settings, Venue};
use tapeline_secrets::{Reference, Secrets, Settings as SecretSettings};
use tokio::runtime::Builder;
use tokio::time::sleep;
use tracing_subscriber::fmt::MakeWriter;

use super::carrier::{Carrier, Mishap, PUBLIC};
use super::check::{self, Findings};
use super::clock::{Time, Wrong};
use super::logbook::{Entry, Logbook};
use super::machine::{Machine, SESSION_KEY};
use super::plan::Kind;
use super::plant::Planted;
use super::records::Records;
use super::wire::Road;
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::plan::{Step, plan};
use crate::chaos::random::Random;

const FAULTS: usize = 24;
/// How wrong a machine's clock may be.
const SKEW: u64 = 40_000_000;
/// Longer than a lock-out that was prevented lasts, and a person takes.
const CALM: Duration = Duration::from_mins(75);
/// A person who is needed comes after this.
const PERSON_AFTER: i64 = 5 * 60 * 1_000_000;

/// What all that lives in it share.
#[derive(Clone)]
pub(super) struct World {
    pub(super) road: Road,
    pub(super) records: Records,
    pub(super) planted: Planted,
    pub(super) carrier: Carrier,
    pub(super) secrets: Secrets,
    folder: PathBuf,
}

/// What came of a life.
pub(super) struct Lived {
    pub(super) findings: Findings,
    pub(super) faults: Vec<Kind>,
    pub(super) entries: Vec<Entry>,
}

impl World {
    pub(super) fn credentials(&self) -> Credentials {
        Credentials {
            secrets: self.secrets.clone(),
            name: self.reference("name"),
            password: self.reference("password"),
        }
    }

    fn reference(&self, name: &str) -> Reference {
        let path = self.folder.join(name);
        let reference = format!("secret://file/{}", path.display()).parse();
        reference.unwrap_or_else(|_| unreachable!("a path of this machine is a reference"))
    }

    /// Where a process takes text messages.
    pub(super) fn webhook(&self, numbers: Numbers, clock: tapeline_auth::Clock) -> Router {
        let token = self.reference("token");
        Webhook::new(PUBLIC, self.secrets.clone(), token, numbers, clock).router()
    }

    fn write(&self, name: &str, text: &str) -> Outcome<()> {
        let written = fs::write(self.folder.join(name), text);
        written.map_err(Failure::while_doing("writing a secret"))
    }
}

pub(super) fn live(seed: u64, kinds: &[Kind], data: &Path, planted: Planted) -> Outcome<Lived> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(Failure::while_doing("making a world"))?;
    let said = Said::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(said.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir_in(data).map_err(Failure::while_doing("making a folder"))?;
    let mut lived = runtime.block_on(life(seed, kinds, folder.path(), planted))?;
    let codes = check::codes(&lived.entries);
    let secrets = ["planted", SEED, SESSION_KEY];
    lived.findings.leaks(&said.text(), &secrets, &codes);
    Ok(lived)
}

async fn life(seed: u64, kinds: &[Kind], folder: &Path, planted: Planted) -> Outcome<Lived> {
    let mut random = Random::new(seed);
    let world = world(&mut random, folder, planted)?;
    let mut machines = [0, 1].map(|number| {
        let clock = Wrong::by(&world.road.time, skew(&mut random));
        Machine::new(number, clock)
    });
    for machine in &mut machines {
        machine.start(&world);
        sleep(Duration::from_millis(random.between(0, 5_000))).await;
    }
    let steps = plan(random.next(), FAULTS, kinds);
    for step in &steps {
        wait(&machines, random.between(1_000, 900_000)).await;
        befall(&world, &mut machines, *step, &mut random).await?;
    }
    world.carrier.calm();
    wait(&machines, CALM.as_millis() as u64).await;
    let entries = world.road.logbook.entries();
    let mut findings = check::check(&entries);
    let book = world.road.venue.book();
    findings.locked(book.locked);
    findings.steps_repeated(book.repeated);
    findings.sealed(&world.records.bytes(), &book.codes);
    findings.stuck(!machines.iter().any(Machine::is_in));
    findings.webhook(world.carrier.wrong_answers());
    for machine in &mut machines {
        machine.kill(&world).await;
    }
    Ok(Lived {
        findings,
        faults: steps.iter().map(|step| step.kind).collect(),
        entries,
    })
}

fn world(random: &mut Random, folder: &Path, planted: Planted) -> Outcome<World> {
    let time = Time::begin();
    let venue_time = time.clone();
    let carrier = Carrier::new(Random::new(random.next()));
    let sends = carrier.clone();
    let venue = Venue::new(Settings {
        clock: Clock::made(move || venue_time.now()),
        code_seconds: 30,
        on_code: Arc::new(move |_, code| sends.send(code)),
        ..Settings::default()
    });
    // What is planted into codes by time needs a venue that asks for one.
    let asks = if random.below(2) == 0 && planted == Planted::Nothing {
        Asks::Sent(By::Sms)
    } else {
        Asks::App
    };
    venue.change(|book| {
        book.session = random.between(300, 7200);
        book.asks = asks;
    });
    let road = Road::new(venue, time, Logbook::default(), Random::new(random.next()));
    let secrets = Secrets::new(&SecretSettings::default())
        .map_err(Failure::while_doing("finding secrets"))?;
    let world = World {
        road,
        records: Records::default(),
        planted,
        carrier,
        secrets,
        folder: folder.to_owned(),
    };
    world.write("token", AUTH_TOKEN)?;
    world.write("name", NAME)?;
    world.write("password", PASSWORD)?;
    Ok(world)
}

fn skew(random: &mut Random) -> i64 {
    random.below(2 * SKEW + 1) as i64 - SKEW as i64
}

/// Time passes; a person looks in every minute.
async fn wait(machines: &[Machine], milliseconds: u64) {
    let mut left = Duration::from_millis(milliseconds);
    while !left.is_zero() {
        let now = left.min(Duration::from_mins(1));
        sleep(now).await;
        left -= now;
        for machine in machines {
            let since = machine.stopped_since();
            if since.is_some_and(|since| machine.at() - since > PERSON_AFTER) {
                machine.begin().await;
            }
        }
    }
}

async fn befall(
    world: &World,
    machines: &mut [Machine; 2],
    step: Step<Kind>,
    random: &mut Random,
) -> Outcome<()> {
    let until = world.road.time.now() + step.away.as_micros() as i64;
    let venue = &world.road.venue;
    match step.kind {
        Kind::ClockSkew => machines[(step.pick % 2) as usize].clock.set(skew(random)),
        Kind::TooMany => world.road.weather().too_many_until = until,
        Kind::VenueDown => world.road.weather().down_until = until,
        Kind::Dropped => world.road.weather().dropping_until = until,
        Kind::LostAnswer => world.road.weather().answers_lost += random.between(1, 3) as u32,
        Kind::Page => world.road.weather().pages += 1,
        Kind::Forbidden => world.road.weather().forbidden += 1,
        Kind::WrongCode => {
            venue.change(|book| {
                book.refuses_codes = true;
                book.tokens.clear();
                book.renewals.clear();
            });
            wait(machines, step.away.as_millis() as u64).await;
            venue.change(|book| book.refuses_codes = false);
        }
        Kind::WrongText => world.carrier.befall(Mishap::Wrong),
        Kind::LateText => world.carrier.befall(Mishap::Late),
        Kind::LostText => world.carrier.befall(Mishap::Lost),
        Kind::DuplicateText => world.carrier.befall(Mishap::Twice),
        Kind::ForeignText => world.carrier.befall(Mishap::Foreign),
        Kind::ForgedText => world.carrier.befall(Mishap::Forged),
        Kind::TwoCodes => world.carrier.befall(Mishap::Riddle),
        Kind::SessionDropped => venue.change(|book| book.tokens.clear()),
        Kind::RenewalRefused => venue.change(|book| {
            book.tokens.clear();
            book.renewals.clear();
        }),
        Kind::PasswordRotated => {
            let password = format!("planted-password-{}", random.next());
            venue.change(|book| {
                book.password.clone_from(&password);
                book.tokens.clear();
                book.renewals.clear();
            });
            wait(machines, step.away.as_millis() as u64).await;
            world.write("password", &password)?;
        }
        Kind::Kill => {
            let at = machines.iter().position(Machine::has_it).unwrap_or(0);
            machines[at].kill(world).await;
            wait(machines, step.away.as_millis() as u64).await;
            machines[at].start(world);
        }
        Kind::CutOff => {
            let at = machines.iter().position(Machine::has_it).unwrap_or(0);
            world.records.cut_off(Some(at));
            wait(machines, step.away.as_millis() as u64).await;
            world.records.cut_off(None);
        }
        Kind::Race => {
            for machine in machines.iter_mut() {
                machine.kill(world).await;
            }
            wait(machines, step.away.as_millis() as u64).await;
            for machine in machines.iter_mut() {
                machine.start(world);
            }
        }
    }
    Ok(())
}

/// All that is logged, at every level.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
