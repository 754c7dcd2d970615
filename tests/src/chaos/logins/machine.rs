//! A machine with a process that logs in, as the role `connectors` does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tapeline_auth::mfa::sms::{Numbers, Poll, PollSettings};
use tapeline_auth::mfa::{Expected, Factors, Messages, Post, Posts};
use tapeline_auth::{
    CacheError, Ended, Ends, Keeper, LeasedShelf, MemoryShelf, Session, Shelf, Word,
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
use super::{letters, texts};

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
    words: Option<mpsc::Sender<Word>>,
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
            texts: Post::default(),
            letters: Post::default(),
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
        world.carrier.letters.follow(self.number, None);
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
            let _gone = words.send(Word::Begin).await;
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
    texts: Post,
    letters: Post,
}

impl Process {
    /// By which codes come in.
    fn open_doors(&self) {
        let (world, number) = (&self.place.world, self.place.number);
        let numbers = Numbers::from([(texts::NUMBER.to_owned(), Posts::new([self.texts.clone()]))]);
        let door = world.webhook(numbers, self.place.clock());
        world.carrier.texts.open_door(number, Some(door));
        let letters = Posts::new([self.letters.clone()]);
        let follower = (letters, self.place.clock.clone());
        world.carrier.letters.follow(number, Some(follower));
    }

    async fn live(self) {
        let _asking = self.ask_for_texts().map(AbortOnDrop);
        loop {
            match self.log_in().await {
                Ok(Ended::HandedOver) => {}
                Ok(Ended::Unheard) => return,
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
            number: texts::NUMBER.to_owned(),
            head_start: PollSettings::HEAD_START,
            every: PollSettings::EVERY,
        };
        let posts = Posts::new([self.texts.clone()]);
        let outside = self.place.outside();
        let poll = Poll::new(settings, world.secrets.clone(), posts, &outside).ok()?;
        Some(tokio::spawn(poll.run()))
    }

    async fn log_in(&self) -> Result<Ended, CacheError> {
        let shelf = self.shelf().await?;
        let made = self.place.keeper(shelf, self.factors(), None);
        let (keeper, ends) = made.await?;
        self.has_it.store(true, Ordering::Relaxed);
        let world = &self.place.world;
        world.carrier.texts.lead_to(self.place.number);
        self.listen(keeper, ends).await
    }

    async fn shelf(&self) -> Result<Box<dyn Shelf>, CacheError> {
        if self.place.world.planted == Planted::NoLease {
            return Ok(Box::new(MemoryShelf::default()));
        }
        let log = self.place.world.records.of(self.place.number);
        Ok(Box::new(LeasedShelf::wait(log).await?))
    }

    fn factors(&self) -> Factors {
        let messages = |post: &Post, sender: &str| Messages {
            post: post.clone(),
            senders: vec![sender.to_owned()],
            expected: Expected::of(HOST),
        };
        Factors {
            sms: Some(messages(&self.texts, texts::SENDER)),
            mail: Some(messages(&self.letters, letters::SENDER)),
            ..plant::by_time(self.place.world.planted, &self.place.clock)
        }
    }

    async fn listen(&self, keeper: Keeper, mut ends: Ends) -> Result<Ended, CacheError> {
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
