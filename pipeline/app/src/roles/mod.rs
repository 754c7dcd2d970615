//! The roles a process can play, each a set of parts that run until told to stop.

mod audits;
mod connectors;
mod logins;
mod preflight;
mod processors;
mod sinks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tapeline_venue::StopSender;

use crate::config::Config;
use crate::failure::Failure;
use crate::telemetry::Health;

pub(crate) use connectors::start as start_connectors;
#[cfg(feature = "local")]
pub(crate) use logins::forget_demo as forget_demo_logins;
pub(crate) use processors::start as start_processors;
pub(crate) use sinks::start as start_sinks;

/// A part that has not ended by then is left behind: the process leaves anyway.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// What a role needs to start.
pub(crate) struct Start<'a> {
    pub config: &'a Config,
    pub runtime: &'a tokio::runtime::Handle,
    pub health: &'a Health,
}

/// A running part, on a thread of its own.
pub(crate) struct Part {
    name: String,
    stop: Arc<AtomicBool>,
    /// For those that wait asynchronously.
    stop_async: Option<StopSender>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Part {
    pub(crate) fn spawn(
        name: impl Into<String>,
        stop_async: Option<StopSender>,
        body: impl FnOnce(&AtomicBool) -> Result<(), Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let name = name.into();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || body(&flag))
            .map_err(Failure::external)?;
        Ok(Self {
            name,
            stop,
            stop_async,
            thread,
        })
    }

    fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = &self.stop_async {
            sender.stop();
        }
    }
}

/// The parts of one role.
#[derive(Default)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    pub fn add(&mut self, part: Part) {
        self.0.push(part);
    }

    pub fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The first part that ended although nobody asked it to.
    pub fn check(&mut self) -> Result<(), Failure> {
        let Some(index) = self.0.iter().position(|part| part.thread.is_finished()) else {
            return Ok(());
        };
        let part = self.0.remove(index);
        let name = part.name;
        match part.thread.join() {
            Ok(Ok(())) => Err(Failure::External(format!("{name} ended by itself"))),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::External(format!(
                "{name} panicked; its message is above"
            ))),
        }
    }

    /// Asks all parts to stop and waits for them, up to a deadline.
    pub fn stop(self) -> Result<(), Failure> {
        for part in &self.0 {
            part.request_stop();
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut outcome = Ok(());
        for part in self.0 {
            while !part.thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !part.thread.is_finished() {
                outcome = Err(Failure::External(format!(
                    "{} did not stop in {STOP_TIMEOUT:?}",
                    part.name
                )));
            } else if let Ok(Err(failure)) = part.thread.join() {
                outcome = Err(failure);
            }
        }
        outcome
    }
}
