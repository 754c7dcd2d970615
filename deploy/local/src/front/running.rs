//! A query on its thread, and what becomes of it when nobody waits for it any more.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::encoding::Body;
use super::exception::Exception;
use super::exec::{self, Reply};
use super::kill;
use super::outlet::Outlet;
use super::policy::FrontUser;
use super::request::Request;
use super::server::Front;

/// What the query's thread and the connection's task tell each other.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// The client has gone: do not start.
    pub(super) abandoned: AtomicBool,
    /// A query that only reads is running: it may be killed.
    pub(super) reading: AtomicBool,
    /// The format of the rows that come through the pipe.
    pub(super) format: OnceLock<String>,
}

/// Dropped before its end, it cancels a query that only reads.
pub(super) struct Running {
    task: JoinHandle<Result<Reply, Exception>>,
    front: Arc<Front>,
    fate: Arc<Fate>,
    query_id: String,
    ended: bool,
}

impl Running {
    /// Runs on a thread that may block. The slot is given back when the query ends, whether or
    /// not anybody still waits for it.
    pub(super) fn start(
        front: &Arc<Front>,
        user: FrontUser,
        request: Request,
        body: Body,
        slot: OwnedSemaphorePermit,
        outlet: Outlet,
    ) -> Self {
        let fate = Arc::new(Fate::default());
        let query_id = request.query_id.clone();
        let (store, told) = (front.clone(), fate.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _slot = slot;
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
        Self {
            task,
            front: front.clone(),
            fate,
            query_id,
            ended: false,
        }
    }

    pub(super) fn format(&self) -> Option<String> {
        self.fate.format.get().cloned()
    }

    pub(super) async fn reply(&mut self) -> Result<Reply, Exception> {
        let outcome = (&mut self.task).await;
        self.ended = true;
        outcome.unwrap_or_else(|_| Err(Exception::internal("the query's thread panicked")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.fate.abandoned.store(true, Ordering::SeqCst);
        if self.fate.reading.load(Ordering::SeqCst) {
            let (front, query_id) = (self.front.clone(), self.query_id.clone());
            tokio::task::spawn_blocking(move || kill::kill(&front.engine, &query_id));
        }
    }
}
