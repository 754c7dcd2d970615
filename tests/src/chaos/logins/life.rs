//! One life: an account, its venue, two machines, and what befalls them in some hours.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tapeline_simulators::SEED;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing_subscriber::fmt::MakeWriter;

use super::check::{self, Facts, Findings};
use super::clock::Wrong;
use super::inject::{inject, skew};
use super::keeping::{Place, SESSION_KEY};
use super::logbook::Entry;
use super::login_kind::LoginKind;
use super::machine::{Machine, Need};
use super::plan::Kind;
use super::plant::Planted;
use super::terminal;
use super::world::World;
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::plan::plan;
use crate::chaos::random::Random;

const FAULTS: usize = 24;
/// Longer than a lock-out that was prevented lasts, and a person takes.
const CALM: Duration = Duration::from_mins(75);
/// A person who is needed comes after this,
const PERSON_AFTER: i64 = 5 * 60 * 1_000_000;
/// and has logged in after so many minutes.
const PERSON_TAKES: u32 = 30;
const MINUTE: Duration = Duration::from_mins(1);

/// What came of a life.
pub(super) struct LifeOutcome {
    pub(super) way: LoginKind,
    pub(super) findings: Findings,
    pub(super) faults: Vec<Kind>,
    pub(super) entries: Vec<Entry>,
}

/// Those who act in it.
pub(super) struct Actors {
    pub(super) world: World,
    pub(super) machines: [Machine; 2],
    /// A person's own login.
    visit: Option<JoinHandle<()>>,
}

pub(super) fn live(
    seed: u64,
    kinds: &[Kind],
    data: &Path,
    planted: Planted,
) -> Outcome<LifeOutcome> {
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
    let living = life(seed, kinds, folder.path(), planted);
    let (mut lived, states) = runtime.block_on(living)?;
    let mut secrets = vec!["planted", SEED, SESSION_KEY];
    secrets.extend(states.iter().map(String::as_str));
    let codes = check::codes(&lived.entries);
    lived.findings.leaks(&said.text(), &secrets, &codes);
    Ok(lived)
}

/// What came of it, and what was secret in it besides.
async fn life(
    seed: u64,
    kinds: &[Kind],
    folder: &Path,
    planted: Planted,
) -> Outcome<(LifeOutcome, Vec<String>)> {
    let mut random = Random::new(seed);
    let world = World::make(&mut random, folder, planted)?;
    let way = world.road.way;
    let mut actors = Actors::gather(world, &mut random).await;
    let kinds: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| kind.meets(way))
        .collect();
    let steps = plan(random.next(), FAULTS, &kinds);
    for step in &steps {
        actors.wait(random.between(1_000, 900_000)).await;
        inject(&mut actors, *step, &mut random).await?;
    }
    actors.world.carrier.calm();
    actors.world.road.person.calm();
    actors.wait(CALM.as_millis() as u64).await;
    let is_stuck = actors.is_stuck().await;
    let findings = actors.findings(is_stuck);
    actors.leave().await;
    let lived = LifeOutcome {
        way,
        findings,
        faults: steps.iter().map(|step| step.kind).collect(),
        entries: actors.world.road.logbook.entries(),
    };
    Ok((lived, actors.world.road.person.states()))
}

impl Actors {
    async fn gather(world: World, random: &mut Random) -> Self {
        let mut machines = [0, 1].map(|number| {
            let clock = Wrong::by(&world.road.time, skew(random));
            Machine::new(number, clock)
        });
        for machine in &mut machines {
            machine.start(&world);
            sleep(Duration::from_millis(random.between(0, 5_000))).await;
        }
        Self {
            world,
            machines,
            visit: None,
        }
    }

    /// Time passes; a person looks in every minute.
    pub(super) async fn wait(&mut self, milliseconds: u64) {
        let mut left = Duration::from_millis(milliseconds);
        while !left.is_zero() {
            let now = left.min(MINUTE);
            sleep(now).await;
            left -= now;
            self.look_in().await;
        }
    }

    async fn look_in(&mut self) {
        let now = self.world.road.time.now();
        for machine in &self.machines {
            let Some((need, since)) = machine.need() else {
                continue;
            };
            if now - since <= PERSON_AFTER {
                continue;
            }
            machine.is_helped();
            match need {
                Need::Page => self.world.road.person.goes_to_the_page(),
                Need::Stopped if self.world.road.way.needs_person() => {
                    let is_under_way = self.visit.as_ref().is_some_and(|it| !it.is_finished());
                    let place = Place {
                        number: terminal::NUMBER,
                        ..machine.place(&self.world)
                    };
                    if !is_under_way {
                        self.visit = Some(tokio::spawn(async {
                            let _in_vain = terminal::log_in(place).await;
                        }));
                    }
                }
                Need::Stopped => machine.begin(&self.world).await,
            }
        }
    }

    /// Whether nobody is logged in, and no person is just about to be.
    async fn is_stuck(&mut self) -> bool {
        for _ in 0..PERSON_TAKES {
            let is_in = self.machines.iter().any(Machine::is_in);
            if is_in || !self.world.road.way.needs_person() {
                return !is_in;
            }
            self.wait(MINUTE.as_millis() as u64).await;
        }
        true
    }

    fn findings(&self, is_stuck: bool) -> Findings {
        let World { road, carrier, .. } = &self.world;
        let facts = Facts {
            way: road.way,
            week: road.venue.week(),
            baits: carrier.baits(),
        };
        let entries = road.logbook.entries();
        let mut findings = check::check(&entries, &facts);
        findings.ledger(&road.venue.ledger());
        let codes = check::codes(&entries);
        findings.sealed(&self.world.records.bytes(), &codes);
        findings.stuck(is_stuck);
        findings.webhook(carrier.texts.wrong_answers());
        findings
    }

    async fn leave(&mut self) {
        if let Some(visit) = self.visit.take() {
            visit.abort();
        }
        for machine in &mut self.machines {
            machine.kill(&self.world).await;
        }
    }
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
