//! How far work is that takes long, for whoever sits in front of it.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is done sooner needs no progress.
const AFTER: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Progress {
    what: &'static str,
    started: Instant,
    shown: Cell<Option<Instant>>,
}

impl Progress {
    /// `what` is what happens to records, like `compared`.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            started: Instant::now(),
            shown: Cell::default(),
        }
    }

    /// One line on a terminal, over and over.
    pub fn show(&self, done: u64, total: u64) {
        let mut terminal = std::io::stderr();
        let took = self.started.elapsed();
        let is_end = done >= total;
        let is_soon = self.shown.get().is_some_and(|at| at.elapsed() < EVERY);
        let is_short = took < AFTER || is_end && self.shown.get().is_none();
        if total == 0 || is_short || is_soon && !is_end || !terminal.is_terminal() {
            return;
        }
        self.shown.set(Some(Instant::now()));
        let end = if is_end { "\n" } else { "" };
        let line = sentence(self.what, done, total, took);
        let _gone = write!(terminal, "\r{line}\u{1b}[K{end}");
    }
}

fn sentence(what: &str, done: u64, total: u64, took: Duration) -> String {
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    let left = if done >= total {
        format!("{:.0} s", took.as_secs_f64())
    } else if done == 0 {
        "no end in sight yet".to_owned()
    } else {
        format!("{:.0} s left", (total - done) as f64 / rate)
    };
    format!("{what} {done} of {total} records, {rate:.0}/s, {left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_fast_it_is_and_how_long_it_takes() {
        let said = |done, seconds| sentence("compared", done, 1000, Duration::from_secs(seconds));
        assert_eq!(
            said(0, 3),
            "compared 0 of 1000 records, 0/s, no end in sight yet"
        );
        assert_eq!(
            said(250, 5),
            "compared 250 of 1000 records, 50/s, 15 s left"
        );
        assert_eq!(said(1000, 20), "compared 1000 of 1000 records, 50/s, 20 s");
    }
}
