//! What should be there against what is there, offset by offset. Pure.

use serde::Serialize;

/// Offsets of one window of a partition, each list sorted.
pub(super) struct Window<'a> {
    /// Records of the topic.
    pub(super) records: &'a [u64],
    /// Rows of the table: offset and how often.
    pub(super) rows: &'a [(u64, u64)],
    /// Records that went to the dead letters instead.
    pub(super) letters: &'a [u64],
    /// Records older than what the table keeps.
    pub(super) expired: &'a [u64],
}

/// The most offsets that a report lists of each kind.
const EXAMPLES: usize = 10;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Committed records of the topic.
    pub kafka_records: u64,
    pub store_rows: u64,
    /// Records without a row, with a letter of the sink.
    pub dead_lettered: u64,
    /// Records without a row, older than what the table keeps.
    pub expired: u64,
    /// Records with neither a row nor a letter.
    pub lost: u64,
    /// Rows beyond the first of an offset.
    pub duplicated: u64,
    /// Offsets with a row and without a record.
    pub extra: u64,
    /// Rows of which every byte was compared with what their record comes to …
    pub sampled: u64,
    /// … and those of them that hold something else.
    pub differing: u64,
    /// The first offsets that are lost.
    pub lost_offsets: Vec<u64>,
    /// The first offsets that are there more than once.
    pub duplicated_offsets: Vec<u64>,
    /// The first offsets that have no record.
    pub extra_offsets: Vec<u64>,
    /// The first offsets whose rows hold something else.
    pub differing_offsets: Vec<u64>,
}

impl Tally {
    pub(super) fn add_window(&mut self, window: &Window<'_>) {
        let mut rows = window.rows.iter().peekable();
        for record in window.records {
            while let Some((offset, _)) = rows.next_if(|(offset, _)| offset < record) {
                self.add_extra(*offset);
            }
            if rows.next_if(|(offset, _)| offset == record).is_some() {
                continue;
            }
            if window.letters.binary_search(record).is_ok() {
                self.dead_lettered += 1;
            } else if window.expired.binary_search(record).is_ok() {
                self.expired += 1;
            } else {
                self.lost += 1;
                note(&mut self.lost_offsets, *record);
            }
        }
        for (offset, _) in rows {
            self.add_extra(*offset);
        }
        for (offset, copies) in window.rows {
            self.store_rows += copies;
            if *copies > 1 {
                self.duplicated += copies - 1;
                note(&mut self.duplicated_offsets, *offset);
            }
        }
        self.kafka_records += window.records.len() as u64;
    }

    pub(super) fn add_sample(&mut self, sampled: u64, differing: &[u64]) {
        self.sampled += sampled;
        self.differing += differing.len() as u64;
        for offset in differing {
            note(&mut self.differing_offsets, *offset);
        }
    }

    fn add_extra(&mut self, offset: u64) {
        self.extra += 1;
        note(&mut self.extra_offsets, offset);
    }
}

fn note(examples: &mut Vec<u64>, offset: u64) {
    if examples.len() < EXAMPLES {
        examples.push(offset);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_difference_is_counted_as_what_it_is() {
        let mut tally = Tally::default();
        tally.add_window(&Window {
            records: &[1, 2, 3, 5, 6],
            rows: &[(1, 1), (3, 3), (4, 2), (9, 1)],
            letters: &[2, 3],
            expired: &[5],
        });
        tally.add_sample(4, &[1]);
        let expected = Tally {
            kafka_records: 5,
            store_rows: 7,
            dead_lettered: 1,
            expired: 1,
            lost: 1,
            duplicated: 3,
            extra: 2,
            sampled: 4,
            differing: 1,
            lost_offsets: vec![6],
            duplicated_offsets: vec![3, 4],
            extra_offsets: vec![4, 9],
            differing_offsets: vec![1],
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn examples_are_few_however_much_is_lost() {
        let mut tally = Tally::default();
        let records: Vec<u64> = (0..1000).collect();
        tally.add_window(&Window {
            records: &records,
            rows: &[],
            letters: &[],
            expired: &[],
        });
        assert_eq!((tally.lost, tally.lost_offsets.len()), (1000, EXAMPLES));
    }

    proptest! {
        /// Against sets, the slow and obvious way.
        #[test]
        fn the_merge_finds_what_sets_find(
            records in proptest::collection::btree_set(0..60u64, 0..40),
            rows in proptest::collection::btree_map(0..60u64, 1..4u64, 0..40),
            letters in proptest::collection::btree_set(0..60u64, 0..10),
        ) {
            let list = |set: &BTreeSet<u64>| set.iter().copied().collect::<Vec<_>>();
            let mut tally = Tally::default();
            tally.add_window(&Window {
                records: &list(&records),
                rows: &rows.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(),
                letters: &list(&letters),
                expired: &[],
            });
            let held: BTreeSet<u64> = rows.keys().copied().collect();
            let missing: BTreeSet<u64> = records.difference(&held).copied().collect();
            prop_assert_eq!(tally.lost, missing.difference(&letters).count() as u64);
            prop_assert_eq!(tally.dead_lettered, missing.intersection(&letters).count() as u64);
            prop_assert_eq!(tally.extra, held.difference(&records).count() as u64);
            prop_assert_eq!(tally.store_rows, rows.values().sum::<u64>());
            prop_assert_eq!(tally.duplicated, tally.store_rows - held.len() as u64);
            let rows: BTreeMap<u64, u64> = rows;
            prop_assert_eq!(tally.kafka_records, records.len() as u64);
            prop_assert!(rows.len() as u64 >= tally.extra);
        }
    }
}
