//! What must hold whatever happened: the oracle is one owner that reads the
//! committed order by itself.

use std::collections::BTreeMap;

use tapeline_model::Event;
use tapeline_model::records::StepKind;
use tapeline_runtime::TaskError;
use tapeline_runtime::replay::{Inputs, RecordedInput, Replay};
use tapeline_schemas::topics::Topic;

use crate::log::{Log, Partition, new_processor};

pub(crate) fn check(log: &Log) -> Result<(), String> {
    every_record_once(log)?;
    the_journal_replays(log)?;
    one_effect_a_fill(log)
}

/// The committed transactions read each record exactly once, in order.
fn every_record_once(log: &Log) -> Result<(), String> {
    let mut read: BTreeMap<(String, u32), Vec<u64>> = BTreeMap::new();
    for step in log
        .journal
        .iter()
        .flat_map(|j| &j.steps)
        .filter(|s| s.kind != StepKind::Tick)
    {
        let input = log
            .inputs
            .iter()
            .find(|i| i.topic.name() == step.topic && i.number == step.partition as u32);
        let input = input.ok_or_else(|| format!("{} is no input", step.topic))?;
        let run = input
            .records
            .range(step.first_offset as u64..=step.last_offset as u64);
        read.entry((step.topic.clone(), input.number))
            .or_default()
            .extend(run.map(|(offset, _)| *offset));
    }
    for input in &log.inputs {
        let expected: Vec<u64> = input.records.keys().copied().collect();
        let found = read
            .remove(&(input.topic.name().to_owned(), input.number))
            .unwrap_or_default();
        if found != expected {
            return Err(format!(
                "{}/{} was read as {found:?}",
                input.topic, input.number
            ));
        }
    }
    Ok(())
}

/// One owner that does the committed transactions alone comes to the same outputs and state.
fn the_journal_replays(log: &Log) -> Result<(), String> {
    let mut replay = Replay::begin(new_processor(), 0, |_| Ok::<(), TaskError>(()))
        .map_err(|e| e.to_string())?;
    let mut inputs = Topics(&log.inputs);
    let mut outputs = Vec::new();
    for journal in &log.journal {
        let found = replay
            .apply::<_, Failed>(journal, &mut inputs, |topic, value| {
                outputs.push((topic, value.to_vec()));
            })
            .map_err(|e| e.0)?;
        if let Some(difference) = found {
            return Err(format!("{difference:?}"));
        }
    }
    let same_state = replay.task().state_hash().unwrap() == log.restored().state_hash().unwrap();
    if !same_state {
        return Err("the changelog holds another state than the oracle".to_owned());
    }
    if outputs != log.outputs {
        return Err("the topics hold other outputs than the oracle's".to_owned());
    }
    Ok(())
}

/// No fill counts twice in the positions, whoever repeated it.
fn one_effect_a_fill(log: &Log) -> Result<(), String> {
    let mut causes = BTreeMap::new();
    for (topic, value) in log
        .outputs
        .iter()
        .filter(|(topic, _)| *topic == Topic::RiskPositions)
    {
        let Ok(Event::Position(position)) = Event::decode(*topic, Some(value)) else {
            return Err("a position cannot be read".to_owned());
        };
        *causes.entry(position.cause_offset).or_insert(0) += 1;
    }
    match causes.iter().find(|(_, count)| **count > 1) {
        Some((offset, count)) => Err(format!("the fill at {offset} has {count} positions")),
        None => Ok(()),
    }
}

struct Topics<'l>(&'l [Partition]);

struct Failed(String);

impl From<std::convert::Infallible> for Failed {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<TaskError> for Failed {
    fn from(error: TaskError) -> Self {
        Self(error.to_string())
    }
}

impl Inputs for Topics<'_> {
    type Error = std::convert::Infallible;

    fn read(
        &mut self,
        topic: Topic,
        partition: u32,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(RecordedInput<'_>),
    ) -> Result<(), Self::Error> {
        for input in self
            .0
            .iter()
            .filter(|i| i.topic == topic && i.number == partition)
        {
            for (offset, value) in input.records.range(first..=last) {
                let (offset, key, value) = (*offset, None, Some(value.as_slice()));
                each(RecordedInput { offset, key, value });
            }
        }
        Ok(())
    }
}
