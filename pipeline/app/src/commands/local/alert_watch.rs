//! The alerts of this process's own line, as they come: for the terminal and the report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tapeline_schemas::topics::Topic;

use crate::commands::alerts::{next_alerts, sentence};
use crate::commands::tail::{Begin, EventTail};
use crate::console;
use crate::failure::Failure;
use crate::roles::{Part, Parts, Start};

const WAIT: Duration = Duration::from_millis(100);

/// Counts alerts, and remembers when the first one came.
#[derive(Debug, Default)]
pub(crate) struct AlertWatch {
    count: AtomicU64,
    /// Microseconds since the line began to start; 0 for none.
    first: AtomicU64,
}

impl AlertWatch {
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn first(&self) -> Option<Duration> {
        match self.first.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    fn record(&self, since_began: Duration) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first
                .store(since_began.as_micros() as u64, Ordering::Relaxed);
        }
    }
}

/// Begins at the end of the topic, so it must start before anything writes.
pub(crate) fn watch(
    with: &Start<'_>,
    began: Instant,
    show: bool,
) -> Result<(Parts, Arc<AlertWatch>), Failure> {
    let mut tail = EventTail::open(
        &with.config.kafka_settings()?,
        &[Topic::Alerts],
        Begin::Newest,
    )?;
    let watch = Arc::new(AlertWatch::default());
    let seen = Arc::clone(&watch);
    let part = Part::spawn("alert watch", None, move |stop| {
        while !stop.load(Ordering::Relaxed) {
            for alert in next_alerts(&mut tail, WAIT)? {
                seen.record(began.elapsed());
                if show {
                    console::line(sentence(&alert));
                }
            }
        }
        Ok(())
    })?;
    let mut parts = Parts::default();
    parts.add(part);
    Ok((parts, watch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_alert_sets_the_time() {
        let watch = AlertWatch::default();
        assert_eq!((watch.count(), watch.first()), (0, None));
        watch.record(Duration::from_millis(5));
        watch.record(Duration::from_millis(9));
        assert_eq!(
            (watch.count(), watch.first()),
            (2, Some(Duration::from_millis(5)))
        );
    }
}
