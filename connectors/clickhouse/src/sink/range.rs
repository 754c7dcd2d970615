//! Ranges of offsets: what one insert holds, and how a range is written down.

use tapeline_schemas::topics::Topic;

/// A partition of a topic, as the sink works through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneId {
    pub(crate) topic: Topic,
    pub(crate) partition: u32,
}

/// Offsets from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Range {
    pub(crate) fn contains(self, offset: u64) -> bool {
        (self.start..=self.end).contains(&offset)
    }

    /// By this the store knows a range that it has taken already.
    pub(crate) fn token(self, full_topic: &str, partition: u32) -> String {
        format!("{full_topic}:{partition}:{}-{}", self.start, self.end)
    }

    /// Committed together with `start` before the range is inserted.
    pub(crate) fn note(self) -> String {
        format!("end={}", self.end)
    }
}

/// What stands in a committed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// No range is under way.
    Nothing,
    /// A range up to this offset was begun and must be inserted first.
    Begun { end: u64 },
    /// Not written by a sink.
    Foreign,
}

impl Note {
    pub(crate) fn read(start: u64, note: &str) -> Self {
        if note.is_empty() {
            return Self::Nothing;
        }
        match note.strip_prefix("end=").map(str::parse) {
            Some(Ok(end)) if end >= start => Self::Begun { end },
            _ => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_note_that_is_not_ours_is_told_apart() {
        assert_eq!(Note::read(5, ""), Note::Nothing);
        assert_eq!(Note::read(5, "end=5"), Note::Begun { end: 5 });
        for foreign in [
            "end=4",
            "end=",
            "end=x",
            "5",
            "END=9",
            "end=99999999999999999999999",
        ] {
            assert_eq!(Note::read(5, foreign), Note::Foreign, "{foreign}");
        }
    }

    #[test]
    fn a_token_names_the_whole_range() {
        let range = Range { start: 7, end: 9 };
        assert_eq!(range.token("t1.market.quotes", 3), "t1.market.quotes:3:7-9");
    }

    proptest! {
        #[test]
        fn every_range_is_read_as_it_was_written(start in 0..u64::MAX / 2, length in 0..1_000_000u64) {
            let range = Range { start, end: start + length };
            prop_assert_eq!(Note::read(start, &range.note()), Note::Begun { end: range.end });
        }

        #[test]
        fn no_note_is_misread(start: u64, note in ".{0,40}") {
            if let Note::Begun { end } = Note::read(start, &note) {
                prop_assert!(end >= start);
            }
        }
    }
}
