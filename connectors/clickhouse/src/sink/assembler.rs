//! Cuts the log into ranges, and knows how far each has come. Pure: it is told
//! the time, reads nothing and waits for nothing.
//!
//! A range goes through: open → sealed → begun (its end is committed) → in the
//! store → settled (the offset behind it is committed). A crash anywhere leaves
//! either no trace of it or its committed end, and then the next owner seals
//! exactly the same range first.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::batch::{Batch, Refused, Sealed};
use super::range::{LaneId, Range};

/// When a range is full, and when reading stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
    pub(crate) total_bytes: usize,
}

#[derive(Debug)]
struct Lane {
    /// Tells this ownership from a former one of the same partition.
    epoch: u64,
    /// Where the next range starts; none until the first record is seen.
    next: Option<u64>,
    /// The end of the range that a former owner had begun.
    replay: Option<u64>,
    /// The store was asked how far it is.
    checked: bool,
    /// The largest offset it then held.
    reaches: Option<u64>,
    open: Batch,
    sealed: VecDeque<Sealed>,
    /// Begun and not yet in the store, with its size.
    begun: Option<(Range, usize)>,
    /// Everything below is in the store.
    settled: Option<u64>,
    committed: Option<u64>,
    /// Everything below is gone from the log: nothing there to insert.
    gone: Option<u64>,
}

impl Lane {
    fn bytes(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(|sealed| sealed.bytes).sum();
        self.open.bytes() + sealed + self.begun.map_or(0, |(_, bytes)| bytes)
    }

    fn seal(&mut self) {
        let Some(span) = self.open.span() else { return };
        let range = Range {
            start: self.next.unwrap_or(span.start),
            end: span.end,
        };
        self.close(range, false);
    }

    /// The range of the former owner, even if retention has emptied it.
    fn seal_replay(&mut self, end: u64) {
        let start = self.next.unwrap_or(end);
        self.replay = None;
        self.close(Range { start, end }, true);
    }

    fn close(&mut self, range: Range, replay: bool) {
        self.next = Some(range.end + 1);
        let batch = std::mem::take(&mut self.open);
        self.sealed.push_back(batch.seal(range, replay));
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty()
            && self.sealed.is_empty()
            && self.begun.is_none()
            && self.replay.is_none()
    }

    fn settle_gone(&mut self) {
        if self.is_empty() && self.gone > self.settled {
            self.settled = self.gone;
            self.next = self.gone;
        }
    }

    fn may_begin(&self) -> bool {
        self.begun.is_none() && self.checked
    }

    fn is_older(&self, now: Duration, age: Duration) -> bool {
        let old = self
            .open
            .since()
            .is_some_and(|since| now.saturating_sub(since) >= age);
        !self.sealed.is_empty() || (old && self.replay.is_none())
    }
}

/// What one commit writes for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) lane: LaneId,
    pub(crate) offset: u64,
    /// The end of the range that begins with this commit.
    pub(crate) end: Option<u64>,
}

/// A begun range, to be inserted.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) lane: LaneId,
    pub(crate) epoch: u64,
    pub(crate) sealed: Sealed,
    /// The store may hold some of these rows and may have forgotten the token.
    pub(crate) careful: bool,
}

#[derive(Debug)]
pub(crate) struct Assembler {
    limits: Limits,
    lanes: BTreeMap<LaneId, Lane>,
    epochs: u64,
    bytes: usize,
}

impl Assembler {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: BTreeMap::new(),
            epochs: 0,
            bytes: 0,
        }
    }

    /// A partition is ours from `committed` on; `replay` is the end of the range
    /// its former owner had begun. Gives the epoch of this ownership.
    pub(crate) fn gain(&mut self, id: LaneId, committed: Option<u64>, replay: Option<u64>) -> u64 {
        self.lose(id);
        self.epochs += 1;
        let lane = Lane {
            epoch: self.epochs,
            next: committed,
            replay,
            checked: false,
            reaches: None,
            open: Batch::default(),
            sealed: VecDeque::new(),
            begun: None,
            settled: committed,
            committed,
            gone: None,
        };
        self.lanes.insert(id, lane);
        self.epochs
    }

    pub(crate) fn lose(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.remove(&id) {
            self.bytes -= lane.bytes();
        }
    }

    /// The store was asked for its largest offset: ranges may begin.
    pub(crate) fn checked(&mut self, id: LaneId, epoch: u64, reaches: Option<u64>) {
        if let Some(lane) = self.owned(id, epoch) {
            lane.checked = true;
            lane.reaches = reaches;
        }
    }

    /// Adds a record. `write` appends its row; what it refuses goes with the
    /// range, and a refusal of nothing leaves the record out.
    pub(crate) fn push(
        &mut self,
        id: LaneId,
        offset: u64,
        now: Duration,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Option<Refused>>,
    ) {
        let limits = self.limits;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.next.is_some_and(|next| offset < next) {
            return;
        }
        if let Some(end) = lane.replay.filter(|end| offset > *end) {
            lane.seal_replay(end);
        }
        self.bytes += lane.open.push(id.topic, offset, now, write);
        let is_full = lane.open.rows() >= limits.rows || lane.open.bytes() >= limits.bytes;
        match lane.replay {
            Some(end) if end == offset => lane.seal_replay(end),
            None if is_full => lane.seal(),
            _ => {}
        }
    }

    /// Retention removed what was not read yet: the log goes on at `next`.
    pub(crate) fn skipped(&mut self, id: LaneId, next: u64) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if let Some(end) = lane.replay.filter(|end| next > *end) {
            lane.seal_replay(end);
        }
        lane.gone = Some(next);
        lane.settle_gone();
    }

    /// What to commit for ranges that are due to begin, and with them for all
    /// that are done; nothing if none is due. Asking again gives the same, until
    /// [`begin`](Self::begin) says that it was committed.
    pub(crate) fn due(&mut self, now: Duration, flush: bool) -> Vec<Entry> {
        let age = if flush {
            Duration::ZERO
        } else {
            self.limits.age
        };
        let is_due = |lane: &Lane, age| lane.may_begin() && lane.is_older(now, age);
        if !self.lanes.values().any(|lane| is_due(lane, age)) {
            return Vec::new();
        }
        // Nearly due ones come along: fewer commits.
        for lane in self.lanes.values_mut().filter(|lane| is_due(lane, age / 2)) {
            if lane.sealed.is_empty() {
                lane.seal();
            }
        }
        let begin = |(id, lane): (&LaneId, &Lane)| {
            let range = lane.sealed.front().filter(|_| lane.may_begin())?.range;
            Some(Entry {
                lane: *id,
                offset: range.start,
                end: Some(range.end),
            })
        };
        let mut entries: Vec<Entry> = self.lanes.iter().filter_map(begin).collect();
        let begun: Vec<LaneId> = entries.iter().map(|entry| entry.lane).collect();
        entries.extend(
            self.settled()
                .into_iter()
                .filter(|entry| !begun.contains(&entry.lane)),
        );
        entries
    }

    /// What to commit for ranges that are done.
    pub(crate) fn settled(&self) -> Vec<Entry> {
        let settle = |(id, lane): (&LaneId, &Lane)| {
            let offset = lane
                .settled
                .filter(|_| lane.begun.is_none() && lane.settled != lane.committed)?;
            // A range that was begun before us and is not yet inserted stays noted.
            lane.replay.is_none().then_some(Entry {
                lane: *id,
                offset,
                end: None,
            })
        };
        self.lanes.iter().filter_map(settle).collect()
    }

    /// These entries were committed: their ranges are to be inserted now.
    pub(crate) fn begin(&mut self, entries: &[Entry]) -> Vec<Work> {
        let mut works = Vec::new();
        for entry in entries {
            let Some(lane) = self.lanes.get_mut(&entry.lane) else {
                continue;
            };
            lane.committed = Some(entry.offset);
            if entry.end.is_none() {
                continue;
            }
            let Some(sealed) = lane.sealed.pop_front() else {
                continue;
            };
            lane.begun = Some((sealed.range, sealed.bytes));
            let careful = lane
                .reaches
                .is_some_and(|reaches| sealed.range.start <= reaches);
            works.push(Work {
                lane: entry.lane,
                epoch: lane.epoch,
                sealed,
                careful,
            });
        }
        works
    }

    /// The begun range is in the store.
    pub(crate) fn finished(&mut self, id: LaneId, epoch: u64) {
        let Some(lane) = self.owned(id, epoch) else {
            return;
        };
        let Some((range, bytes)) = lane.begun.take() else {
            return;
        };
        lane.settled = Some(range.end + 1);
        lane.settle_gone();
        self.bytes -= bytes;
    }

    fn owned(&mut self, id: LaneId, epoch: u64) -> Option<&mut Lane> {
        self.lanes.get_mut(&id).filter(|lane| lane.epoch == epoch)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= self.limits.total_bytes
    }

    /// Enough has gone to the store to read on.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < self.limits.total_bytes / 2
    }

    /// Lanes that can wait: one that replays must be read on, or it never ends.
    pub(crate) fn pausable(&self) -> Vec<LaneId> {
        let waiting = self.lanes.iter().filter(|(_, lane)| lane.replay.is_none());
        waiting.map(|(id, _)| *id).collect()
    }

    /// Nothing is waiting for the store; a replay that was not read whole is
    /// left to the next owner.
    pub(crate) fn is_drained(&self) -> bool {
        let drained = |lane: &Lane| {
            lane.sealed.is_empty()
                && lane.begun.is_none()
                && (lane.open.is_empty() || lane.replay.is_some())
        };
        self.lanes.values().all(drained)
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "assembler_simulation.rs"]
mod simulation;
