//! Whether one transaction was committed on all its partitions. It need not be: a
//! transaction coordinator that is killed during a commit, and is back before the others notice,
//! commits on some partitions, and its successor aborts on the rest. Aborted records are still
//! in the log, so they can be written again.

use std::collections::BTreeMap;

use tapeline_model::records::Journal;

/// A record that a transaction wrote, whether or not it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenRecord {
    pub kind: RecordKind,
    pub topic: String,
    pub partition: i32,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub committed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Output,
    State,
    Progress,
    Journal,
    Snapshot,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Committed or aborted as a whole.
    Complete,
    /// These records are missing among the committed ones.
    Partial(Vec<WrittenRecord>),
    /// Some of it was committed, and the rest is not all in the logs.
    Lost { written: usize, outputs: i32 },
}

/// `written` in the order of the logs. A record may be there twice: from a former
/// repair that itself was aborted.
pub(crate) fn judge(journal: &Journal, written: Vec<WrittenRecord>) -> Verdict {
    let mut once: Vec<WrittenRecord> = Vec::new();
    let mut known = BTreeMap::new();
    for record in written {
        let WrittenRecord {
            topic, key, value, ..
        } = &record;
        let identity = (topic.clone(), record.partition, key.clone(), value.clone());
        let index = *known.entry(identity).or_insert(once.len());
        match once.get_mut(index) {
            Some(before) => before.committed |= record.committed,
            None => once.push(record),
        }
    }
    let committed = once.iter().filter(|record| record.committed).count();
    if committed == 0 || committed == once.len() {
        return Verdict::Complete;
    }
    let count = |kind| once.iter().filter(|record| record.kind == kind).count();
    let (outputs, progress) = (count(RecordKind::Output), count(RecordKind::Progress));
    if outputs as i64 != i64::from(journal.outputs) || progress == 0 {
        let (written, outputs) = (once.len(), journal.outputs);
        return Verdict::Lost { written, outputs };
    }
    once.retain(|record| !record.committed);
    Verdict::Partial(once)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Fingerprint, Steps};
    use tapeline_model::Micros;

    const KINDS: [(RecordKind, &str, i32); 6] = [
        (RecordKind::State, "changelog", 2),
        (RecordKind::Progress, "changelog", 2),
        (RecordKind::Journal, "journal", 2),
        (RecordKind::Snapshot, "snapshots", 2),
        (RecordKind::Output, "marks", 0),
        (RecordKind::Output, "marks", 1),
    ];

    fn journal(outputs: usize) -> Journal {
        let mut fingerprint = Fingerprint::default();
        for _ in 0..outputs {
            fingerprint.add(&[b"x"]);
        }
        Steps::default().seal(7, Micros(1), fingerprint)
    }

    /// Each bit says whether a partition is committed.
    fn written(committed: u32) -> Vec<WrittenRecord> {
        let partitions = [0, 0, 1, 2, 3, 4];
        let records = KINDS.iter().zip(partitions).enumerate();
        records
            .map(|(index, ((kind, topic, partition), bit))| WrittenRecord {
                kind: *kind,
                topic: (*topic).to_owned(),
                partition: *partition,
                key: vec![index as u8],
                value: Some(vec![1]),
                headers: Vec::new(),
                committed: committed & (1 << bit) != 0,
            })
            .collect()
    }

    #[test]
    fn after_mending_all_is_there_once_or_nothing() {
        for committed in 0..32 {
            let records = written(committed);
            let visible = records.iter().filter(|r| r.committed).count();
            let again = match judge(&journal(2), records.clone()) {
                Verdict::Complete => 0,
                Verdict::Partial(missing) => {
                    assert!(missing.iter().all(|r| !r.committed && records.contains(r)));
                    missing.len()
                }
                lost @ Verdict::Lost { .. } => panic!("{lost:?}"),
            };
            let expected = if committed == 0 { 0 } else { records.len() };
            assert_eq!(visible + again, expected, "committed {committed:05b}");
        }
    }

    #[test]
    fn what_a_former_mending_wrote_counts_once() {
        let mut records = written(0b00001);
        let mut aborted_again = written(0);
        aborted_again.retain(|r| r.kind != RecordKind::State && r.kind != RecordKind::Progress);
        records.extend(aborted_again);
        let Verdict::Partial(missing) = judge(&journal(2), records.clone()) else {
            panic!("it is torn");
        };
        assert_eq!(missing.len(), 4);
        records.extend(missing.into_iter().map(|record| WrittenRecord {
            committed: true,
            ..record
        }));
        assert_eq!(judge(&journal(2), records), Verdict::Complete);
    }

    #[test]
    fn half_of_it_that_is_nowhere_is_not_made_up() {
        let lost = |written, outputs| Verdict::Lost { written, outputs };
        assert_eq!(judge(&journal(3), written(1)), lost(6, 3));
        let mut no_progress = written(0b10000);
        no_progress.retain(|record| record.kind != RecordKind::Progress);
        assert_eq!(judge(&journal(2), no_progress), lost(5, 2));
        // Compaction removes what was overwritten since; what is left is committed.
        let mut compacted = written(0b11111);
        compacted.pop();
        assert_eq!(judge(&journal(2), compacted), Verdict::Complete);
    }
}
