use std::sync::PoisonError;

use super::*;

/// A log in memory; each clone is another process.
#[derive(Clone, Default)]
struct Shared {
    log: Arc<std::sync::Mutex<Lying>>,
    epoch: u64,
}

#[derive(Default)]
struct Lying {
    epoch: u64,
    newest: Option<Vec<u8>>,
    is_cut_off: bool,
    /// Appends wait for an answer that does not come.
    hangs: bool,
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, Lying> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut_off(&self, is_cut: bool) {
        self.open().is_cut_off = is_cut;
    }
}

impl Log for Shared {
    fn newest(&mut self) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.open().newest.clone()) })
    }

    fn fence(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let epoch = {
                let mut log = self.open();
                log.epoch += 1;
                log.epoch
            };
            self.epoch = epoch;
            Ok(())
        })
    }

    fn append<'a>(&'a mut self, record: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if self.open().hangs {
                std::future::pending::<()>().await;
            }
            let mut log = self.open();
            if log.is_cut_off {
                return Err(CacheError::OutOfReach("cut off".to_owned()));
            }
            if log.epoch != self.epoch {
                return Err(CacheError::Lost);
            }
            log.newest = Some(record.to_vec());
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn one_has_it_until_it_gives_it_back() {
    let log = Shared::default();
    let mut first = LeasedSessionStore::wait(log.clone()).await.unwrap();
    assert_eq!(first.read().await.unwrap(), None);
    first.write(b"one").await.unwrap();
    let second = tokio::spawn(LeasedSessionStore::wait(log.clone()));
    sleep(LEASE * 10).await;
    assert!(!second.is_finished(), "its owner is alive");
    drop(first);
    let began = Instant::now();
    let mut second = second.await.unwrap().unwrap();
    assert!(began.elapsed() <= LOOK_EVERY, "it is free at once");
    assert_eq!(second.read().await.unwrap().as_deref(), Some(&b"one"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_cut_off_gives_up_before_another_begins() {
    let log = Shared::default();
    let first = LeasedSessionStore::wait(log.clone()).await.unwrap();
    let second = tokio::spawn(LeasedSessionStore::wait(log.clone()));
    sleep(LEASE).await;
    log.cut_off(true);
    first.wanted().await;
    assert!(!second.is_finished(), "nobody else has it yet");
    log.cut_off(false);
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_owner_without_an_answer_gives_up_before_another_begins() {
    let log = Shared::default();
    let first = LeasedSessionStore::wait(log.clone()).await.unwrap();
    let second = tokio::spawn(LeasedSessionStore::wait(log.clone()));
    sleep(LEASE).await;
    log.open().hangs = true;
    let began = Instant::now();
    first.wanted().await;
    assert!(began.elapsed() <= SILENT_FOR, "{:?}", began.elapsed());
    log.open().hangs = false;
    sleep(LOOK_EVERY * 7).await;
    assert!(!second.is_finished(), "nobody else has it yet");
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_was_seized_from_writes_nothing_more() {
    let log = Shared::default();
    let mut first = LeasedSessionStore::wait(log.clone()).await.unwrap();
    first.write(b"one").await.unwrap();
    let mut other = LeasedSessionStore::seize(log.clone()).await.unwrap();
    let late = first.write(b"late").await;
    assert!(matches!(late, Err(CacheError::Lost)));
    first.wanted().await;
    drop(first);
    sleep(LEASE).await;
    assert_eq!(other.read().await.unwrap().as_deref(), Some(&b"one"[..]));
    other.write(b"two").await.unwrap();
    let newest = log.clone().newest().await.unwrap().unwrap();
    assert_eq!(sealed_in(&newest).as_deref(), Some(&b"two"[..]));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_come_at_the_same_time_one_has_it() {
    let log = Shared::default();
    let shelves = [0, 1].map(|_| tokio::spawn(LeasedSessionStore::wait(log.clone())));
    sleep(LEASE * 3).await;
    let finished = shelves
        .iter()
        .filter(|session_store| session_store.is_finished())
        .count();
    assert_eq!(finished, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_record_is_free() {
    let log = Shared::default();
    log.open().newest = Some(b"garbage".to_vec());
    let mut session_store = LeasedSessionStore::wait(log).await.unwrap();
    assert_eq!(session_store.read().await.unwrap(), None);
}
