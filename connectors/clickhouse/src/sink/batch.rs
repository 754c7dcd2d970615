//! Rows of one range, already in the bytes that the store is sent.

use std::time::Duration;

use bytes::Bytes;
use tapeline_model::reasons::Refusal;
use tapeline_schemas::topics::Topic;

use super::range::Range;
use crate::rows;

/// A record that has no row: it goes to the dead letters instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) offset: u64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) refusal: Refusal,
}

impl Refused {
    fn bytes(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        size_of::<Self>() + len(&self.key) + len(&self.value) + self.refusal.message.len()
    }
}

/// Where the row of an offset ends in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    offset: u64,
    end: usize,
}

/// A range that still grows.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    body: Vec<u8>,
    marks: Vec<Mark>,
    refused: Vec<Refused>,
    refused_bytes: usize,
    /// The first and the last record in it, and when the first was read.
    span: Option<(Range, Duration)>,
}

impl Batch {
    /// Adds a record; says by how many bytes the batch has grown.
    pub(crate) fn push(
        &mut self,
        topic: Topic,
        offset: u64,
        now: Duration,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Option<Refused>>,
    ) -> usize {
        let before = self.bytes();
        if self.body.is_empty() {
            self.body.extend_from_slice(rows::header(topic));
        }
        let row = self.body.len();
        match write(&mut self.body) {
            Ok(()) => self.marks.push(Mark {
                offset,
                end: self.body.len(),
            }),
            Err(refused) => {
                self.body.truncate(row);
                self.refused_bytes += refused.as_ref().map_or(0, Refused::bytes);
                self.refused.extend(refused);
            }
        }
        match &mut self.span {
            Some((range, _)) => range.end = offset,
            None => {
                self.span = Some((
                    Range {
                        start: offset,
                        end: offset,
                    },
                    now,
                ));
            }
        }
        self.bytes() - before
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// The offsets of its first and last record.
    pub(crate) fn span(&self) -> Option<Range> {
        self.span.map(|(range, _)| range)
    }

    /// When its oldest record was read.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.span.map(|(_, since)| since)
    }

    pub(crate) fn rows(&self) -> usize {
        self.marks.len() + self.refused.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + self.marks.len() * size_of::<Mark>() + self.refused_bytes
    }

    pub(crate) fn seal(self, range: Range, replay: bool) -> Sealed {
        let bytes = self.bytes();
        Sealed {
            range,
            replay,
            bytes,
            body: Bytes::from(self.body),
            marks: self.marks,
            refused: self.refused,
        }
    }
}

/// A range that is complete. What it holds depends on the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) range: Range,
    /// A former owner had begun it.
    pub(crate) replay: bool,
    pub(crate) bytes: usize,
    pub(crate) refused: Vec<Refused>,
    body: Bytes,
    marks: Vec<Mark>,
}

impl Sealed {
    pub(crate) fn rows(&self) -> usize {
        self.marks.len()
    }

    /// The body of the rows of `piece` without those whose offsets are in `held`, which is
    /// sorted; and how many rows it has.
    pub(crate) fn body(&self, topic: Topic, piece: Range, held: &[u64]) -> (Bytes, usize) {
        if piece == self.range && held.is_empty() {
            return (self.body.clone(), self.rows());
        }
        let mut body = rows::header(topic).to_vec();
        let mut start = body.len();
        let mut count = 0;
        for mark in &self.marks {
            if piece.contains(mark.offset) && held.binary_search(&mark.offset).is_err() {
                body.extend_from_slice(&self.body[start..mark.end]);
                count += 1;
            }
            start = mark.end;
        }
        (Bytes::from(body), count)
    }

    /// A piece in two that have as many rows; none if it has only one.
    pub(crate) fn halves(&self, piece: Range) -> Option<(Range, Range)> {
        let inside = self.offsets().filter(|offset| piece.contains(*offset));
        let offsets: Vec<u64> = inside.collect();
        let middle = *offsets
            .get(offsets.len() / 2)
            .filter(|_| offsets.len() > 1)?;
        let first = Range {
            start: piece.start,
            end: middle - 1,
        };
        let second = Range {
            start: middle,
            end: piece.end,
        };
        Some((first, second))
    }

    /// The offsets that have rows.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> {
        self.marks.iter().map(|mark| mark.offset)
    }
}

#[cfg(test)]
mod tests {
    use tapeline_model::reasons::Reason;

    use super::*;

    const TOPIC: Topic = Topic::MarketQuotes;

    fn refused(offset: u64) -> Refused {
        Refused {
            offset,
            timestamp_ms: None,
            key: None,
            value: Some(vec![0; 10]),
            refusal: Refusal::new(Reason::Corrupt, "bad"),
        }
    }

    fn batch() -> Batch {
        let mut batch = Batch::default();
        for offset in [3, 4, 6] {
            let grown = batch.push(TOPIC, offset, Duration::from_millis(offset), |out| {
                out.extend_from_slice(&[offset as u8; 2]);
                Ok(())
            });
            assert!(grown >= 2);
        }
        batch
    }

    #[test]
    fn a_refused_record_leaves_no_byte_of_its_row() {
        let mut batch = batch();
        let rows = batch.body.len();
        batch.push(TOPIC, 7, Duration::ZERO, |out| {
            out.extend_from_slice(b"half a row");
            Err(Some(refused(7)))
        });
        assert_eq!(batch.body.len(), rows);
        assert_eq!(batch.rows(), 4);
        let sealed = batch.seal(Range { start: 3, end: 7 }, false);
        assert_eq!((sealed.rows(), sealed.refused.len()), (3, 1));
    }

    #[test]
    fn its_age_is_that_of_its_first_record_and_its_size_what_it_grew_by() {
        let mut batch = Batch::default();
        let mut grown = 0;
        for offset in [5, 9] {
            grown += batch.push(TOPIC, offset, Duration::from_millis(offset), |out| {
                out.push(1);
                Ok(())
            });
        }
        assert_eq!(batch.since(), Some(Duration::from_millis(5)));
        assert_eq!(batch.span(), Some(Range { start: 5, end: 9 }));
        assert_eq!(batch.bytes(), grown);
    }

    #[test]
    fn rows_the_store_holds_are_left_out() {
        let sealed = batch().seal(Range { start: 3, end: 6 }, true);
        let header = rows::header(TOPIC);
        let (body, count) = sealed.body(TOPIC, sealed.range, &[4]);
        assert_eq!(count, 2);
        assert_eq!(body[..header.len()], *header);
        assert_eq!(body[header.len()..], [3, 3, 6, 6]);
        assert_eq!(sealed.body(TOPIC, sealed.range, &[3, 4, 6]).1, 0);
        let (whole, count) = sealed.body(TOPIC, sealed.range, &[]);
        assert_eq!(whole[header.len()..], [3, 3, 4, 4, 6, 6]);
        assert_eq!(count, 3);
    }

    #[test]
    fn a_range_is_halved_down_to_single_rows() {
        let sealed = batch().seal(Range { start: 1, end: 9 }, false);
        let range = |start, end| Range { start, end };
        let halves = sealed.halves(range(1, 9));
        assert_eq!(halves, Some((range(1, 3), range(4, 9))));
        assert_eq!(sealed.halves(range(4, 9)), Some((range(4, 5), range(6, 9))));
        for single in [range(1, 3), range(4, 5), range(6, 9), range(7, 9)] {
            assert_eq!(sealed.halves(single), None);
        }
        let header = rows::header(TOPIC).len();
        let (body, count) = sealed.body(TOPIC, range(4, 5), &[]);
        assert_eq!((&body[header..], count), (&[4, 4][..], 1));
    }
}
