//! How long a token lasts and what is due. Pure: the time is handed in.

use std::time::{Duration, Instant};

/// With so little left, a token could end under way.
const MARGIN: Duration = Duration::from_secs(10);
/// Looks are at least so far apart.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);

/// As Vault granted it: what was asked for is only advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    granted: Instant,
    /// None for a token that never ends.
    lasts: Option<Duration>,
    is_renewable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// It can still be used if the renewal has no answer.
    Renewal,
    /// It can still be used if there is no other way to log in.
    Login,
    /// It has ended.
    End,
}

impl Lease {
    /// Of a duration in seconds; 0 is no end.
    pub fn new(granted: Instant, seconds: u64, is_renewable: bool) -> Self {
        Self {
            granted,
            lasts: (seconds > 0).then(|| Duration::from_secs(seconds)),
            is_renewable,
        }
    }

    pub fn due(&self, now: Instant) -> Due {
        let Some(lasts) = self.lasts else {
            return Due::Nothing;
        };
        let left = lasts.saturating_sub(now.saturating_duration_since(self.granted));
        if left.is_zero() {
            Due::End
        } else if left > (lasts / 3).max(MARGIN) {
            Due::Nothing
        } else if self.is_renewable {
            Due::Renewal
        } else {
            Due::Login
        }
    }

    /// What is due right after a renewal: where so little was granted, the
    /// longest time of the token is reached.
    pub fn due_once_renewed(&self, now: Instant) -> Due {
        match self.due(now) {
            Due::Renewal => Due::Login,
            due => due,
        }
    }

    /// How long until something is due; never for a token that does not end.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let lasts = self.lasts?;
        let due = self.granted + lasts.saturating_sub((lasts / 3).max(MARGIN));
        Some(due.saturating_duration_since(now).max(SHORTEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn renewal_is_due_in_the_last_third() {
        let start = Instant::now();
        let lease = Lease::new(start, 3600, true);
        for (seconds, due) in [
            (0, Due::Nothing),
            (2399, Due::Nothing),
            (2400, Due::Renewal),
            (3599, Due::Renewal),
            (3600, Due::End),
            (9999, Due::End),
        ] {
            assert_eq!(lease.due(after(start, seconds)), due, "{seconds}");
        }
        assert_eq!(lease.wait(start), Some(Duration::from_secs(2400)));
        assert_eq!(
            lease.wait(after(start, 2390)),
            Some(Duration::from_secs(10))
        );
        assert_eq!(lease.wait(after(start, 3000)), Some(SHORTEST_WAIT));
    }

    #[test]
    fn what_cannot_be_renewed_is_replaced() {
        let start = Instant::now();
        let lease = Lease::new(start, 60, false);
        assert_eq!(lease.due(after(start, 39)), Due::Nothing);
        assert_eq!(lease.due(after(start, 40)), Due::Login);
        assert_eq!(lease.due(after(start, 60)), Due::End);
    }

    #[test]
    fn a_token_without_end_needs_nothing() {
        let start = Instant::now();
        let lease = Lease::new(start, 0, true);
        assert_eq!(lease.due(after(start, 1 << 30)), Due::Nothing);
        assert_eq!(lease.wait(start), None);
    }

    /// The requested increment does not count, nor does the first duration.
    #[test]
    fn a_short_grant_says_that_the_longest_time_is_reached() {
        let start = Instant::now();
        let lease = Lease::new(start, 5, true);
        assert_eq!(lease.due(start), Due::Renewal);
        assert_eq!(lease.due_once_renewed(start), Due::Login);
        let enough = Lease::new(start, 3600, true);
        assert_eq!(enough.due_once_renewed(start), Due::Nothing);
    }
}
