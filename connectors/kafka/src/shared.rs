//! A key whose newest record counts, and to which one process at a time appends.

use std::time::Duration;

use thiserror::Error;

use crate::error::KafkaError;
use crate::position::Position;
use crate::reader::{BatchReader, Span};
use crate::settings::KafkaSettings;
use crate::task::{TaskProducer, TxError};

/// All keys of such a topic are here.
const PARTITION: i32 = 0;
/// Calls are short, and so is what a dead process leaves open: others of the topic wait for it.
const AT_MOST: Duration = Duration::from_secs(5);
/// Brokers end what was left open every ten seconds, once its time is over.
const LEFT_OPEN: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Error)]
pub enum SharedError {
    /// Nothing was appended, and nothing will be.
    #[error("another process took over")]
    Fenced,
    #[error("{0}")]
    Kafka(#[from] KafkaError),
    /// Whether it was appended is not known.
    #[error("{0}")]
    Unknown(String),
}

/// One key of a compacted topic. Every call blocks, for a bounded time.
pub struct SharedKey {
    settings: KafkaSettings,
    topic: String,
    key: String,
    /// While it is read; idle ones would gather statistics.
    reader: Option<BatchReader>,
    next: Option<i64>,
    newest: Option<Vec<u8>>,
    /// May be the newest by now.
    unconfirmed: Option<Vec<u8>>,
    ownership: KeyOwnership,
}

enum KeyOwnership {
    Never,
    Held(Box<TaskProducer>),
    /// It is ours still if the newest record is.
    Unsure,
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadEnd {
    /// What is committed, or not, before a transaction that is open.
    LastStable,
    /// All that was written, whoever still has to end it.
    HighWatermark,
}

impl SharedKey {
    pub fn new(settings: &KafkaSettings, topic: &str, key: &str) -> Self {
        let settings = KafkaSettings {
            request_timeout: settings.request_timeout.min(AT_MOST),
            transaction_timeout: settings.transaction_timeout.min(AT_MOST),
            ..settings.clone()
        };
        Self {
            settings,
            topic: topic.to_owned(),
            key: key.to_owned(),
            reader: None,
            next: None,
            newest: None,
            unconfirmed: None,
            ownership: KeyOwnership::Never,
        }
    }

    /// The newest value of the key, without waiting for transactions that are open. Once fenced:
    /// waits for those, too, so nothing of a former owner can follow.
    pub fn newest(&mut self) -> Result<Option<Vec<u8>>, KafkaError> {
        let to = match self.ownership {
            KeyOwnership::Held(_) => ReadEnd::HighWatermark,
            KeyOwnership::Never | KeyOwnership::Unsure | KeyOwnership::Lost => ReadEnd::LastStable,
        };
        self.read(to)?;
        Ok(self.newest.clone())
    }

    /// From now on nobody else can append.
    pub fn fence(&mut self) -> Result<(), SharedError> {
        self.ownership = KeyOwnership::Never;
        let producer = self.fenced_producer()?;
        self.ownership = KeyOwnership::Held(Box::new(producer));
        Ok(())
    }

    /// One transaction. Once its outcome was not known, the next call first looks whether the
    /// key is still this process's own.
    pub fn append(&mut self, value: &[u8]) -> Result<(), SharedError> {
        let producer = self.producer()?;
        match self.put(&producer, value) {
            Ok(()) => {
                self.newest = Some(value.to_vec());
                self.unconfirmed = None;
                self.reader = None;
                self.ownership = KeyOwnership::Held(producer);
                Ok(())
            }
            Err(TxError::Fenced) => Err(self.lost()),
            Err(error) => {
                self.unconfirmed = Some(value.to_vec());
                Err(SharedError::Unknown(error.to_string()))
            }
        }
    }
}

impl SharedKey {
    /// Leaves the key in doubt until it is given back.
    fn producer(&mut self) -> Result<Box<TaskProducer>, SharedError> {
        match std::mem::replace(&mut self.ownership, KeyOwnership::Unsure) {
            KeyOwnership::Held(producer) => Ok(producer),
            KeyOwnership::Unsure => {
                // Looked at before, too: whoever took it over is not to be disturbed.
                self.check_ownership(ReadEnd::LastStable)?;
                let producer = self.fenced_producer()?;
                self.check_ownership(ReadEnd::HighWatermark)?;
                Ok(Box::new(producer))
            }
            KeyOwnership::Never | KeyOwnership::Lost => Err(self.lost()),
        }
    }

    fn check_ownership(&mut self, to: ReadEnd) -> Result<(), SharedError> {
        let before = self.newest.clone();
        self.read(to)?;
        let is_ours = self.newest == before || self.newest == self.unconfirmed;
        if is_ours { Ok(()) } else { Err(self.lost()) }
    }

    fn lost(&mut self) -> SharedError {
        self.ownership = KeyOwnership::Lost;
        self.reader = None;
        SharedError::Fenced
    }

    fn fenced_producer(&self) -> Result<TaskProducer, SharedError> {
        let id = self.settings.names().owner_id(&self.topic, &self.key);
        let producer = TaskProducer::new(&self.settings, &id)?;
        // Whoever is fenced while it fences is as one that never did.
        let fenced = producer.fence();
        fenced.map_err(|error| SharedError::Unknown(error.to_string()))?;
        Ok(producer)
    }

    fn put(&self, producer: &TaskProducer, value: &[u8]) -> Result<(), TxError> {
        producer.begin()?;
        let key = self.key.as_bytes();
        producer.send(&self.topic, Some(PARTITION), key, Some(value), &[], None)?;
        producer.commit().map(drop)
    }

    fn read(&mut self, to: ReadEnd) -> Result<(), KafkaError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => BatchReader::new(&self.settings, &self.group())?,
        };
        let (low, end) = match to {
            ReadEnd::LastStable => reader.range(&self.topic, PARTITION)?,
            ReadEnd::HighWatermark => BatchReader::read_uncommitted(&self.settings, &self.group())?
                .range(&self.topic, PARTITION)?,
        };
        let start = self.next.unwrap_or(low);
        if start < low || start > end {
            return Err(KafkaError::OffsetGone {
                topic: self.topic.clone(),
                partition: PARTITION,
                offset: start,
                held: Some((low, end)),
            });
        }
        let from = Position::new(&self.topic, PARTITION, start);
        let mut newest = None;
        reader.read_spans(&[Span { from, end }], LEFT_OPEN, |message| {
            if message.key == Some(self.key.as_bytes()) {
                newest = Some(message.value.map(<[u8]>::to_vec));
            }
            Ok::<(), KafkaError>(())
        })?;
        if let Some(newest) = newest {
            self.newest = newest;
        }
        self.next = Some(end);
        self.reader = Some(reader);
        Ok(())
    }

    fn group(&self) -> String {
        self.settings.names().group("shared")
    }
}

#[cfg(test)]
mod tests;
