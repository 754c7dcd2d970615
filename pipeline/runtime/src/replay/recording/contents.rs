//! What is in a recording, counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::format::{Line, LineKind};
use crate::changelog;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    pub records: u64,
    pub tasks: Vec<TaskContents>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskContents {
    pub task: u32,
    /// The first and the last transaction; 0 for none.
    pub from: i64,
    pub to: i64,
    pub transactions: u64,
    /// Entries of the state it begins with.
    pub state_entries: u64,
    /// Records read, by topic.
    pub inputs: BTreeMap<String, u64>,
    /// Of keys and values.
    pub bytes: u64,
}

impl TaskContents {
    pub fn inputs(&self) -> u64 {
        self.inputs.values().sum()
    }
}

impl Contents {
    pub(super) fn count(&mut self, line: &Line<'_>) {
        self.records += 1;
        if line.kind == LineKind::Task {
            self.tasks.push(TaskContents {
                task: line.partition.unsigned_abs(),
                ..TaskContents::default()
            });
        }
        let Some(task) = self.tasks.last_mut() else {
            return;
        };
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        task.bytes += length(line.key) + length(line.value);
        match line.kind {
            LineKind::Snapshot => {
                let entry = line.key.and_then(changelog::parse_snapshot_key);
                let is_end = entry.is_some_and(|(_, key)| key == changelog::SNAPSHOT_END);
                task.state_entries += u64::from(!is_end);
            }
            LineKind::Journal => {
                let number = transaction(line.key).unwrap_or_default();
                if task.transactions == 0 {
                    task.from = number;
                }
                task.to = number;
                task.transactions += 1;
            }
            LineKind::Input => *task.inputs.entry(line.topic.to_owned()).or_default() += 1,
            LineKind::Task | LineKind::End => {}
        }
    }
}

/// The number in the key of a journal's record.
pub(super) fn transaction(key: Option<&[u8]>) -> Option<i64> {
    Some(i64::from_be_bytes(key?.try_into().ok()?))
}
