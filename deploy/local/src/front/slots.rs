//! How many requests and queries there are at once; more wait a while and are refused then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::access::Role;
use super::exception::Exception;

/// Requests being received or answered at once, queries waiting for a slot included.
const MAX_REQUESTS: usize = 128;

pub(super) struct Slots {
    requests: Pool,
    queries: Pool,
    max_wait: Duration,
}

struct Pool {
    all: Arc<Semaphore>,
    /// Of all, those of readers.
    readers: Arc<Semaphore>,
}

/// One place of a pool, given back when dropped.
pub(super) struct Slot {
    _one: OwnedSemaphorePermit,
    _reader: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(queries: usize, max_wait: Duration) -> Self {
        Self {
            requests: Pool::new(MAX_REQUESTS),
            queries: Pool::new(queries),
            max_wait,
        }
    }

    pub(super) async fn request(&self, role: Role) -> Result<Slot, Exception> {
        self.take(&self.requests, role).await
    }

    pub(super) async fn query(&self, role: Role) -> Result<Slot, Exception> {
        self.take(&self.queries, role).await
    }

    async fn take(&self, pool: &Pool, role: Role) -> Result<Slot, Exception> {
        match tokio::time::timeout(self.max_wait, pool.take(role)).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Exception::new(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                "Too many simultaneous queries; try again in a moment",
            )),
        }
    }
}

impl Pool {
    /// The engine cannot be stopped while it plans a query, and its memory is one for all users:
    /// readers leave room for inserts.
    fn new(most: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            readers: Arc::new(Semaphore::new((most / 4).max(1))),
        }
    }

    async fn take(&self, role: Role) -> Result<Slot, AcquireError> {
        let reader = match role {
            Role::Reader => Some(self.readers.clone().acquire_owned().await?),
            Role::Admin | Role::Writer => None,
        };
        Ok(Slot {
            _one: self.all.clone().acquire_owned().await?,
            _reader: reader,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readers_have_a_quarter_of_the_slots() {
        let slots = Slots::new(16, Duration::from_millis(1));
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(slots.query(Role::Reader).await.unwrap());
        }
        let more = slots.query(Role::Reader).await;
        assert_eq!(more.err().unwrap().code, 202);
        for _ in 0..12 {
            taken.push(slots.query(Role::Writer).await.unwrap());
        }
        assert!(slots.query(Role::Admin).await.is_err());
        taken.remove(0);
        assert!(slots.query(Role::Reader).await.is_ok());
        let one = Slots::new(1, Duration::from_millis(1));
        assert!(one.query(Role::Reader).await.is_ok());
    }
}
