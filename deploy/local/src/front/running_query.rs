//! A query on its thread, and what becomes of it when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::access::FrontUser;
use super::encoding::Body;
use super::exception::Exception;
use super::exec::{self, Reply};
use super::kill;
use super::query_state::QueryState;
use super::request::{Request, random_id};
use super::result_pipe::ResultPipe;
use super::slots::Slot;
use super::state::Front;

/// What an abandoned query has to end before it is killed again; then twice as long, up to the end.
const KILL_AGAIN: Duration = Duration::from_millis(100);
const KILL_AT_LEAST_EVERY: Duration = Duration::from_secs(10);

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

/// Dropped before its end, it cancels a query that only reads.
pub(super) struct RunningQuery {
    /// Until it has ended.
    task: Option<JoinHandle<Result<Reply, Exception>>>,
    front: Arc<Front>,
    query: Arc<QueryState>,
}

impl RunningQuery {
    /// Runs on a thread that may block. The slot is given back when the query ends, whether or
    /// not anybody still waits for it.
    pub(super) fn start(
        front: &Arc<Front>,
        user: FrontUser,
        request: Request,
        body: Body,
        slot: Slot,
        pipe: ResultPipe,
    ) -> Result<Self, Exception> {
        let id = Id::take(front, &user.name, &request.query_id)?;
        let query = Arc::new(QueryState {
            mark: random_id(),
            ..QueryState::default()
        });
        let (store, told) = (front.clone(), query.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _held = (slot, id);
            exec::execute(
                &store.engine,
                &user,
                request,
                body,
                &store.limits,
                &told,
                pipe,
            )
        });
        Ok(Self {
            task: Some(task),
            front: front.clone(),
            query,
        })
    }

    pub(super) fn format(&self) -> Option<String> {
        self.query.format.get().cloned()
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

impl Drop for RunningQuery {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else {
            return;
        };
        self.query.abandoned.store(true, Ordering::SeqCst);
        let (front, query) = (self.front.clone(), self.query.clone());
        // There is no runtime any more when the server ends, and then all ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(cancel(task, front, query));
        }
    }
}

/// Kills until the query has ended: a kill that comes before the engine has begun finds nothing.
async fn cancel(
    mut task: JoinHandle<Result<Reply, Exception>>,
    front: Arc<Front>,
    query: Arc<QueryState>,
) {
    let mut wait = KILL_AGAIN;
    loop {
        if query.reading.load(Ordering::SeqCst) {
            let (front, query) = (front.clone(), query.clone());
            let _ =
                tokio::task::spawn_blocking(move || kill::kill(&front.engine, &query.mark)).await;
        }
        if tokio::time::timeout(wait, &mut task).await.is_ok() {
            return;
        }
        wait = (wait * 2).min(KILL_AT_LEAST_EVERY);
    }
}
