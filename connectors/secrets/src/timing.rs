use std::time::Duration;

/// For how long what was looked up counts, and how often it is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A secret that was looked up is given again for so long.
    pub cache_for: Duration,
    /// Secrets that somebody watches are looked at this often.
    pub poll_every: Duration,
    /// While its place cannot be asked, an old secret is given for so long.
    pub stale_limit: Duration,
    /// A secret that was not accepted is fetched again at most this often.
    pub again_gap: Duration,
    /// After a failure its place is left alone for so long.
    pub failure_pause: Duration,
    /// The longest that one fetch may take, with its repetitions.
    pub fetch_within: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            cache_for: Duration::from_secs(5 * 60),
            poll_every: Duration::from_secs(60),
            stale_limit: Duration::from_secs(3600),
            again_gap: Duration::from_secs(5),
            failure_pause: Duration::from_secs(1),
            fetch_within: Duration::from_secs(40),
        }
    }
}

impl Timing {
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let day = Duration::from_secs(24 * 3600);
        let second = Duration::from_secs(1);
        let mut faults = Vec::new();
        if self.cache_for > day {
            faults.push(("cache_for", "must be at most 1day".to_owned()));
        }
        if !(second..=day).contains(&self.poll_every) {
            faults.push(("poll_every", "must be from 1s to 1day".to_owned()));
        }
        if self.stale_limit < self.cache_for || self.stale_limit > 7 * day {
            let message = "must be from secrets.cache_for to 7days".to_owned();
            faults.push(("stale_limit", message));
        }
        faults
    }
}
