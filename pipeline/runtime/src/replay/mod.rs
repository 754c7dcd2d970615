//! Does journaled transactions again and compares what comes out, bit for bit.

mod log;

use tapeline_model::Origin;
use tapeline_model::records::{Journal, JournalStep, StepKind};
use tapeline_processors::Processor;
use tapeline_schemas::topics::Topic;

pub use log::{Range, ReplayError, Report, replay};

use crate::task::{Refused, SnapshotPolicy, Task, TaskError, Write};

/// A record as its topic holds it.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
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
        each: &mut dyn FnMut(Recorded<'_>),
    ) -> Result<(), Self::Error>;
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
    pub fn begin(
        processor: Box<dyn Processor>,
        transaction: i64,
        restore: impl FnOnce(&mut Task) -> Result<(), TaskError>,
    ) -> Result<Self, TaskError> {
        // Snapshots are compared where the journal has them, never written.
        let never = SnapshotPolicy {
            transactions: i64::MAX,
        };
        let mut task = Task::new(processor, never);
        restore(&mut task)?;
        task.restored()?;
        task.continue_after(transaction);
        Ok(Self { task })
    }

    /// The task as far as it was replayed.
    pub fn task(&mut self) -> &mut Task {
        &mut self.task
    }

    /// Does one transaction again; every output is also handed to `output`.
    pub fn apply<I: Inputs, E: From<I::Error> + From<TaskError>>(
        &mut self,
        journal: &Journal,
        inputs: &mut I,
        mut output: impl FnMut(Topic, &[u8]),
    ) -> Result<Option<Difference>, E> {
        let expected = self.task.transactions() + 1;
        if journal.transaction != expected {
            let what = format!("transaction {expected} is missing in the journal");
            self.task.continue_after(journal.transaction - 1);
            return Ok(Some(difference(journal, what)));
        }
        let mut missing = Vec::new();
        for step in &journal.steps {
            if let Some(what) = self.step::<I, E>(step, inputs)? {
                missing.push(what);
            }
        }
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
        let what = if let Some(what) = missing.pop() {
            what
        } else if sealed.outputs != journal.outputs {
            format!(
                "{} outputs came, {} were recorded",
                sealed.outputs, journal.outputs
            )
        } else if sealed.output_hash != journal.output_hash {
            format!("the {} outputs are not the recorded ones", sealed.outputs)
        } else if state_hash != journal.state_hash {
            "the outputs are the same, the state is not".to_owned()
        } else {
            return Ok(None);
        };
        Ok(Some(difference(journal, what)))
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
                task.park(origin, Refused { key, value }, now);
            } else {
                // A refusal is an output like any other: its dead letter is compared.
                let _refused = task.take(origin, Refused { key, value }, now);
            }
        })?;
        let (place, recorded) = (shown(step), step.count);
        Ok((count != recorded).then(|| format!("{place} holds {count} of {recorded} records")))
    }
}

fn difference(journal: &Journal, what: String) -> Difference {
    Difference {
        transaction: journal.transaction,
        what,
        inputs: journal.steps.iter().map(shown).collect(),
    }
}

fn shown(step: &JournalStep) -> String {
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
