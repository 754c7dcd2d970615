//! Partitions whose committed end stands still although more was written: a
//! transaction that nobody ends keeps all readers of committed records waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A partition with such a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HangingTransaction {
    pub topic: String,
    pub partition: i32,
    /// Nothing from here on can be read.
    pub stable: i64,
    /// What was written so far.
    pub end: i64,
    pub since: Duration,
}

/// When each partition's last stable offset was last seen to move.
#[derive(Debug, Default)]
pub(crate) struct StableOffsets(BTreeMap<(String, i32), StalledAt>);

#[derive(Debug)]
struct StalledAt {
    stable: i64,
    end: i64,
    since: Instant,
}

impl StableOffsets {
    pub(crate) fn observe(
        &mut self,
        topic: &str,
        partition: i32,
        stable: i64,
        end: i64,
        now: Instant,
    ) {
        let key = (topic.to_owned(), partition);
        if stable >= end {
            self.0.remove(&key);
            return;
        }
        let seen = self.0.entry(key).or_insert(StalledAt {
            stable,
            end,
            since: now,
        });
        seen.end = end;
        if seen.stable != stable {
            seen.stable = stable;
            seen.since = now;
        }
    }

    pub(crate) fn hanging(&self, longer_than: Duration, now: Instant) -> Vec<HangingTransaction> {
        let all = self
            .0
            .iter()
            .map(|((topic, partition), seen)| HangingTransaction {
                topic: topic.clone(),
                partition: *partition,
                stable: seen.stable,
                end: seen.end,
                since: now.saturating_duration_since(seen.since),
            });
        all.filter(|hanging| hanging.since > longer_than).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn only_an_end_that_stands_still_for_long_hangs() {
        let start = Instant::now();
        let mut offsets = StableOffsets::default();
        offsets.observe("t", 1, 5, 9, start);
        offsets.observe("t", 1, 5, 20, after(start, 11));
        let found = offsets.hanging(LONG, after(start, 11));
        assert_eq!(found.len(), 1);
        let hanging = &found[0];
        assert_eq!((hanging.partition, hanging.stable, hanging.end), (1, 5, 20));
        assert_eq!(hanging.since, Duration::from_secs(11));
        offsets.observe("t", 1, 6, 30, after(start, 12));
        assert_eq!(offsets.hanging(LONG, after(start, 13)), [], "it moved");
    }

    #[test]
    fn a_partition_that_is_read_to_its_end_never_hangs() {
        let start = Instant::now();
        let mut offsets = StableOffsets::default();
        offsets.observe("t", 0, 5, 9, start);
        offsets.observe("t", 0, 9, 9, after(start, 5));
        assert_eq!(offsets.hanging(LONG, after(start, 60)), []);
    }
}
