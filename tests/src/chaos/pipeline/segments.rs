//! What the brokers' own log files say about each offset: committed, aborted or still open.
//!
//! This is a read_uncommitted view that shares no code with the consumers under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes from a batch's begin to its first record.
const BATCH_HEADER: usize = 61;
/// Base offset and length, which the length does not count.
const BEFORE_LENGTH_COUNTS: usize = 12;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetState {
    /// Written outside of a transaction.
    Plain,
    Committed,
    Aborted,
    /// Neither committed nor aborted yet.
    Open,
}

impl OffsetState {
    pub(crate) fn is_visible(self) -> bool {
        matches!(self, Self::Plain | Self::Committed)
    }
}

/// Every record's offset in one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OffsetStates {
    pub(crate) of: BTreeMap<i64, OffsetState>,
    /// Behind the last batch, markers included.
    pub(crate) end: i64,
}

/// A partition's states, from the replica that has most of it.
pub(crate) fn read_longest(
    log_dirs: &[PathBuf],
    topic: &str,
    partition: i32,
) -> std::io::Result<OffsetStates> {
    let mut longest = OffsetStates::default();
    for dir in log_dirs {
        let states = read(&dir.join(format!("{topic}-{partition}")))?;
        if states.end > longest.end {
            longest = states;
        }
    }
    Ok(longest)
}

fn read(folder: &Path) -> std::io::Result<OffsetStates> {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(folder)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    // Named by their first offset, with leading zeros.
    segments.sort();
    let mut reader = SegmentReader::default();
    for segment in segments {
        reader.read(&std::fs::read(segment)?);
    }
    Ok(reader.finish())
}

#[derive(Default)]
struct SegmentReader {
    states: OffsetStates,
    /// Offsets of transactions that have no marker yet, by producer.
    open: BTreeMap<i64, Vec<i64>>,
}

impl SegmentReader {
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(batch) = Batch::parse(bytes) {
            self.take(&batch);
            bytes = &bytes[batch.length..];
        }
    }

    fn take(&mut self, batch: &Batch<'_>) {
        self.states.end = batch.base + i64::from(batch.last_delta) + 1;
        if batch.attributes & CONTROL != 0 {
            let state = match batch.marker() {
                Some(1) => OffsetState::Committed,
                Some(0) => OffsetState::Aborted,
                _ => return,
            };
            for offset in self.open.remove(&batch.producer).unwrap_or_default() {
                self.states.of.insert(offset, state);
            }
            return;
        }
        for offset in batch.base..self.states.end {
            let transactional = batch.attributes & TRANSACTIONAL != 0;
            let state = if transactional {
                OffsetState::Open
            } else {
                OffsetState::Plain
            };
            self.states.of.insert(offset, state);
            if transactional {
                self.open.entry(batch.producer).or_default().push(offset);
            }
        }
    }

    fn finish(self) -> OffsetStates {
        self.states
    }
}

struct Batch<'a> {
    base: i64,
    length: usize,
    attributes: i16,
    last_delta: i32,
    producer: i64,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the begin; nothing where the file ends or holds only zeros.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let length = BEFORE_LENGTH_COUNTS + usize::try_from(i32_at(bytes, 8)?).ok()?;
        if length < BATCH_HEADER {
            return None;
        }
        let whole = bytes.get(..length)?;
        Some(Self {
            base: i64_at(whole, 0)?,
            length,
            attributes: i16_at(whole, 21)?,
            last_delta: i32_at(whole, 23)?,
            producer: i64_at(whole, 43)?,
            records: &whole[BATCH_HEADER..],
        })
    }

    /// The type in the key of a control record: 0 aborts, 1 commits.
    fn marker(&self) -> Option<i16> {
        // Length, attributes, two deltas and the key's length, each one byte for a record so
        // small; then the key: version and type. Only a late time needs a longer delta.
        let mut rest = self.records;
        skip_varint(&mut rest)?;
        rest = rest.get(1..)?;
        skip_varint(&mut rest)?;
        skip_varint(&mut rest)?;
        skip_varint(&mut rest)?;
        i16_at(rest, 2)
    }
}

fn skip_varint(bytes: &mut &[u8]) -> Option<()> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    *bytes = bytes.get(length..)?;
    Some(())
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base: i64, count: i32, attributes: i16, producer: i64, records: &[u8]) -> Vec<u8> {
        let mut bytes = base.to_be_bytes().to_vec();
        let length = BATCH_HEADER - BEFORE_LENGTH_COUNTS + records.len();
        bytes.extend((length as i32).to_be_bytes());
        bytes.extend([0; 9]); // epoch, magic, checksum
        bytes.extend(attributes.to_be_bytes());
        bytes.extend((count - 1).to_be_bytes());
        bytes.extend([0; 16]); // times
        bytes.extend(producer.to_be_bytes());
        bytes.extend([0; 10]); // epoch, sequence, count
        bytes.extend(records);
        bytes
    }

    fn marker(base: i64, producer: i64, kind: u8) -> Vec<u8> {
        let record = [32, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 0, 0, 0];
        batch(base, 1, TRANSACTIONAL | CONTROL, producer, &record)
    }

    #[test]
    fn markers_decide_over_their_own_producers_records_only() {
        let mut reader = SegmentReader::default();
        let bytes = [
            batch(0, 2, TRANSACTIONAL, 7, b"ab"),
            batch(2, 1, TRANSACTIONAL, 8, b"c"),
            marker(3, 7, 0),
            batch(4, 1, TRANSACTIONAL, 7, b"d"),
            marker(5, 8, 1),
            batch(6, 1, 0, -1, b"e"),
            vec![0; 100],
        ]
        .concat();
        reader.read(&bytes);
        let states = reader.finish();
        let expected = [
            (0, OffsetState::Aborted),
            (1, OffsetState::Aborted),
            (2, OffsetState::Committed),
            (4, OffsetState::Open),
            (6, OffsetState::Plain),
        ];
        assert_eq!(states.of, BTreeMap::from(expected));
        assert_eq!(states.end, 7);
    }

    #[test]
    fn a_batch_that_is_not_whole_ends_the_reading() {
        let bytes = batch(0, 1, 0, -1, b"abc");
        assert!(Batch::parse(&bytes[..bytes.len() - 1]).is_none());
        assert!(Batch::parse(&[]).is_none());
    }
}
