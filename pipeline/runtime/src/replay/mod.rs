//! Does journaled transactions again and compares what comes out, bit for bit.

pub mod recording;
mod report;
mod takeover;
mod topics;

use tapeline_model::Origin;
use tapeline_model::records::{Journal, JournalStep, StepKind};
use tapeline_processors::Processor;
use tapeline_schemas::topics::Topic;

pub use report::{Range, ReplayError, Report};
pub use topics::{replay, save};

use crate::task::{InputRecord, SnapshotPolicy, Task, TaskError, Write};

/// A record as its topic holds it.
#[derive(Debug, Clone, Copy)]
pub struct RecordedInput<'a> {
    pub offset: u64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Where a replay reads its inputs from.
pub trait Inputs {
    type Error;

    /// Hands over the records from `first` to `last` in order.
    fn read(
        &mut self,
        topic: Topic,
        partition: u32,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(RecordedInput<'_>),
    ) -> Result<(), Self::Error>;

    /// What is known to be wrong with records handed over since the last call;
    /// they were handed over as they are.
    fn damage(&mut self) -> Option<String> {
        None
    }
}

/// Why a replay did not come to the same result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub transaction: i64,
    /// What differs.
    pub what: String,
    /// The inputs of the transaction, to look at.
    pub inputs: Vec<String>,
}

/// One task being replayed.
pub struct Replay {
    task: Task,
}

impl Replay {
    /// Begins with the state that `restore` puts into the task, which is the one
    /// after `transaction`; 0 for an empty state.
    pub fn begin<E: From<TaskError>>(
        processor: Box<dyn Processor>,
        transaction: i64,
        restore: impl FnOnce(&mut Task) -> Result<(), E>,
    ) -> Result<Self, E> {
        // Snapshots are compared where the journal has them, never written.
        let mut task = Task::new(processor, SnapshotPolicy::NEVER);
        restore(&mut task)?;
        task.restored()?;
        task.continue_after(transaction);
        Ok(Self { task })
    }

    /// The task as far as it was replayed.
    pub fn task(&mut self) -> &mut Task {
        &mut self.task
    }

    /// Goes on behind a transaction that cannot be done again.
    pub fn skip(&mut self, transaction: i64) {
        self.task.continue_after(transaction);
    }

    /// Does one transaction again; every output is also handed to `output`.
    pub fn apply<I: Inputs, E: From<I::Error> + From<TaskError>>(
        &mut self,
        journal: &Journal,
        inputs: &mut I,
        output: impl FnMut(Topic, &[u8]),
    ) -> Result<Option<Difference>, E> {
        let (done, number) = (self.task.transactions(), journal.transaction);
        if number <= done {
            let what = format!("the journal holds transaction {number} behind transaction {done}");
            return Ok(Some(difference(journal, what)));
        }
        let mut before = None;
        if number - 1 != done {
            before = Some(format!(
                "transaction {} is missing in the journal",
                done + 1
            ));
            self.task.continue_after(number - 1);
        }
        for step in &journal.steps {
            let missing = self.step::<I, E>(step, inputs)?;
            before = before.or(inputs.damage()).or(missing);
        }
        let differs = self.seal(journal, output)?;
        Ok(before.or(differs).map(|what| difference(journal, what)))
    }

    /// Closes the transaction; how it is not the journaled one.
    fn seal(
        &mut self,
        journal: &Journal,
        mut output: impl FnMut(Topic, &[u8]),
    ) -> Result<Option<String>, TaskError> {
        let sealed = self.task.seal(journal.sealed_at, |write| {
            if let Write::Output { topic, value, .. } = write {
                output(topic, value);
            }
            Ok::<(), TaskError>(())
        })?;
        let state_hash = match &journal.state_hash {
            Some(_) => Some(self.task.state_hash()?),
            None => None,
        };
        Ok(if sealed.outputs != journal.outputs {
            let (came, recorded) = (sealed.outputs, journal.outputs);
            Some(format!("{came} outputs came, {recorded} were recorded"))
        } else if sealed.output_hash != journal.output_hash {
            Some(format!(
                "the {} outputs are not the recorded ones",
                sealed.outputs
            ))
        } else if state_hash != journal.state_hash {
            Some("the outputs are the same, the state is not".to_owned())
        } else {
            None
        })
    }

    fn step<I: Inputs, E: From<I::Error> + From<TaskError>>(
        &mut self,
        step: &JournalStep,
        inputs: &mut I,
    ) -> Result<Option<String>, E> {
        if step.kind == StepKind::Tick {
            self.task.replay_tick(step.now);
            return Ok(None);
        }
        let Some(topic) = Topic::from_name(&step.topic) else {
            return Err(TaskError::UnknownTopic(step.topic.clone()).into());
        };
        let (partition, now) = (step.partition as u32, step.now);
        let (first, last) = (step.first_offset as u64, step.last_offset as u64);
        let mut count = 0;
        let task = &mut self.task;
        inputs.read(topic, partition, first, last, &mut |record| {
            count += 1;
            let origin = Origin {
                topic,
                partition,
                offset: record.offset,
            };
            let (key, value) = (record.key, record.value);
            if step.kind == StepKind::Parked {
                task.park(origin, InputRecord { key, value }, now);
            } else {
                // A refusal is an output like any other: its dead letter is compared.
                let _refused = task.process(origin, InputRecord { key, value }, now);
            }
        })?;
        let (step, recorded) = (describe(step), step.count);
        Ok((count != recorded).then(|| format!("{step} holds {count} of {recorded} records")))
    }
}

fn difference(journal: &Journal, what: String) -> Difference {
    Difference {
        transaction: journal.transaction,
        what,
        inputs: journal.steps.iter().map(describe).collect(),
    }
}

fn describe(step: &JournalStep) -> String {
    match step.kind {
        StepKind::Tick => format!("tick at {}", step.now),
        StepKind::Read | StepKind::Parked => format!(
            "{}/{} offsets {} to {}",
            step.topic, step.partition, step.first_offset, step.last_offset
        ),
    }
}

#[cfg(test)]
mod tests;
