//! Starts the engine again when it ends by itself. Kafka and the roles go on meanwhile: the sink
//! tries again until its store answers.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::child::ChildProcess;
use crate::error::StackError;

const POLL: Duration = Duration::from_millis(50);
/// What is waited before a start, for each end of late: the folder may still be let go of.
const PAUSE: Duration = Duration::from_millis(100);
/// Only ends of late count against it.
const WINDOW: Duration = Duration::from_mins(5);

/// The engine, kept running until this is dropped.
pub(crate) struct Restarter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<Watched>,
    stopping: Condvar,
}

struct Watched {
    child: ChildProcess,
    stop: bool,
    restarts: u64,
    failed: Option<StackError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, and gives nothing when it is time to stop.
    fn pause(&self, span: Duration) -> Option<MutexGuard<'_, Watched>> {
        let (state, _) = self
            .stopping
            .wait_timeout_while(self.lock(), span, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.stop).then_some(state)
    }
}

impl Restarter {
    /// Watches a child that is ready, and launches the next one when it has ended. It may end
    /// `restarts` times within five minutes.
    pub(crate) fn start(
        child: ChildProcess,
        restarts: usize,
        launch: impl Fn() -> Result<ChildProcess, StackError> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(Watched {
                child,
                stop: false,
                restarts: 0,
                failed: None,
            }),
            stopping: Condvar::new(),
        });
        let watched = shared.clone();
        let thread = std::thread::spawn(move || watch(&watched, restarts, &launch));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.shared.lock().child.pid()
    }

    /// How often it was started again.
    pub(crate) fn restarts(&self) -> u64 {
        self.shared.lock().restarts
    }

    /// An error when it was given up.
    pub(crate) fn check(&mut self) -> Result<(), StackError> {
        self.shared.lock().failed.take().map_or(Ok(()), Err)
    }

    /// Asks it to stop without waiting for it.
    pub(crate) fn request_stop(&mut self) {
        let mut state = self.shared.lock();
        state.stop = true;
        state.child.request_stop();
        self.shared.stopping.notify_all();
    }
}

impl Drop for Restarter {
    fn drop(&mut self) {
        self.request_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.lock().child.stop();
    }
}

fn watch(shared: &Shared, restarts: usize, launch: &dyn Fn() -> Result<ChildProcess, StackError>) {
    let mut ends = VecDeque::new();
    while let Some(mut state) = shared.pause(POLL) {
        let Err(error) = state.child.check() else {
            continue;
        };
        ends.push_back(Instant::now());
        while ends.front().is_some_and(|end| end.elapsed() > WINDOW) {
            ends.pop_front();
        }
        if ends.len() > restarts {
            state.failed = Some(given_up(error, restarts));
            return;
        }
        tracing::warn!(%error, "the store ended by itself and is started again");
        drop(state);
        let Some(mut state) = shared.pause(PAUSE * ends.len() as u32) else {
            return;
        };
        match launch() {
            Ok(child) => {
                state.child = child;
                state.restarts += 1;
            }
            Err(error) => {
                state.failed = Some(error);
                return;
            }
        }
    }
}

fn given_up(last: StackError, restarts: usize) -> StackError {
    if restarts == 0 {
        return last;
    }
    StackError::KeepsEnding {
        times: restarts + 1,
        minutes: WINDOW.as_secs() / 60,
        last: Box::new(last),
    }
}
