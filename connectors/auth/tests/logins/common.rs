//! What all logins are tried with.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tapeline_auth::flows::Credentials;
use tapeline_auth::mfa::{Code, CodeFuture, Factors, Person};
use tapeline_auth::{
    BackOff, Cache, CacheError, Challenge, Clock, DriverEnd, Environment, FileSessionStore, Flow,
    Login, LoginChannels, LoginCommand, LoginDriver, Policy, Seal, Session, Step,
};
use tapeline_model::Micros;
use tapeline_model::records::AuthEventKind;
use tapeline_secrets::{Secret, Secrets, Settings};
use tapeline_simulators as simulators;

/// Longer than anything takes that goes well.
const WITHIN: Duration = Duration::from_secs(20);

/// 2026-11-18, 10:00 in New York.
const WEDNESDAY: i64 = 1_795_014_000_000_000;

/// A folder with the secrets and the kept session of one account, and its venue.
pub struct Desk<Venue> {
    pub folder: tempfile::TempDir,
    pub venue: Venue,
    pub policy: Policy,
    pub time: Time,
}

/// Runs as the wall's, from a Wednesday on. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Time(Arc<AtomicI64>);

impl Default for Time {
    fn default() -> Self {
        let offset = WEDNESDAY - environment().now().0;
        Self(Arc::new(AtomicI64::new(offset)))
    }
}

impl Time {
    fn jump(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub fn left_until(&self, at: Micros) -> Duration {
        Duration::from_micros(at.since(self.clock()()).unsigned_abs())
    }

    pub fn clock(&self) -> Clock {
        let (offset, real) = (self.0.clone(), environment().clock);
        Arc::new(move || Micros(real().0 + offset.load(Ordering::SeqCst)))
    }

    /// Of a venue that has the same time.
    pub fn settings(&self) -> simulators::Settings {
        let clock = self.clock();
        simulators::Settings {
            clock: simulators::Clock::made(move || clock().0),
            ..simulators::Settings::default()
        }
    }
}

pub fn environment() -> Environment {
    Environment::system().unwrap()
}

impl<Venue> Desk<Venue> {
    pub fn with(venue: Venue, time: Time, secrets: [(&str, &str); 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, secret) in secrets {
            std::fs::write(folder.path().join(name), secret).unwrap();
        }
        let policy = Policy {
            back_off: BackOff {
                first: Duration::from_millis(20),
                longest: Duration::from_millis(100),
            },
            probe_every: Some(Duration::from_millis(200)),
            ..Policy::default()
        };
        Self {
            folder,
            venue,
            policy,
            time,
        }
    }

    /// Of the files `name` and `password`.
    pub fn credentials(&self) -> Credentials {
        let reference = |name: &str| {
            format!("secret://file/{}", self.folder.path().join(name).display())
                .parse()
                .unwrap()
        };
        Credentials {
            secrets: Secrets::new(&Settings::default()).unwrap(),
            name: reference("name"),
            password: reference("password"),
        }
    }

    pub fn environment(&self) -> Environment {
        let mut environment = environment();
        environment.clock = self.time.clock();
        environment
    }

    /// Time goes on by so much, and the driver looks at its clock.
    pub async fn pass(&self, process: &Process, by: Duration) {
        self.time.jump(by);
        process.say(LoginCommand::Begin).await;
    }

    pub async fn begin_with(&self, flow: Box<dyn Flow>, factors: Factors) -> Process {
        let login = Login::new(self.policy.clone(), 1);
        let cache = cache(self.folder.path()).await;
        let made = LoginDriver::new(login, flow, factors, cache, self.time.clock()).await;
        let (driver, ends) = made.unwrap();
        let task = tokio::spawn(driver.run());
        Process { task, ends }
    }
}

async fn cache(folder: &Path) -> Cache {
    let key = Arc::new(Secret::new("k".repeat(44)));
    let session_store = FileSessionStore::wait(folder, "alpha", "a1").await.unwrap();
    let seal = Seal::new("alpha", "a1", &[key]).unwrap();
    Cache::new(Box::new(session_store), seal)
}

/// A person who does this when they are asked for something.
pub struct Doing<F>(pub F);

impl<F: FnMut(&Challenge) -> Option<String> + Send + Sync> Person for Doing<F> {
    fn code<'a>(&'a mut self, challenge: &'a Challenge, _: Micros) -> CodeFuture<'a> {
        let code = (self.0)(challenge).map(Code::new);
        Box::pin(async { code })
    }

    fn approve(&mut self, challenge: &Challenge, _: Micros) {
        (self.0)(challenge);
    }
}

pub fn person<F>(does: F) -> Factors
where
    F: FnMut(&Challenge) -> Option<String> + Send + Sync + 'static,
{
    Factors {
        person: Some(Box::new(Doing(does))),
        ..Factors::default()
    }
}

pub struct Process {
    task: tokio::task::JoinHandle<Result<DriverEnd, CacheError>>,
    pub ends: LoginChannels,
}

impl Process {
    pub async fn next(&mut self) -> Step {
        tokio::time::timeout(WITHIN, self.ends.steps.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Steps up to the first of this kind.
    pub async fn until(&mut self, kind: AuthEventKind) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            steps.push(self.next().await);
            if steps.last().unwrap().kind == kind {
                return steps;
            }
        }
    }

    /// The first of this kind, which has this category.
    pub async fn refused(&mut self, kind: AuthEventKind, category: tapeline_auth::LoginCategory) {
        let steps = self.until(kind).await;
        assert_eq!(steps.last().unwrap().category, Some(category), "{steps:?}");
    }

    pub async fn say(&self, word: LoginCommand) {
        self.ends.words.send(word).await.unwrap();
    }

    pub fn session(&self) -> Session {
        let session = self.ends.session.borrow();
        session.clone().expect("a session")
    }

    pub async fn without_session(&mut self) {
        let gone = self.ends.session.wait_for(Option::is_none);
        tokio::time::timeout(WITHIN, gone).await.unwrap().unwrap();
    }

    pub async fn kill(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}

pub fn kinds(steps: &[Step]) -> Vec<AuthEventKind> {
    steps.iter().map(|step| step.kind).collect()
}
