use std::time::Duration;

use tapeline_model::Micros;

/// How often and when a login may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Refusals that the venue counts before it locks the account, less at least one.
    pub most_refusals: u32,
    /// After which the venue forgets them, and what two clocks may be apart besides; so long no
    /// login is tried once they are used up.
    pub refusals_count_for: Duration,
    pub back_off: BackOff,
    /// How long a code may take to come.
    pub code_within: Duration,
    /// A session is renewed so long before it ends, if it can be.
    pub renew_ahead: Duration,
    /// When the end of a session is told that only a person can renew, the earliest first.
    pub announce: Vec<Duration>,
    pub probe_every: Option<Duration>,
    /// Whether a login needs a person at a browser or a telephone.
    pub needs_person: bool,
    /// Whether a look, as often as a probe, shows that a person logged in: where it is not known
    /// here when they do, and the venue counts no looks.
    pub sees_logins: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            most_refusals: 3,
            refusals_count_for: Duration::from_mins(32),
            back_off: BackOff::default(),
            code_within: Duration::from_mins(2),
            renew_ahead: Duration::from_mins(5),
            announce: [72, 24, 4, 1].map(Duration::from_hours).to_vec(),
            probe_every: Some(Duration::from_mins(1)),
            needs_person: false,
            sees_logins: false,
        }
    }
}

/// Between tries that failed: doubling, and spread so that accounts do not come back together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackOff {
    pub first: Duration,
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(5),
        }
    }
}

impl BackOff {
    /// After so many failures in a row; between three and five quarters of the doubled time.
    pub(crate) fn after(&self, failures: u32, seed: u64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(20));
        let base = doubled.min(self.longest);
        let share = spread(seed, failures) % 1024;
        base.mul_f64(0.75 + share as f64 / 2048.0)
    }
}

/// The same for the same account and failure, and far apart for others.
fn spread(seed: u64, failures: u32) -> u64 {
    let mut mixed = seed ^ u64::from(failures).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

/// A number of a name's own, to be spread by.
pub(crate) fn spread_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn later(at: Micros, by: Duration) -> Micros {
    Micros(at.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

pub(crate) fn earlier(at: Micros, by: Duration) -> Micros {
    Micros(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}
