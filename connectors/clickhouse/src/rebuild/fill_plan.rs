//! Which offsets go into the new table, and in which order. Pure.
//!
//! What the sink is done with never comes again, so it may go in at any time and in ranges of
//! any size. A range that the sink announced is different: its rows may be in the old table,
//! without that being committed yet, or its first insert may come only when the new table is in
//! place, and a first insert does not look for rows. So it is filled once no insert is under
//! way, exactly as announced and under the sink's own token: if the sink sends it after all, the
//! new table knows the token and drops it.

use std::collections::BTreeMap;

use tapeline_schemas::topics::Topic;

use super::RebuildError;
use crate::sink::{GroupOffset, Range};

/// Offsets of a partition, from `from` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FillRange {
    pub(super) partition: u32,
    pub(super) from: u64,
    pub(super) end: u64,
    /// The range of the sink that this is: one insert, under its token.
    pub(super) begun: Option<Range>,
}

impl FillRange {
    pub(super) fn offsets(&self) -> u64 {
        self.end.saturating_sub(self.from)
    }
}

#[derive(Debug, Clone, Copy)]
struct Filled {
    low: u64,
    next: u64,
    /// What the sink was done with when filling began, if it was below `low`: what it inserts
    /// from there on, the topic does not hold any more.
    behind: Option<u64>,
}

pub(super) struct FillPlan {
    topic: Topic,
    partitions: BTreeMap<u32, Filled>,
}

impl FillPlan {
    /// Each partition is filled from the first offset that its topic holds.
    pub(super) fn new(topic: Topic, lows: &BTreeMap<u32, u64>) -> Self {
        let filled = |(partition, low): (&u32, &u64)| {
            let filled = Filled {
                low: *low,
                next: *low,
                behind: None,
            };
            (*partition, filled)
        };
        Self {
            topic,
            partitions: lows.iter().map(filled).collect(),
        }
    }

    /// While the sink writes on: what it is done with.
    pub(super) fn done(&mut self, group_offsets: &BTreeMap<u32, GroupOffset>) -> Vec<FillRange> {
        let mut ranges = Vec::new();
        for (partition, filled) in &mut self.partitions {
            if let Some(group_offset) = group_offsets.get(partition) {
                if group_offset.done < filled.low {
                    filled.behind.get_or_insert(group_offset.done);
                }
                ranges.extend(filled.up_to(*partition, group_offset.done, None));
            }
        }
        ranges
    }

    /// Once no insert is under way: what is missing up to the newest row and to the end of what
    /// the sink announced. The announced ranges are last, so that their tokens are the newest.
    pub(super) fn rest(
        &mut self,
        group_offsets: &BTreeMap<u32, GroupOffset>,
        newest: &BTreeMap<u32, u64>,
    ) -> Result<Vec<FillRange>, RebuildError> {
        let (mut ranges, mut announced) = (Vec::new(), Vec::new());
        for (partition, filled) in &mut self.partitions {
            let group_offset = group_offsets.get(partition);
            let done = group_offset.map_or(0, |group_offset| group_offset.done);
            if filled.next > done && filled.next > filled.low {
                return Err(RebuildError::SetBack {
                    topic: self.topic.name(),
                    partition: *partition,
                    from: filled.next,
                    to: done,
                });
            }
            if filled.is_behind(group_offset) {
                return Err(RebuildError::Behind {
                    topic: self.topic.name(),
                    partition: *partition,
                    low: filled.low,
                });
            }
            ranges.extend(filled.up_to(*partition, done, None));
            if let Some(range) = group_offset.and_then(|group_offset| group_offset.begun) {
                announced.extend(filled.up_to(*partition, range.end + 1, Some(range)));
            }
            // The group was set back, and its sinks look which rows are there.
            if let Some(newest) = newest.get(partition) {
                ranges.extend(filled.up_to(*partition, newest + 1, None));
            }
        }
        ranges.extend(announced);
        Ok(ranges)
    }
}

impl Filled {
    /// Whether the sink inserts, or has inserted since filling began, what the topic lost: such
    /// rows are in no new table, and one filled under its token would keep them away.
    fn is_behind(&self, group_offset: Option<&GroupOffset>) -> bool {
        group_offset.is_some_and(|group_offset| {
            let announced = group_offset
                .begun
                .is_some_and(|range| range.start < self.low);
            announced || self.behind.is_some_and(|done| group_offset.done > done)
        })
    }

    fn up_to(&mut self, partition: u32, end: u64, begun: Option<Range>) -> Option<FillRange> {
        let from = self.next;
        if end <= from {
            return None;
        }
        self.next = end;
        Some(FillRange {
            partition,
            from,
            end,
            begun,
        })
    }
}

#[cfg(test)]
#[path = "fill_plan_tests.rs"]
mod tests;
