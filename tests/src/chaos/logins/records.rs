//! The shared log of a world: what Kafka is to the real ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tapeline_auth::{CacheError, Log, StoreFuture};
use tokio::time::sleep;

const TAKES: Duration = Duration::from_millis(20);

#[derive(Default)]
struct LogState {
    newest: Option<Vec<u8>>,
    epoch: u64,
    /// A machine that does not reach it.
    cut_off: Option<usize>,
    /// Every sealed text there ever was.
    all: Vec<Vec<u8>>,
}

#[derive(Clone, Default)]
pub(super) struct Records(Arc<Mutex<LogState>>);

impl Records {
    pub(super) fn of(&self, machine: usize) -> Writer {
        Writer {
            records: self.clone(),
            machine,
            epoch: 0,
        }
    }

    pub(super) fn cut_off(&self, machine: Option<usize>) {
        self.open().cut_off = machine;
    }

    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        self.open().all.clone()
    }

    fn open(&self) -> MutexGuard<'_, LogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached_by(&self, machine: usize) -> Result<MutexGuard<'_, LogState>, CacheError> {
        let shared = self.open();
        if shared.cut_off == Some(machine) {
            return Err(CacheError::OutOfReach("cut off".to_owned()));
        }
        Ok(shared)
    }
}

/// As one machine sees it.
pub(super) struct Writer {
    records: Records,
    machine: usize,
    epoch: u64,
}

impl Log for Writer {
    fn newest(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async {
            sleep(TAKES).await;
            Ok(self.records.reached_by(self.machine)?.newest.clone())
        })
    }

    fn fence(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            sleep(TAKES).await;
            let epoch = {
                let mut shared = self.records.reached_by(self.machine)?;
                shared.epoch += 1;
                shared.epoch
            };
            self.epoch = epoch;
            Ok(())
        })
    }

    fn append<'a>(&'a mut self, record: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            sleep(TAKES).await;
            let mut shared = self.records.reached_by(self.machine)?;
            if shared.epoch != self.epoch {
                return Err(CacheError::Lost);
            }
            shared.newest = Some(record.to_vec());
            shared.all.push(record.to_vec());
            Ok(())
        })
    }
}
