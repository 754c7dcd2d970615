//! Reading a recording: every length is checked before it is believed, and what
//! cannot be read is told with the place behind which it stands.

use std::io::{BufRead, Cursor, ErrorKind, Read};

use serde::Deserialize;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::object_container_file_encoding as container;
use tapeline_schemas::topics::Topic;

use super::contents::{Contents, transaction};
use super::format::{Chain, Line, LineKind, SYNC, schema};
use super::{Head, Place, RecordingError};
use crate::replay::{Inputs, RecordedInput};

/// A header is much shorter.
const MAX_HEADER: u64 = 64 * 1024;
/// A block holds 64 KiB and what is over of one record.
const MAX_BLOCK: i64 = 128 * 1024 * 1024;
/// No Avro long is longer.
const MAX_VARINT: u32 = 10;

/// A record of the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub kind: LineKind,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// What is wrong with it.
    pub damage: Option<String>,
}

impl Entry {
    pub fn place(&self) -> String {
        format!("{}[{}] offset {}", self.topic, self.partition, self.offset)
    }
}

pub struct Reader<R> {
    source: std::io::Chain<Cursor<Vec<u8>>, R>,
    head: Head,
    sync: [u8; SYNC],
    block: Vec<u8>,
    /// Where in the block the next record begins, and how many there still are.
    at: usize,
    left: i64,
    chain: Chain,
    contents: Contents,
    damaged: u64,
    place: Place,
    ended: bool,
    peeked: Option<Entry>,
    /// Of inputs that were handed over.
    damage: Option<String>,
}

impl<R: Read> Reader<R> {
    pub fn new(mut source: R) -> Result<Self, RecordingError> {
        let mut begin = Vec::new();
        source.by_ref().take(MAX_HEADER).read_to_end(&mut begin)?;
        let (_, head) = container::Reader::new_and_metadata::<Head>(SliceRead::new(&begin))
            .map_err(|error| RecordingError::NoRecording(error.to_string()))?;
        let header = head.bytes()?;
        if !begin.starts_with(&header) {
            return Err(RecordingError::Header);
        }
        let mut begin = Cursor::new(begin);
        begin.set_position(header.len() as u64);
        Ok(Self {
            source: begin.chain(source),
            sync: head.sync_marker(),
            head,
            block: Vec::new(),
            at: 0,
            left: 0,
            chain: Chain::default(),
            contents: Contents::default(),
            damaged: 0,
            place: Place::default(),
            ended: false,
            peeked: None,
            damage: None,
        })
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What was read so far.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Reads to the end; what is wrong with single records is handed over.
    pub fn check(&mut self, mut damage: impl FnMut(String)) -> Result<(), RecordingError> {
        while let Some(entry) = self.next()? {
            entry.damage.into_iter().for_each(&mut damage);
        }
        Ok(())
    }

    /// The next record; none behind the last one, once the file proved complete.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, RecordingError> {
        match self.peeked.take() {
            Some(entry) => Ok(Some(entry)),
            None => self.read_entry(),
        }
    }

    /// The next record, if it is what is wanted.
    pub(super) fn next_if(
        &mut self,
        wanted: impl FnOnce(&Entry) -> bool,
    ) -> Result<Option<Entry>, RecordingError> {
        let entry = self.next()?;
        match entry {
            Some(entry) if wanted(&entry) => Ok(Some(entry)),
            other => {
                self.peeked = other;
                Ok(None)
            }
        }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> RecordingError {
        RecordingError::Damaged {
            after: self.contents.records,
            place: self.place.clone(),
            what: what.into(),
        }
    }

    fn cut_off(&self) -> RecordingError {
        RecordingError::CutOff {
            after: self.contents.records,
            place: self.place.clone(),
        }
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        if self.ended {
            return Ok(None);
        }
        if self.left == 0 && !self.next_block()? {
            return Err(self.cut_off());
        }
        let block = std::mem::take(&mut self.block);
        let result = self.decode(&block);
        self.block = block;
        result
    }

    fn decode(&mut self, block: &[u8]) -> Result<Option<Entry>, RecordingError> {
        let rest = block.get(self.at..).unwrap_or_default();
        let config = DeserializerConfig::new(schema()?);
        let mut state = DeserializerState::with_config(SliceRead::new(rest), config);
        let line = Line::deserialize(state.deserializer())
            .map_err(|error| self.damaged(format!("the next record cannot be decoded: {error}")))?;
        self.at = block.len() - state.into_reader().fill_buf()?.len();
        self.left -= 1;
        if self.left == 0 && self.at != block.len() {
            return Err(self.damaged("a block is longer than its records"));
        }
        if line.kind == LineKind::End {
            return self.end(&line);
        }
        Ok(Some(self.entry(&line)))
    }

    fn entry(&mut self, line: &Line<'_>) -> Entry {
        self.chain.add(line.checksum);
        self.contents.count(line);
        let is_sound = line.checksum == line.expected_checksum();
        let place = line.place();
        let damage = (!is_sound).then(|| {
            self.damaged += 1;
            let number = self.contents.records;
            format!("{place} is not what was exported: its checksum differs (record {number} of the file)")
        });
        self.place.record = Some(place);
        if line.kind == LineKind::Journal {
            let number = transaction(line.key);
            self.place.transaction = number.map(|number| (line.partition, number));
        } else if matches!(line.kind, LineKind::Task | LineKind::Snapshot) {
            self.place.transaction = None;
        }
        Entry {
            kind: line.kind,
            topic: line.topic.to_owned(),
            partition: line.partition,
            offset: line.offset,
            key: line.key.map(<[u8]>::to_vec),
            value: line.value.map(<[u8]>::to_vec),
            damage,
        }
    }

    /// The closing record, behind which there is nothing.
    fn end(&mut self, line: &Line<'_>) -> Result<Option<Entry>, RecordingError> {
        if line.checksum != line.expected_checksum() {
            return Err(self.damaged("the checksum of its closing record differs"));
        }
        let complete = u64::try_from(line.offset) == Ok(self.contents.records);
        // A checksum that was touched itself is told with its record.
        let in_order = self.damaged > 0 || line.value == Some(&self.chain.value());
        if !complete || !in_order {
            let what = format!(
                "it was closed with {} records, and these are not they in their order",
                line.offset
            );
            return Err(self.damaged(what));
        }
        if self.left != 0 || self.varint()?.is_some() {
            return Err(self.damaged("there is more behind its closing record"));
        }
        self.ended = true;
        Ok(None)
    }

    /// False at the end of the file.
    fn next_block(&mut self) -> Result<bool, RecordingError> {
        let Some(count) = self.varint()? else {
            return Ok(false);
        };
        let Some(size) = self.varint()? else {
            return Ok(false);
        };
        if !(1..=MAX_BLOCK).contains(&size) || !(1..=size).contains(&count) {
            let what = format!("a block says that it holds {count} records in {size} bytes");
            return Err(self.damaged(what));
        }
        // Grows as bytes come, not as the length says.
        self.block.clear();
        let mut limited = self.source.by_ref().take(size as u64);
        limited.read_to_end(&mut self.block)?;
        let mut sync = Vec::with_capacity(SYNC);
        let mut limited = self.source.by_ref().take(SYNC as u64);
        limited.read_to_end(&mut sync)?;
        if sync.len() < SYNC {
            return Err(self.cut_off());
        }
        if sync != self.sync {
            return Err(self.damaged("a block does not end with the file's sync marker"));
        }
        (self.at, self.left) = (0, count);
        Ok(true)
    }

    fn varint(&mut self) -> Result<Option<i64>, RecordingError> {
        let mut value = 0_u64;
        for shift in 0..MAX_VARINT {
            let mut byte = [0];
            match self.source.read_exact(&mut byte) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                result => result?,
            }
            value |= u64::from(byte[0] & 0x7f)
                .checked_shl(shift * 7)
                .unwrap_or(0);
            if byte[0] & 0x80 == 0 {
                return Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)));
            }
        }
        Err(self.damaged("the length of a block has no end"))
    }
}

impl<R: Read> Inputs for Reader<R> {
    type Error = RecordingError;

    fn read(
        &mut self,
        topic: Topic,
        partition: u32,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(RecordedInput<'_>),
    ) -> Result<(), RecordingError> {
        loop {
            let fits = |entry: &Entry| {
                let offset = u64::try_from(entry.offset);
                entry.topic == topic.name()
                    && u32::try_from(entry.partition) == Ok(partition)
                    && offset.is_ok_and(|offset| (first..=last).contains(&offset))
            };
            // A damaged record's own words on where it belongs count for nothing.
            let wanted = |entry: &Entry| {
                entry.kind == LineKind::Input && (entry.damage.is_some() || fits(entry))
            };
            let Some(entry) = self.next_if(wanted)? else {
                return Ok(());
            };
            let fits = fits(&entry);
            self.damage = self.damage.take().or(entry.damage);
            if !fits {
                continue;
            }
            let offset = entry.offset as u64;
            each(RecordedInput {
                offset,
                key: entry.key.as_deref(),
                value: entry.value.as_deref(),
            });
            if offset == last {
                return Ok(());
            }
        }
    }

    fn damage(&mut self) -> Option<String> {
        self.damage.take()
    }
}
