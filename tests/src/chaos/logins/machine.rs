//! A machine with a process that logs in, as the role `connectors` does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tapeline_auth::mfa::sms::{Numbers, Poll, PollSettings};
use tapeline_auth::mfa::{CodeRouter, CodeRouters, Expected, Factors, Messages};
use tapeline_auth::{
    CacheError, DriverEnd, LeasedSessionStore, LoginChannels, LoginCommand, LoginDriver,
    MemorySessionStore, Session, SessionStore,
};
use tapeline_model::records::AuthEventKind;
use tapeline_simulators::ACCOUNT_SID;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::carrier::HOST;
use super::clock::Wrong;
use super::keeping::Place;
use super::logbook::Entry;
use super::plant::{self, Planted};
use super::wire::TWILIO;
use super::world::World;
use super::{mail, sms};

/// A process that fails is started again after this.
const RESTARTED_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Machine {
    pub(super) number: usize,
    pub(super) clock: Wrong,
    has_it: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    running: Option<JoinHandle<()>>,
}

/// For what a person is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing more is tried.
    Stopped,
    /// A page is asked again and again whether somebody logged in there.
    Page,
}

/// What the process says of itself.
#[derive(Default)]
struct Told {
    words: Option<mpsc::Sender<LoginCommand>>,
    session: Option<watch::Receiver<Option<Session>>>,
    /// And since when.
    need: Option<(Need, i64)>,
}

impl Machine {
    pub(super) fn new(number: usize, clock: Wrong) -> Self {
        Self {
            number,
            clock,
            has_it: Arc::default(),
            told: Arc::default(),
            running: None,
        }
    }

    pub(super) fn start(&mut self, world: &World) {
        let process = Process {
            place: self.place(world),
            has_it: self.has_it.clone(),
            told: self.told.clone(),
            texts: CodeRouter::default(),
            mail: CodeRouter::default(),
        };
        process.open_doors();
        self.running = Some(tokio::spawn(process.live()));
    }

    pub(super) fn place(&self, world: &World) -> Place {
        Place {
            world: world.clone(),
            number: self.number,
            clock: self.clock.clone(),
        }
    }

    pub(super) async fn kill(&mut self, world: &World) {
        world.carrier.texts.open_door(self.number, None);
        world.carrier.mail.follow(self.number, None);
        if let Some(running) = self.running.take() {
            running.abort();
            let _aborted = running.await;
        }
        self.has_it.store(false, Ordering::Relaxed);
        *self.told() = Told::default();
    }

    pub(super) fn has_it(&self) -> bool {
        self.has_it.load(Ordering::Relaxed)
    }

    pub(super) fn is_in(&self) -> bool {
        let told = self.told();
        let session = told.session.as_ref();
        session.is_some_and(|session| session.borrow().is_some())
    }

    /// By the world's clock.
    pub(super) fn need(&self) -> Option<(Need, i64)> {
        self.told().need
    }

    /// The person who is needed comes.
    pub(super) fn is_helped(&self) {
        self.told().need = None;
    }

    /// A person wants it tried again.
    pub(super) async fn begin(&self, world: &World) {
        let words = self.told().words.clone();
        if let Some(words) = words {
            let machine = self.number;
            world.road.logbook.note(Entry::Wanted { machine });
            let _gone = words.send(LoginCommand::Begin).await;
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }
}

struct Process {
    place: Place,
    has_it: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    texts: CodeRouter,
    mail: CodeRouter,
}

impl Process {
    /// By which codes come in.
    fn open_doors(&self) {
        let (world, number) = (&self.place.world, self.place.number);
        let numbers = Numbers::from([(
            sms::NUMBER.to_owned(),
            CodeRouters::new([self.texts.clone()]),
        )]);
        let door = world.webhook(numbers, self.place.clock());
        world.carrier.texts.open_door(number, Some(door));
        let mail = CodeRouters::new([self.mail.clone()]);
        let follower = (mail, self.place.clock.clone());
        world.carrier.mail.follow(number, Some(follower));
    }

    async fn live(self) {
        let _asking = self.ask_for_texts().map(AbortOnDrop);
        loop {
            match self.log_in().await {
                Ok(DriverEnd::HandedOver) => {}
                Ok(DriverEnd::Unheard) => return,
                Err(_) => sleep(RESTARTED_AFTER).await,
            }
            self.has_it.store(false, Ordering::Relaxed);
            *lock(&self.told) = Told::default();
        }
    }

    /// Twilio is asked where its webhook brings nothing.
    fn ask_for_texts(&self) -> Option<JoinHandle<()>> {
        let world = &self.place.world;
        let settings = PollSettings {
            address: format!("https://{TWILIO}"),
            account_sid: ACCOUNT_SID.to_owned(),
            key: None,
            secret: world.reference("token"),
            number: sms::NUMBER.to_owned(),
            head_start: PollSettings::HEAD_START,
            every: PollSettings::EVERY,
        };
        let code_routers = CodeRouters::new([self.texts.clone()]);
        let environment = self.place.environment();
        let poll = Poll::new(settings, world.secrets.clone(), code_routers, &environment).ok()?;
        Some(tokio::spawn(poll.run()))
    }

    async fn log_in(&self) -> Result<DriverEnd, CacheError> {
        let session_store = self.session_store().await?;
        let made = self.place.keeper(session_store, self.factors(), None);
        let (keeper, ends) = made.await?;
        self.has_it.store(true, Ordering::Relaxed);
        let world = &self.place.world;
        world.carrier.texts.lead_to(self.place.number);
        self.listen(keeper, ends).await
    }

    async fn session_store(&self) -> Result<Box<dyn SessionStore>, CacheError> {
        if self.place.world.planted == Planted::NoLease {
            return Ok(Box::new(MemorySessionStore::default()));
        }
        let log = self.place.world.records.of(self.place.number);
        Ok(Box::new(LeasedSessionStore::wait(log).await?))
    }

    fn factors(&self) -> Factors {
        let messages = |code_router: &CodeRouter, sender: &str| Messages {
            code_router: code_router.clone(),
            senders: vec![sender.to_owned()],
            expected: Expected::of(HOST),
        };
        Factors {
            sms: Some(messages(&self.texts, sms::SENDER)),
            mail: Some(messages(&self.mail, mail::SENDER)),
            ..plant::by_time(self.place.world.planted, &self.place.clock)
        }
    }

    async fn listen(
        &self,
        keeper: LoginDriver,
        mut ends: LoginChannels,
    ) -> Result<DriverEnd, CacheError> {
        *lock(&self.told) = Told {
            words: Some(ends.words.clone()),
            session: Some(ends.session.clone()),
            need: None,
        };
        let keeping = keeper.run();
        tokio::pin!(keeping);
        loop {
            tokio::select! {
                biased;
                Some(step) = ends.steps.recv() => {
                    self.heed(step.kind, step.stopped);
                    self.place.hear(step);
                }
                ended = &mut keeping => return ended,
            }
        }
    }

    /// Whether a person is needed.
    fn heed(&self, kind: AuthEventKind, is_stopped: bool) {
        let way = self.place.world.road.way;
        let need = match kind {
            _ if is_stopped => Need::Stopped,
            AuthEventKind::Challenge if way.needs_person() => Need::Page,
            AuthEventKind::LoginSucceeded => {
                lock(&self.told).need = None;
                return;
            }
            _ => return,
        };
        let now = self.place.world.road.time.now();
        let mut told = lock(&self.told);
        let since = told.need.map_or(now, |(_, since)| since);
        told.need = Some((need, since));
    }
}

/// It ends with its process.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
