//! Writing a recording, record by record.

use std::io::Write;

use serde_avro_fast::object_container_file_encoding::{self as container, WriterBuilder};
use serde_avro_fast::ser::SerializerConfig;
use tapeline_model::records::{Journal, StepKind};
use tapeline_schemas::topics::Topic;

use super::contents::Contents;
use super::format::{Chain, Line, LineKind, schema, unwritable};
use super::{Head, RecordingError};
use crate::replay::{Inputs, RecordedInput, ReplayError};

pub struct Writer<W> {
    out: W,
    /// Blocks go to memory and from there to `out`.
    blocks: container::Writer<'static, 'static, Vec<u8>>,
    chain: Chain,
    contents: Contents,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, head: &Head) -> Result<Self, RecordingError> {
        let blocks = WriterBuilder::with_owned_config(SerializerConfig::new(schema()?))
            .sync_marker(head.sync_marker())
            .build_with_user_metadata(Vec::new(), head)
            .map_err(unwritable)?;
        Ok(Self {
            out,
            blocks,
            chain: Chain::default(),
            contents: Contents::default(),
        })
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Begins a task behind this transaction. `journal` is the topic.
    pub fn task(&mut self, journal: &str, task: u32, after: i64) -> Result<(), RecordingError> {
        let nothing = RecordedInput {
            offset: after as u64,
            key: None,
            value: None,
        };
        self.put(LineKind::Task, journal, task, nothing)
    }

    /// An entry of the snapshot that the task begins with.
    pub fn snapshot(
        &mut self,
        topic: &str,
        task: u32,
        entry: RecordedInput<'_>,
    ) -> Result<(), RecordingError> {
        self.put(LineKind::Snapshot, topic, task, entry)
    }

    /// One transaction: the journal's record, and what it read.
    pub fn transaction<I: Inputs>(
        &mut self,
        topic: &str,
        task: u32,
        record: RecordedInput<'_>,
        journal: &Journal,
        inputs: &mut I,
    ) -> Result<(), ReplayError>
    where
        ReplayError: From<I::Error>,
    {
        self.put(LineKind::Journal, topic, task, record)?;
        for step in journal.steps.iter().filter(|s| s.kind != StepKind::Tick) {
            let (mut found, mut result) = (0, Ok(()));
            let (partition, first, last) = (step.partition, step.first_offset, step.last_offset);
            let topic = Topic::from_name(&step.topic)
                .ok_or_else(|| crate::TaskError::UnknownTopic(step.topic.clone()))?;
            let place = (partition as u32, first as u64, last as u64);
            inputs.read(topic, place.0, place.1, place.2, &mut |record| {
                found += 1;
                if result.is_ok() {
                    result = self.put(LineKind::Input, &step.topic, place.0, record);
                }
            })?;
            result?;
            if found != step.count {
                return Err(ReplayError::InputsGone {
                    topic: step.topic.clone(),
                    partition: place.0,
                    first,
                    last,
                    found,
                    recorded: step.count,
                    task,
                    transaction: journal.transaction,
                });
            }
        }
        Ok(())
    }

    /// Closes the file.
    pub fn finish(mut self) -> Result<(W, Contents), RecordingError> {
        let (contents, chain) = (self.contents.clone(), self.chain.value());
        let end = RecordedInput {
            offset: contents.records,
            key: None,
            value: Some(&chain),
        };
        self.put(LineKind::End, "", 0, end)?;
        self.blocks.finish_block().map_err(unwritable)?;
        self.drain()?;
        self.out.flush()?;
        Ok((self.out, contents))
    }

    fn put(
        &mut self,
        kind: LineKind,
        topic: &str,
        partition: u32,
        record: RecordedInput<'_>,
    ) -> Result<(), RecordingError> {
        let mut line = Line {
            kind,
            topic,
            partition: partition as i32,
            offset: record.offset as i64,
            key: record.key,
            value: record.value,
            checksum: 0,
        };
        line.checksum = line.expected_checksum();
        self.chain.add(line.checksum);
        self.contents.count(&line);
        self.blocks.serialize(line).map_err(unwritable)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), RecordingError> {
        let complete = self.blocks.inner_mut();
        self.out.write_all(complete)?;
        complete.clear();
        Ok(())
    }
}
