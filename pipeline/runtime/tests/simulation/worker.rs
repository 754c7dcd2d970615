//! An owner of the task, right or wrong.

use std::collections::BTreeMap;

use tapeline_model::{Micros, Origin};
use tapeline_runtime::Task;
use tapeline_schemas::topics::Topic;

use crate::inputs::Random;
use crate::log::{Log, Transaction, record};

/// How an owner takes and commits its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Right,
    /// Reads its progress before it fences the former owner.
    FencesAfterReading,
    /// Writes progress in a transaction of its own, before the outputs.
    CommitsProgressApart,
    /// Takes the task without fencing anybody.
    NeverFences,
}

pub(crate) struct Worker {
    epoch: u64,
    task: Task,
    next: BTreeMap<(Topic, u32), u64>,
    now: i64,
    habit: Habit,
    /// Fencing that is still to come, for the one who is late with it.
    unfenced: bool,
}

impl Worker {
    pub fn take(log: &mut Log, habit: Habit, random: &mut Random) -> Self {
        let late = habit == Habit::FencesAfterReading;
        let epoch = match habit {
            Habit::Right | Habit::CommitsProgressApart => log.fence(),
            Habit::FencesAfterReading | Habit::NeverFences => log.epoch,
        };
        let task = log.restored();
        let next = log
            .inputs
            .iter()
            .map(|input| {
                (
                    input.place(),
                    task.next_offset(input.topic, input.number).unwrap_or(0),
                )
            })
            .collect();
        Self {
            epoch,
            task,
            next,
            now: 1_000 + random.below(1_000) as i64,
            habit,
            unfenced: late,
        }
    }

    /// Some records of one partition, whichever comes.
    pub fn read(&mut self, log: &mut Log, random: &mut Random) {
        self.fence_at_last(log);
        let input = &log.inputs[random.below(log.inputs.len() as u64) as usize];
        let place = input.place();
        self.now += random.below(50) as i64;
        let next = self.next.entry(place).or_default();
        for (offset, value) in input
            .records
            .range(*next..)
            .take(1 + random.below(6) as usize)
        {
            let origin = Origin {
                topic: place.0,
                partition: place.1,
                offset: *offset,
            };
            let _refused = self.task.process(origin, record(value), Micros(self.now));
            *next = offset + 1;
        }
    }

    /// False once another owner fenced this one.
    pub fn commit(&mut self, log: &mut Log) -> bool {
        self.fence_at_last(log);
        if !self.task.is_dirty() {
            return self.epoch == log.epoch;
        }
        let mut transaction = Transaction::of(&mut self.task, Micros(self.now));
        self.commit_progress_apart(log, &mut transaction);
        log.commit(self.epoch, transaction)
    }

    fn commit_progress_apart(&self, log: &mut Log, transaction: &mut Transaction) {
        if self.habit == Habit::CommitsProgressApart {
            let alone = Transaction {
                changelog: transaction.changelog.pop().into_iter().collect(),
                ..Transaction::default()
            };
            log.commit(self.epoch, alone);
        }
    }

    /// Dies while it commits: before the log took it, or before it heard so.
    pub fn commit_and_die(mut self, log: &mut Log, random: &mut Random) {
        self.fence_at_last(log);
        if !self.task.is_dirty() {
            return;
        }
        let mut transaction = Transaction::of(&mut self.task, Micros(self.now));
        self.commit_progress_apart(log, &mut transaction);
        if random.chance(50) {
            log.commit(self.epoch, transaction);
        }
    }

    /// Reads everything and commits it.
    pub fn finish(&mut self, log: &mut Log, random: &mut Random) {
        while !log.is_done() {
            for _ in 0..20 {
                self.read(log, random);
            }
            assert!(
                self.commit(log) || self.habit != Habit::Right,
                "the last owner is not fenced"
            );
        }
    }

    fn fence_at_last(&mut self, log: &mut Log) {
        if std::mem::take(&mut self.unfenced) {
            self.epoch = log.fence();
        }
    }
}
