//! Partitions whose committed end stands still although more was written: a
//! transaction that nobody ends keeps all readers of committed records waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Such a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hanging {
    pub topic: String,
    pub partition: i32,
    /// Nothing from here on can be read.
    pub stable: i64,
    /// What was written so far.
    pub end: i64,
    pub since: Duration,
}

/// When each partition's committed end was last seen to move.
#[derive(Debug, Default)]
pub(crate) struct StableEnds(BTreeMap<(String, i32), Seen>);

#[derive(Debug)]
struct Seen {
    stable: i64,
    end: i64,
    since: Instant,
}

impl StableEnds {
    pub(crate) fn saw(&mut self, topic: &str, partition: i32, stable: i64, end: i64, now: Instant) {
        let place = (topic.to_owned(), partition);
        if stable >= end {
            self.0.remove(&place);
            return;
        }
        let seen = self.0.entry(place).or_insert(Seen {
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

    pub(crate) fn hanging(&self, longer_than: Duration, now: Instant) -> Vec<Hanging> {
        let all = self.0.iter().map(|((topic, partition), seen)| Hanging {
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
        let mut ends = StableEnds::default();
        ends.saw("t", 1, 5, 9, start);
        ends.saw("t", 1, 5, 20, after(start, 11));
        let found = ends.hanging(LONG, after(start, 11));
        assert_eq!(found.len(), 1);
        let hanging = &found[0];
        assert_eq!((hanging.partition, hanging.stable, hanging.end), (1, 5, 20));
        assert_eq!(hanging.since, Duration::from_secs(11));
        ends.saw("t", 1, 6, 30, after(start, 12));
        assert_eq!(ends.hanging(LONG, after(start, 13)), [], "it moved");
    }

    #[test]
    fn a_partition_that_is_read_to_its_end_never_hangs() {
        let start = Instant::now();
        let mut ends = StableEnds::default();
        ends.saw("t", 0, 5, 9, start);
        ends.saw("t", 0, 9, 9, after(start, 5));
        assert_eq!(ends.hanging(LONG, after(start, 60)), []);
    }
}
