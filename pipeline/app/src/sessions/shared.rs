//! A key of a topic as the log of a lease, on a thread of its own: its calls block.

use tapeline_auth::{CacheError, Log, StoreFuture};
use tapeline_kafka::{SharedError, SharedKey};
use tapeline_model::Fault;
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;

type Job = Box<dyn FnOnce(&mut SharedKey) + Send>;

/// Its thread ends with it, behind the last call.
pub(super) struct SharedLog(mpsc::Sender<Job>);

impl SharedLog {
    /// The receiver hears of its end.
    pub(super) fn open(mut key: SharedKey) -> Result<(Self, oneshot::Receiver<()>), CacheError> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(1);
        let (open, ended) = oneshot::channel();
        let serve = move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut key);
            }
            drop(open);
        };
        let thread = std::thread::Builder::new().name("sessions".to_owned());
        let spawned = thread.spawn(serve);
        spawned.map_err(|error| CacheError::OutOfReach(error.to_string()))?;
        Ok((Self(jobs), ended))
    }

    /// Whether the topic is there, and may be read.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let asked = self.ask(|key| Ok(key.newest()?)).await;
        match asked {
            Err(SharedError::Kafka(error)) if error.fault() == Fault::User => Err(error.into()),
            // What is away may come back.
            _ => Ok(()),
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut SharedKey) -> Result<T, SharedError> + Send + 'static,
    ) -> Result<T, SharedError> {
        let (answer, answered) = oneshot::channel();
        let job = move |key: &mut SharedKey| {
            // Who asked may have gone.
            let _gone = answer.send(call(key));
        };
        let ended = || SharedError::Unknown("its thread ended".to_owned());
        let sent = self.0.send(Box::new(job)).await;
        sent.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Log for SharedLog {
    fn newest(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async { self.ask(|key| Ok(key.newest()?)).await.map_err(failed) })
    }

    fn fence(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async { self.ask(SharedKey::fence).await.map_err(failed) })
    }

    fn append<'a>(&'a mut self, record: &'a [u8]) -> StoreFuture<'a, ()> {
        let record = record.to_vec();
        let append = move |key: &mut SharedKey| key.append(&record);
        Box::pin(async { self.ask(append).await.map_err(failed) })
    }
}

fn failed(error: SharedError) -> CacheError {
    match error {
        SharedError::Fenced => CacheError::Lost,
        other => CacheError::OutOfReach(other.to_string()),
    }
}
