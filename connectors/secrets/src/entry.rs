//! One reference: what was found, when, and who wants to know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Category, SecretError};
use crate::fetch::{Fetched, Source};
use crate::file_stamp::FileStamp;
use crate::metric_names as names;
use crate::random;
use crate::reference::Reference;
use crate::retry::spread;
use crate::secret::Value;
use crate::timing::Timing;

pub(crate) struct Entry {
    reference: Reference,
    state: Mutex<State>,
    /// One fetch at a time.
    flight: tokio::sync::Mutex<()>,
    is_polled: AtomicBool,
}

#[derive(Default)]
struct State {
    found: Option<CachedValue>,
    failed: Option<(SecretError, Instant)>,
    /// How many fetches ended, by which those who waited know that theirs was among them.
    fetches: u64,
    /// When a secret that was not accepted was last fetched again, and how often.
    again: Option<Instant>,
    agains: u64,
    told: Option<watch::Sender<Value>>,
}

struct CachedValue {
    value: Value,
    at: Instant,
    stamp: Option<FileStamp>,
}

impl State {
    /// What can be said without asking anybody.
    fn known(
        &self,
        timing: &Timing,
        stamp: Option<FileStamp>,
    ) -> Option<Result<Value, SecretError>> {
        let now = Instant::now();
        if let Some(found) = &self.found
            && now < found.at + timing.cache_for
            && stamp == found.stamp
        {
            return Some(Ok(found.value.clone()));
        }
        let (_, at) = self.failed.as_ref()?;
        (now < *at + timing.failure_pause).then(|| self.settled(timing))?
    }

    /// After a fetch: its value, an old one that still counts, or why there is none.
    fn settled(&self, timing: &Timing) -> Option<Result<Value, SecretError>> {
        let found = self.found.as_ref();
        match (&self.failed, found) {
            (None, found) => found.map(|found| Ok(found.value.clone())),
            (Some(_), Some(found)) if Instant::now() < found.at + timing.stale_limit => {
                Some(Ok(found.value.clone()))
            }
            (Some((error, _)), _) => Some(Err(error.clone())),
        }
    }
}

impl Entry {
    pub fn new(reference: Reference) -> Self {
        Self {
            reference,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
            is_polled: AtomicBool::new(false),
        }
    }

    pub async fn get(&self, source: &Source) -> Result<Value, SecretError> {
        let timing = &source.timing;
        let stamp = source.backends.stamp(&self.reference);
        let seen = {
            let state = self.state();
            if let Some(known) = state.known(timing, stamp) {
                return known;
            }
            state.fetches
        };
        let _flight = self.flight.lock().await;
        if self.state().fetches == seen {
            self.fetch(source).await;
        }
        self.settled(timing)
    }

    pub async fn again(&self, source: &Source) -> Result<Value, SecretError> {
        let timing = &source.timing;
        let (last, seen) = {
            let state = self.state();
            (state.again, state.agains)
        };
        if last.is_some_and(|at| Instant::now() < at + timing.again_gap) {
            return self.get(source).await;
        }
        let _flight = self.flight.lock().await;
        // A fetch that was under way may have begun before the secret was refused.
        if self.state().agains == seen {
            self.fetch(source).await;
            // Not before: whoever asks meanwhile must wait for this answer.
            let mut state = self.state();
            state.agains += 1;
            state.again = Some(Instant::now());
        }
        let state = self.state();
        match &state.failed {
            Some((error, _)) => Err(error.clone()),
            None => state.settled(timing).unwrap_or_else(|| Err(self.nothing())),
        }
    }

    /// The receiver has seen this value, or a newer one.
    pub fn subscribe(&self, value: Value) -> watch::Receiver<Value> {
        let mut state = self.state();
        let newest = state.found.as_ref().map_or(value, |f| f.value.clone());
        let told = state.told.get_or_insert_with(|| watch::Sender::new(newest));
        told.subscribe()
    }

    /// Whether the caller is to do it.
    pub fn begin_polling(&self) -> bool {
        !self.is_polled.swap(true, Ordering::AcqRel)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settled(&self, timing: &Timing) -> Result<Value, SecretError> {
        let state = self.state();
        if state.failed.is_some() && state.found.is_some() {
            let kind = self.reference.kind().name();
            metrics::counter!(names::STALE, "kind" => kind).increment(1);
        }
        let settled = state.settled(timing);
        settled.unwrap_or_else(|| Err(self.nothing()))
    }

    /// Needs the flight. The outcome stands in the state.
    async fn fetch(&self, source: &Source) {
        let kind = self.reference.kind().name();
        // Before reading: a change in between is then seen the next time.
        let stamp = source.backends.stamp(&self.reference);
        metrics::counter!(names::FETCHES, "kind" => kind).increment(1);
        let within = source.timing.fetch_within;
        let outcome = timeout(within, source.backends.fetch(&self.reference)).await;
        match outcome.unwrap_or_else(|_| Err(self.too_slow())) {
            Ok(fetched) => self.take(fetched, stamp),
            Err(error) => self.note(error),
        }
    }

    fn take(&self, fetched: Fetched, stamp: Option<FileStamp>) {
        let mut state = self.state();
        let old = state.found.as_ref().map(|found| &found.value);
        let same = old.filter(|old| old.secret.is_same(&fetched.secret));
        let now = SystemTime::now();
        let since = fetched.since.or(same.map(|same| same.since)).unwrap_or(now);
        let has_changed = same.is_none();
        let was_known = old.is_some();
        let value = match same {
            Some(same) => Value {
                version: fetched.version,
                since,
                ..same.clone()
            },
            None => Value::new(fetched.secret, fetched.version, since),
        };
        if has_changed && was_known {
            let kind = self.reference.kind().name();
            metrics::counter!(names::CHANGES, "kind" => kind).increment(1);
            tracing::info!(reference = %self.reference, version = value.version, "a secret changed");
        }
        self.show_age(&value);
        if let Some(told) = &state.told {
            told.send_if_modified(|shown| {
                *shown = value.clone();
                has_changed
            });
        }
        state.found = Some(CachedValue {
            value,
            at: Instant::now(),
            stamp,
        });
        state.failed = None;
        state.fetches += 1;
    }

    fn note(&self, error: SecretError) {
        let (kind, category) = (self.reference.kind().name(), error.category);
        metrics::counter!(names::FAILURES, "kind" => kind, "category" => category.name())
            .increment(1);
        if category == Category::Misused {
            tracing::error!(reference = %self.reference, %category, "{error}");
        } else {
            tracing::warn!(reference = %self.reference, %category, "{error}");
        }
        let mut state = self.state();
        if let Some(found) = &state.found {
            self.show_age(&found.value);
        }
        state.failed = Some((error, Instant::now()));
        state.fetches += 1;
    }

    fn show_age(&self, value: &Value) {
        let age = SystemTime::now().duration_since(value.since);
        let reference = self.reference.to_string();
        metrics::gauge!(names::VERSION_AGE_SECONDS, "reference" => reference)
            .set(age.unwrap_or_default().as_secs_f64());
    }

    /// For watchers: a file that did not change is not read.
    async fn look(&self, source: &Source) {
        let _flight = self.flight.lock().await;
        let stamp = source.backends.stamp(&self.reference);
        {
            let mut state = self.state();
            if let Some(found) = &mut state.found
                && stamp.is_some()
                && stamp == found.stamp
            {
                found.at = Instant::now();
                self.show_age(&found.value);
                return;
            }
        }
        self.fetch(source).await;
    }

    fn too_slow(&self) -> SecretError {
        SecretError::new(
            Category::Unreachable,
            &self.reference,
            "no answer in time",
            "see whether its place runs",
        )
    }

    fn nothing(&self) -> SecretError {
        SecretError::new(
            Category::Unreachable,
            &self.reference,
            "it was not fetched yet",
            "ask again",
        )
    }
}

/// Looks every while, until nobody wants to know any more.
pub(crate) async fn poll(source: Weak<Source>, entry: Arc<Entry>) {
    let Some(told) = entry.state().told.clone() else {
        return;
    };
    let mut every = match source.upgrade() {
        Some(source) => source.timing.poll_every,
        None => return,
    };
    loop {
        // Spread, so that a hundred secrets are not asked for at one moment.
        let wait = spread(every, random::fraction());
        tokio::select! {
            () = sleep(wait) => {}
            () = told.closed() => {
                entry.is_polled.store(false, Ordering::Release);
                // Somebody may have come since, and found that this task was there.
                if told.is_closed() || !entry.begin_polling() {
                    return;
                }
                continue;
            }
        }
        let Some(source) = source.upgrade() else {
            return;
        };
        every = source.timing.poll_every;
        entry.look(&source).await;
    }
}
