//! A machine with a process that logs in, as the role `connectors` does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tapeline_auth::flows::Device;
use tapeline_auth::mfa::sms::Numbers;
use tapeline_auth::mfa::{Post, Posts};
use tapeline_auth::{
    Cache, CacheError, Ended, Ends, Flow, Keeper, LeasedShelf, Login, MemoryShelf, Outside, Seal,
    Session, Shelf, Step, Word,
};
use tapeline_model::records::AuthEventKind;
use tapeline_secrets::Secret;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::carrier::NUMBER;
use super::clock::Wrong;
use super::life::World;
use super::logbook::Entry;
use super::plant::{self, Planted};
use super::wire::Wire;

pub(super) const SESSION_KEY: &str = "planted-session-key-of-forty-four-characters";
const ACCOUNT: &str = "a1";
/// A process that fails is started again after this.
const RESTARTED_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Machine {
    pub(super) number: usize,
    pub(super) clock: Wrong,
    has_it: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    running: Option<JoinHandle<()>>,
}

/// What the process says of itself.
#[derive(Default)]
struct Told {
    words: Option<mpsc::Sender<Word>>,
    session: Option<watch::Receiver<Option<Session>>>,
    /// Since when a person is needed.
    stopped: Option<i64>,
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
            number: self.number,
            clock: self.clock.clone(),
            world: world.clone(),
            has_it: self.has_it.clone(),
            told: self.told.clone(),
            post: Post::default(),
        };
        let posts = Posts::new([process.post.clone()]);
        let numbers = Numbers::from([(NUMBER.to_owned(), posts)]);
        let clock = self.clock.clone();
        let door = world.webhook(numbers, Arc::new(move || clock.now()));
        world.carrier.open_door(self.number, Some(door));
        self.running = Some(tokio::spawn(process.live()));
    }

    pub(super) async fn kill(&mut self, world: &World) {
        world.carrier.open_door(self.number, None);
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
    pub(super) fn at(&self) -> i64 {
        self.clock.true_now()
    }

    pub(super) fn stopped_since(&self) -> Option<i64> {
        self.told().stopped
    }

    /// A person wants it tried again.
    pub(super) async fn begin(&self) {
        let words = {
            let mut told = self.told();
            told.stopped = None;
            told.words.clone()
        };
        if let Some(words) = words {
            let _gone = words.send(Word::Begin).await;
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Process {
    number: usize,
    clock: Wrong,
    world: World,
    has_it: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    post: Post,
}

impl Process {
    async fn live(self) {
        loop {
            match self.log_in().await {
                Ok(Ended::HandedOver) => {}
                Ok(Ended::Unheard) => return,
                Err(_) => sleep(RESTARTED_AFTER).await,
            }
            self.has_it.store(false, Ordering::Relaxed);
        }
    }

    async fn log_in(&self) -> Result<Ended, CacheError> {
        let keys = [Arc::new(Secret::new(SESSION_KEY))];
        let seal = Seal::new("alpha", ACCOUNT, &keys)?;
        let cache = Cache::new(self.shelf().await?, seal);
        let clock = self.clock.clone();
        let clock: tapeline_auth::Clock = Arc::new(move || clock.now());
        let planted = self.world.planted;
        let login = Login::new(plant::policy(planted), self.number as u64);
        let factors = plant::factors(planted, &self.clock, self.post.clone());
        let flow = self.flow(&clock)?;
        let (keeper, ends) = Keeper::new(login, flow, factors, cache, clock).await?;
        self.note(Entry::Began {
            machine: self.number,
        });
        self.has_it.store(true, Ordering::Relaxed);
        self.world.carrier.lead_to(self.number);
        self.listen(keeper, ends).await
    }

    async fn shelf(&self) -> Result<Box<dyn Shelf>, CacheError> {
        if self.world.planted == Planted::NoLease {
            return Ok(Box::new(MemoryShelf::default()));
        }
        let log = self.world.records.of(self.number);
        Ok(Box::new(LeasedShelf::wait(log).await?))
    }

    fn flow(&self, clock: &tapeline_auth::Clock) -> Result<Box<dyn Flow>, CacheError> {
        let wire = Arc::new(Wire {
            road: self.world.road.clone(),
            machine: self.number,
        });
        let out_of_reach = |wrong| CacheError::OutOfReach(format!("{wrong}"));
        let outside = Outside::new(clock.clone(), wire).map_err(out_of_reach)?;
        let credentials = self.world.credentials();
        let device = Device::new("https://alpha.example", "client", credentials, &outside);
        let device = device.map_err(out_of_reach)?;
        Ok(plant::flow(self.world.planted, Box::new(device)))
    }

    async fn listen(&self, keeper: Keeper, mut ends: Ends) -> Result<Ended, CacheError> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Told {
            words: Some(ends.words.clone()),
            session: Some(ends.session.clone()),
            stopped: None,
        };
        let keeping = keeper.run();
        tokio::pin!(keeping);
        loop {
            tokio::select! {
                biased;
                Some(step) = ends.steps.recv() => self.hear(step),
                ended = &mut keeping => return ended,
            }
        }
    }

    fn hear(&self, step: Step) {
        let at = self.world.road.time.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stop =
            step.kind == AuthEventKind::Refused && step.detail.starts_with("no more is tried");
        told.stopped = is_stop.then(|| told.stopped.unwrap_or(at));
        drop(told);
        tracing::info!(machine = self.number, category = ?step.category, "{}: {}", step.kind, step.detail);
        self.note(Entry::Told {
            machine: self.number,
            at,
            step,
        });
    }

    fn note(&self, entry: Entry) {
        self.world.road.logbook.note(entry);
    }
}
