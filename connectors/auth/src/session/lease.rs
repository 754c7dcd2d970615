//! A place that processes on several machines share: a log whose newest record counts, and a
//! lease that its owner renews. Nobody's clock is compared with another's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Builder;

use super::{CacheError, SessionStore, StoreFuture};

/// An owner that says nothing for so long has lost its lease.
pub const LEASE: Duration = Duration::from_secs(30);
const BEAT_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Earlier than others take it, who count from a later moment.
const SILENT_FOR: Duration = Duration::from_secs(20);

/// The records of one account; all processes see the same ones, in the same order.
pub trait Log: Send + Sync {
    fn newest(&mut self) -> StoreFuture<'_, Option<Vec<u8>>>;

    /// From now on, whoever was allowed to append is not any more.
    fn fence(&mut self) -> StoreFuture<'_, ()>;

    /// [`CacheError::Lost`] when another fenced since.
    fn append<'a>(&'a mut self, record: &'a [u8]) -> StoreFuture<'a, ()>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// None, once it was given back.
    owner: Option<String>,
    /// Makes each record another than the one before.
    beat: u64,
    sealed: Option<Vec<u8>>,
}

/// Held by renewing it; given back when it is dropped.
pub struct LeasedSessionStore<L: Log + 'static> {
    held: Arc<Mutex<Held<L>>>,
    lost: watch::Receiver<bool>,
    beating: JoinHandle<()>,
}

struct Held<L> {
    log: L,
    record: Record,
    lost: watch::Sender<bool>,
}

impl<L: Log + 'static> LeasedSessionStore<L> {
    /// Stands by until nobody has it.
    pub async fn wait(mut log: L) -> Result<Self, CacheError> {
        let me = new_owner();
        let mut seen = (None, Instant::now());
        let mut is_free = true;
        let mut is_told = false;
        loop {
            let newest = log.newest().await?;
            if newest != seen.0 {
                is_free = self::is_free(newest.as_deref());
                seen = (newest, Instant::now());
            }
            if is_free || seen.1.elapsed() >= LEASE {
                match Self::take(log, me.clone()).await? {
                    Ok(session_store) => return Ok(session_store),
                    Err(back) => log = back,
                }
            } else if !is_told {
                is_told = true;
                tracing::info!("another process has the login of this account; this one stands by");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Takes it, whoever has it: that process notices, and stands by.
    pub async fn seize(mut log: L) -> Result<Self, CacheError> {
        let me = new_owner();
        loop {
            match Self::take(log, me.clone()).await? {
                Ok(session_store) => return Ok(session_store),
                Err(back) => log = back,
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The log comes back when another was quicker.
    async fn take(mut log: L, me: String) -> Result<Result<Self, L>, CacheError> {
        log.fence().await?;
        // Read behind the fence: nothing of the former owner can follow any more.
        let before = log.newest().await?.as_deref().and_then(read);
        let (lost, watched) = watch::channel(false);
        let record = Record {
            owner: Some(me),
            beat: before.as_ref().map_or(0, |before| before.beat) + 1,
            sealed: before.and_then(|before| before.sealed),
        };
        let mut held = Held {
            log,
            record,
            lost: lost.clone(),
        };
        match held.append().await {
            Ok(()) => {}
            Err(CacheError::Lost) => return Ok(Err(held.log)),
            Err(error) => return Err(error),
        }
        let held = Arc::new(Mutex::new(held));
        let beating = tokio::spawn(beat(held.clone(), lost));
        Ok(Ok(Self {
            held,
            lost: watched,
            beating,
        }))
    }
}

/// What lies in a record, without having it.
pub fn sealed_in(record: &[u8]) -> Option<Vec<u8>> {
    read(record)?.sealed
}

fn is_free(record: Option<&[u8]>) -> bool {
    record.is_none_or(|record| read(record).is_none_or(|record| record.owner.is_none()))
}

fn read(record: &[u8]) -> Option<Record> {
    serde_json::from_slice(record).ok()
}

async fn beat<L: Log>(held: Arc<Mutex<Held<L>>>, lost: watch::Sender<bool>) {
    let mut renewed = Instant::now();
    let mut pause = BEAT_EVERY;
    loop {
        sleep(pause).await;
        let began = Instant::now();
        let renewing = async { held.lock().await.append().await };
        match timeout_at(renewed + SILENT_FOR, renewing).await {
            Ok(Ok(())) => (renewed, pause) = (began, BEAT_EVERY),
            Ok(Err(CacheError::Lost)) => return,
            Ok(Err(error)) if began < renewed + SILENT_FOR => {
                tracing::warn!(%error, "the lease of a login was not renewed");
                pause = LOOK_EVERY;
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the login of an account is given up: its lease cannot be renewed");
                lost.send_replace(true);
                return;
            }
        }
    }
}

impl<L: Log> Held<L> {
    async fn append(&mut self) -> Result<(), CacheError> {
        if *self.lost.borrow() {
            return Err(CacheError::Lost);
        }
        self.record.beat += 1;
        let text = serde_json::to_vec(&self.record).map_err(|_| CacheError::NotSealed)?;
        let appended = self.log.append(&text).await;
        if matches!(appended, Err(CacheError::Lost)) {
            self.lost.send_replace(true);
        }
        appended
    }
}

impl<L: Log + 'static> SessionStore for LeasedSessionStore<L> {
    fn read(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.held.lock().await.record.sealed.clone()) })
    }

    fn write<'a>(&'a mut self, sealed: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut held = self.held.lock().await;
            held.record.sealed = Some(sealed.to_vec());
            held.append().await
        })
    }

    fn put_aside(&mut self) -> StoreFuture<'_, String> {
        Box::pin(async {
            self.held.lock().await.record.sealed = None;
            Ok("the shared log".to_owned())
        })
    }

    fn wanted(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut lost = self.lost.clone();
        Box::pin(async move {
            // The sender lives as long as what is held.
            let _lost = lost.wait_for(|lost| *lost).await;
        })
    }
}

impl<L: Log + 'static> Drop for LeasedSessionStore<L> {
    fn drop(&mut self) {
        self.beating.abort();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let held = self.held.clone();
        runtime.spawn(async move {
            let mut held = held.lock().await;
            held.record.owner = None;
            // Not told in time, others wait for the end of the lease.
            let _told = held.append().await;
        });
    }
}

fn new_owner() -> String {
    let mut bytes = [0; 16];
    // Two of all zeros would still fence each other.
    let _filled = getrandom::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests;
