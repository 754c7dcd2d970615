//! Reading a known range of records.

use std::time::{Duration, Instant};

use super::BatchReader;
use crate::batch::Message;
use crate::error::KafkaError;
use crate::position::Position;

/// Large, since nothing waits for the first record.
const BATCH: usize = 4096;
/// The deadline is checked this often.
const SLICE: Duration = Duration::from_millis(50);

/// Records of one partition, up to an offset that is not read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Position,
    pub end: i64,
}

impl BatchReader {
    /// Reads one partition from `from`, or its first record, to the end it has
    /// now, in place of what was assigned. Ends at the *position*: the last
    /// offsets may be markers. Returns the end; what follows is unread.
    pub fn read_to_end<E: From<KafkaError>>(
        &mut self,
        topic: &str,
        partition: i32,
        from: Option<i64>,
        within: Duration,
        each: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<i64, E> {
        let (low, end) = self.range(topic, partition)?;
        let start = from.unwrap_or(low);
        if start < low || start > end {
            let topic = topic.to_owned();
            return Err(KafkaError::OffsetGone {
                topic,
                partition,
                offset: start,
                held: Some((low, end)),
            }
            .into());
        }
        let from = Position::new(topic, partition, start);
        self.read_spans(&[Span { from, end }], within, each)?;
        Ok(end)
    }

    /// Reads these records, each partition's in order, in place of what was
    /// assigned. Waits for an end that is not visible yet.
    pub fn read_spans<E: From<KafkaError>>(
        &mut self,
        spans: &[Span],
        within: Duration,
        mut each: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let started = Instant::now();
        let mut open: Vec<Span> = spans.to_vec();
        open.retain(|span| span.from.offset < span.end);
        let positions: Vec<Position> = open.iter().map(|span| span.from.clone()).collect();
        self.assign(&positions)?;
        while let Some(span) = open.first() {
            if started.elapsed() >= within {
                let Position {
                    topic,
                    partition,
                    offset,
                } = &span.from;
                let (end, waited) = (span.end, within);
                let what =
                    format!("reading {topic}[{partition}] to offset {end} (now at {offset})");
                return Err(KafkaError::Timeout { what, waited }.into());
            }
            let batch = self.fetch(BATCH, SLICE)?;
            for message in batch.messages() {
                let Some(span) = of(&mut open, message.topic.name, message.partition) else {
                    continue;
                };
                if message.offset < span.end {
                    each(&message)?;
                }
                span.from.offset = message.offset + 1;
            }
            // Where the last offsets are markers, a later record or this news tells.
            for (topic, partition, next) in batch.eofs() {
                if let Some(span) = of(&mut open, topic, partition) {
                    span.from.offset = next.max(span.from.offset);
                }
            }
            open.retain(|span| span.from.offset < span.end);
        }
        self.assign(&[])?;
        Ok(())
    }
}

fn of<'s>(open: &'s mut [Span], topic: &str, partition: i32) -> Option<&'s mut Span> {
    open.iter_mut()
        .find(|span| span.from.partition == partition && span.from.topic == topic)
}
