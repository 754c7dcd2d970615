//! A query on its thread, and what becomes of it when nobody waits for it any more.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::encoding::Body;
use super::exception::Exception;
use super::exec::{self, Reply};
use super::kill;
use super::outlet::Outlet;
use super::policy::FrontUser;
use super::request::{Request, random_id};
use super::server::Front;
use super::slots::Slot;

/// What an abandoned query has to end before it is killed again; then twice as long, up to the end.
const KILL_AGAIN: Duration = Duration::from_millis(100);
const KILL_SELDOM: Duration = Duration::from_secs(10);

/// The users and ids of the queries that run: each id of a user has one query.
#[derive(Default)]
pub(super) struct Ids(Mutex<HashSet<(String, String)>>);

impl Ids {
    fn lock(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id in use, until this is dropped.
struct Id(Arc<Front>, (String, String));

impl Id {
    fn take(front: &Arc<Front>, user: &str, id: &str) -> Result<Self, Exception> {
        let own = (user.to_owned(), id.to_owned());
        if front.ids.lock().insert(own.clone()) {
            return Ok(Self(front.clone(), own));
        }
        Err(Exception::new(
            216,
            "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
            &format!("Query with id = {id} is already running"),
        ))
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        self.0.ids.lock().remove(&self.1);
    }
}

/// What the query's thread and the connection's task tell each other.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// By this the query is cancelled; no client knows it.
    pub(super) mark: String,
    /// The client has gone: do not start.
    pub(super) abandoned: AtomicBool,
    /// A query that only reads runs, or is about to: it may be killed.
    pub(super) reading: AtomicBool,
    /// The format of the rows that come through the pipe.
    pub(super) format: OnceLock<String>,
}

impl Fate {
    /// An error once the client has gone.
    pub(super) fn go_on(&self) -> Result<(), Exception> {
        if self.abandoned.load(Ordering::SeqCst) {
            return Err(Exception::new(
                394,
                "QUERY_WAS_CANCELLED",
                "the client has gone",
            ));
        }
        Ok(())
    }
}

/// Dropped before its end, it cancels a query that only reads.
pub(super) struct Running {
    /// Until it has ended.
    task: Option<JoinHandle<Result<Reply, Exception>>>,
    front: Arc<Front>,
    fate: Arc<Fate>,
}

impl Running {
    /// Runs on a thread that may block. The slot is given back when the query ends, whether or
    /// not anybody still waits for it.
    pub(super) fn start(
        front: &Arc<Front>,
        user: FrontUser,
        request: Request,
        body: Body,
        slot: Slot,
        outlet: Outlet,
    ) -> Result<Self, Exception> {
        let id = Id::take(front, &user.name, &request.query_id)?;
        let fate = Arc::new(Fate {
            mark: random_id(),
            ..Fate::default()
        });
        let (store, told) = (front.clone(), fate.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _held = (slot, id);
            exec::execute(
                &store.engine,
                &user,
                request,
                body,
                &store.limits,
                &told,
                outlet,
            )
        });
        Ok(Self {
            task: Some(task),
            front: front.clone(),
            fate,
        })
    }

    pub(super) fn format(&self) -> Option<String> {
        self.fate.format.get().cloned()
    }

    pub(super) async fn reply(&mut self) -> Result<Reply, Exception> {
        let outcome = match &mut self.task {
            Some(task) => task.await.ok(),
            None => None,
        };
        self.task = None;
        outcome.unwrap_or_else(|| Err(Exception::internal("the query's thread panicked")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else {
            return;
        };
        self.fate.abandoned.store(true, Ordering::SeqCst);
        let (front, fate) = (self.front.clone(), self.fate.clone());
        // There is no runtime any more when the server ends, and then all ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(cancel(task, front, fate));
        }
    }
}

/// Kills until the query has ended: a kill that comes before the engine has begun finds nothing.
async fn cancel(
    mut task: JoinHandle<Result<Reply, Exception>>,
    front: Arc<Front>,
    fate: Arc<Fate>,
) {
    let mut wait = KILL_AGAIN;
    loop {
        if fate.reading.load(Ordering::SeqCst) {
            let (front, fate) = (front.clone(), fate.clone());
            let _ =
                tokio::task::spawn_blocking(move || kill::kill(&front.engine, &fate.mark)).await;
        }
        if tokio::time::timeout(wait, &mut task).await.is_ok() {
            return;
        }
        wait = (wait * 2).min(KILL_SELDOM);
    }
}
