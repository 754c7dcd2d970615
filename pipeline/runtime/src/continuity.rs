//! Whether a changelog is whole. Each transaction writes its progress into the
//! changelog and its number into the journal, so both end alike; a changelog that
//! lost something would make a task begin anew, and count everything twice.

use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaError, KafkaSettings, OwnedMessage};

use crate::error::{ChangelogDamage, WorkerError};

const READ_WITHIN: Duration = Duration::from_secs(60);
/// The first look for a last record goes back so far, each next one
/// this many times further.
const LOOK_BACK: i64 = 16;

/// What a changelog held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangelogContents {
    /// Its first offset.
    pub first: i64,
    pub records: u64,
    /// Of its progress record; 0 without one.
    pub transaction: i64,
}

pub(crate) fn check(
    kafka: &KafkaSettings,
    reader: &mut BatchReader,
    processor: &str,
    task: u32,
    contents: &ChangelogContents,
) -> Result<(), WorkerError> {
    let names = kafka.names();
    let journaled = last_transaction(reader, &names.journal(processor), task as i32)?;
    judge(contents, journaled).map_err(|damage| WorkerError::ChangelogDamaged {
        changelog: names.changelog(processor),
        partition: task,
        damage,
    })
}

fn judge(contents: &ChangelogContents, journaled: Option<i64>) -> Result<(), ChangelogDamage> {
    if contents.first > 0 {
        return Err(ChangelogDamage::Truncated(contents.first));
    }
    if contents.transaction == 0 && contents.records > 0 {
        return Err(ChangelogDamage::NoProgress(contents.records));
    }
    // The journal is kept for some days only; without it there is nothing to compare.
    match journaled {
        Some(journaled) if journaled > contents.transaction => Err(ChangelogDamage::Behind {
            found: contents.transaction,
            journaled,
        }),
        _ => Ok(()),
    }
}

/// The journal's keys are the numbers of its transactions.
fn last_transaction(
    reader: &mut BatchReader,
    journal: &str,
    partition: i32,
) -> Result<Option<i64>, KafkaError> {
    let last = last_record(reader, journal, partition)?;
    let key = last.and_then(|last| last.key).unwrap_or_default();
    Ok(key.as_slice().try_into().ok().map(i64::from_be_bytes))
}

/// The last record that the reader can see.
pub(crate) fn last_record(
    reader: &mut BatchReader,
    topic: &str,
    partition: i32,
) -> Result<Option<OwnedMessage>, KafkaError> {
    let (first, end) = reader.range(topic, partition)?;
    let mut back = LOOK_BACK;
    loop {
        let from = first.max(end.saturating_sub(back));
        let mut last = None;
        reader.read_to_end(topic, partition, Some(from), READ_WITHIN, |message| {
            last = Some(OwnedMessage::from(message));
            Ok::<(), KafkaError>(())
        })?;
        // What lies behind the last record can be markers and aborted records.
        if last.is_some() || from == first {
            return Ok(last);
        }
        back = back.saturating_mul(LOOK_BACK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: ChangelogContents = ChangelogContents {
        first: 0,
        records: 10,
        transaction: 7,
    };
    const EMPTY: ChangelogContents = ChangelogContents {
        first: 0,
        records: 0,
        transaction: 0,
    };

    #[test]
    fn a_whole_changelog_ends_with_the_journal() {
        assert_eq!(judge(&WHOLE, Some(7)), Ok(()));
        assert_eq!(judge(&WHOLE, None), Ok(()), "the journal was not kept");
        assert_eq!(judge(&WHOLE, Some(6)), Ok(()), "the journal lost more");
        assert_eq!(judge(&EMPTY, None), Ok(()), "a task begins");
    }

    #[test]
    fn whatever_a_changelog_lost_is_noticed() {
        let cut = ChangelogContents { first: 4, ..WHOLE };
        assert_eq!(judge(&cut, Some(7)), Err(ChangelogDamage::Truncated(4)));
        let no_progress = ChangelogContents {
            transaction: 0,
            ..WHOLE
        };
        assert_eq!(
            judge(&no_progress, None),
            Err(ChangelogDamage::NoProgress(10))
        );
        let behind = |found, journaled| Err(ChangelogDamage::Behind { found, journaled });
        assert_eq!(judge(&WHOLE, Some(8)), behind(7, 8));
        assert_eq!(judge(&EMPTY, Some(8)), behind(0, 8), "it was made anew");
    }
}
