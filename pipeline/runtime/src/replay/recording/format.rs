//! The form of a recording: an Avro object container file without compression,
//! one record a line of the journal, of a snapshot or of an input.

// What serde derives takes a reference to each field.
#![allow(clippy::ref_option_ref)]

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_avro_fast::Schema;
use serde_avro_fast::object_container_file_encoding::{self as container, WriterBuilder};
use serde_avro_fast::ser::{SerError, SerializerConfig};
use sha2::{Digest, Sha256};

use super::RecordingError;

const SCHEMA: &str = include_str!("recording.avsc");
/// The form of the file; another form gets another number.
const FORMAT: &str = "2";
pub(super) const SYNC: usize = 16;

/// What a file says of itself, as metadata of its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "tapeline.format")]
    format: String,
    #[serde(rename = "tapeline.processor")]
    pub processor: String,
    /// The release that wrote it.
    #[serde(rename = "tapeline.version")]
    pub version: String,
    /// SHA-256 of the configuration that decided, as in each verdict.
    #[serde(rename = "tapeline.config_hash")]
    pub config_hash: String,
    /// How many tasks the processor had: what each of them is given follows from it.
    #[serde(rename = "tapeline.tasks")]
    tasks: String,
}

impl Head {
    pub fn new(processor: &str, tasks: u32, config_hash: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            processor: processor.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_hash: config_hash.to_owned(),
            tasks: tasks.to_string(),
        }
    }

    pub fn tasks(&self) -> u32 {
        self.tasks.parse().unwrap_or(1)
    }

    /// Between the blocks of the container. It follows from the rest of the head,
    /// so that a head that was touched contradicts itself.
    pub(super) fn sync_marker(&self) -> [u8; SYNC] {
        let mut hash = Sha256::new();
        for part in [
            &self.format,
            &self.processor,
            &self.version,
            &self.config_hash,
            &self.tasks,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        std::array::from_fn(|at| digest[at])
    }

    /// All bytes before the first block.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, RecordingError> {
        let mut config = SerializerConfig::new(schema()?);
        WriterBuilder::new(&mut config)
            .sync_marker(self.sync_marker())
            .build_with_user_metadata(Vec::new(), self)
            .and_then(container::Writer::into_inner)
            .map_err(unwritable)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum LineKind {
    Task,
    Snapshot,
    Journal,
    Input,
    End,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    pub kind: LineKind,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    #[serde(borrow, with = "serde_bytes")]
    pub key: Option<&'a [u8]>,
    #[serde(borrow, with = "serde_bytes")]
    pub value: Option<&'a [u8]>,
    pub checksum: i64,
}

impl Line<'_> {
    /// Over all other fields. Lengths keep one field's end from passing as the
    /// next one's start; 2^64-1 stands for none.
    pub fn expected_checksum(&self) -> i64 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&[self.kind as u8]);
        hash.update(&self.partition.to_be_bytes());
        hash.update(&self.offset.to_be_bytes());
        for part in [Some(self.topic.as_bytes()), self.key, self.value] {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            hash.update(&length.to_be_bytes());
            hash.update(part.unwrap_or_default());
        }
        hash.finalize().into()
    }

    pub fn place(&self) -> String {
        format!("{}[{}] offset {}", self.topic, self.partition, self.offset)
    }
}

/// Over the checksums of all records: none can be left out, added or moved.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain(crc32fast::Hasher);

impl Chain {
    pub fn add(&mut self, checksum: i64) {
        self.0.update(&checksum.to_be_bytes());
    }

    pub fn value(&self) -> [u8; 4] {
        self.0.clone().finalize().to_be_bytes()
    }
}

pub(super) fn schema() -> Result<&'static Schema, RecordingError> {
    static PARSED: LazyLock<Result<Schema, String>> =
        LazyLock::new(|| SCHEMA.parse().map_err(|error| format!("{error}")));
    PARSED
        .as_ref()
        .map_err(|error| RecordingError::Unwritable(error.clone()))
}

pub(super) fn unwritable(error: SerError) -> RecordingError {
    RecordingError::Unwritable(error.to_string())
}
