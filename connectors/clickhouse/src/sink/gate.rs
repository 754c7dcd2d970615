//! The breakers of the store and of its tables, shared by all who insert.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tapeline_schemas::topics::Topic;

use super::breaker::Breaker;
use super::progress::SinkProgress;
use crate::error::StoreError;
use crate::metric_names as names;

#[derive(Clone)]
pub(crate) struct Gate {
    breakers: Arc<Mutex<Breakers>>,
    clock: Instant,
    progress: SinkProgress,
}

#[derive(Default)]
struct Breakers {
    store: Breaker,
    /// For what concerns one table only.
    tables: BTreeMap<Topic, Breaker>,
}

/// The right to one attempt.
pub(crate) struct Pass {
    gate: Gate,
    topic: Topic,
    /// The others wait for it.
    probing: bool,
    reported: bool,
}

impl Breakers {
    /// Whether the others wait for whoever goes ahead, or how long to wait.
    fn try_pass(&mut self, topic: Topic, now: Duration) -> Result<bool, Duration> {
        let table = self.tables.entry(topic).or_default();
        let remaining = self.store.remaining(now).max(table.remaining(now));
        if !remaining.is_zero() {
            return Err(remaining);
        }
        self.store.begin_attempt();
        table.begin_attempt();
        Ok(self.store.is_open() || table.is_open())
    }
}

impl Gate {
    pub(crate) fn new(progress: SinkProgress) -> Self {
        Self {
            breakers: Arc::default(),
            clock: Instant::now(),
            progress,
        }
    }

    /// Returns when the table may be asked; whoever asks reports how it went.
    pub(crate) async fn pass(&self, topic: Topic) -> Pass {
        loop {
            let attempt = self.breakers().try_pass(topic, self.clock.elapsed());
            match attempt {
                Ok(probing) => {
                    return Pass {
                        gate: self.clone(),
                        topic,
                        probing,
                        reported: false,
                    };
                }
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The whole store fails: nothing more should be read for it.
    pub(crate) fn is_shut(&self) -> bool {
        self.breakers().store.is_open()
    }

    fn failed(&self, topic: Topic, error: &StoreError, probing: bool) {
        counter!(names::SINK_RETRIES, "table" => topic.table()).increment(1);
        self.progress.add_retry();
        let now = self.clock.elapsed();
        let mut breakers = self.breakers();
        let Breakers { store, tables } = &mut *breakers;
        let table_breaker = tables.entry(topic).or_default();
        if error.concerns_one_table() {
            store.succeeded();
            table_breaker.failed(now, probing);
        } else {
            table_breaker.succeeded();
            store.failed(now, probing);
        }
        Self::show(&breakers);
        drop(breakers);
        if self.progress.set_failing(topic, Some(error.to_string())) {
            tracing::warn!(table = topic.table(), %error, "the store does not take rows; trying again until it does");
        }
    }

    fn succeeded(&self, topic: Topic) {
        let mut breakers = self.breakers();
        breakers.store.succeeded();
        breakers.tables.remove(&topic);
        Self::show(&breakers);
        drop(breakers);
        if self.progress.set_failing(topic, None) {
            tracing::info!(table = topic.table(), "the store takes rows again");
        }
    }

    fn show(breakers: &Breakers) {
        gauge!(names::SINK_BREAKER_OPEN).set(f64::from(u8::from(breakers.store.is_open())));
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// It failed for a reason that passes.
    pub(crate) fn failed(mut self, error: &StoreError) {
        self.reported = true;
        self.gate.failed(self.topic, error, self.probing);
    }

    /// The store answered.
    pub(crate) fn succeeded(mut self) {
        self.reported = true;
        self.gate.succeeded(self.topic);
    }
}

/// An attempt that was cut off, since its partition is somebody else's now.
impl Drop for Pass {
    fn drop(&mut self) {
        if self.reported || !self.probing {
            return;
        }
        let now = self.gate.clock.elapsed();
        let mut breakers = self.gate.breakers();
        breakers.store.abandon_attempt(now);
        breakers
            .tables
            .entry(self.topic)
            .or_default()
            .abandon_attempt(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> StoreError {
        StoreError::Busy {
            url: String::new(),
            code: 202,
            reason: "full".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_one_table_lacks_does_not_stop_the_others() {
        let gate = Gate::new(SinkProgress::default());
        let rebuilding = StoreError::Rebuilding { url: String::new() };
        gate.pass(Topic::Alerts).await.failed(&rebuilding);
        assert!(!gate.is_shut());
        let started = Instant::now();
        gate.pass(Topic::MarketQuotes).await.succeeded();
        assert!(started.elapsed() < Duration::from_millis(90));
        gate.pass(Topic::Alerts).await.succeeded();
        assert!(started.elapsed() >= Duration::from_millis(90));
    }

    #[tokio::test]
    async fn a_failing_store_stops_everybody_until_one_comes_through() {
        let progress = SinkProgress::default();
        let gate = Gate::new(progress.clone());
        gate.pass(Topic::Alerts).await.failed(&busy());
        assert!(gate.is_shut());
        assert!(progress.failing().is_some());
        let first = gate.pass(Topic::MarketQuotes).await;
        let second = tokio::time::timeout(Duration::from_millis(300), gate.pass(Topic::Alerts));
        assert!(second.await.is_err(), "two went ahead");
        first.succeeded();
        assert!(!gate.is_shut());
        gate.pass(Topic::Alerts).await.succeeded();
        assert_eq!((progress.failing(), progress.retries()), (None, 1));
    }

    #[tokio::test]
    async fn an_attempt_that_was_cut_off_leaves_the_way_to_the_next() {
        let gate = Gate::new(SinkProgress::default());
        gate.pass(Topic::Alerts).await.failed(&busy());
        drop(gate.pass(Topic::Alerts).await);
        gate.pass(Topic::Alerts).await.succeeded();
    }
}
