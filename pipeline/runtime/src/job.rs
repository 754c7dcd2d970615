//! What it takes to run one task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::SyncSender;

use tapeline_kafka::{HangingTransaction, KafkaSettings};
use tapeline_model::Origin;
use tapeline_processors::{Input, Reach};
use tapeline_schemas::topics::Group;

use crate::commit_policy::CommitPolicy;
use crate::status::Status;
use crate::task::SnapshotPolicy;

/// One task as it is run here: its settings, and what it shares with the service.
#[derive(Clone)]
pub(crate) struct Job {
    pub kafka: KafkaSettings,
    pub policy: CommitPolicy,
    pub snapshots: SnapshotPolicy,
    pub partition: u32,
    /// Records the processor is not given any more.
    pub parked: BTreeSet<Origin>,
    /// Commits of this task, whoever the worker was.
    pub commits: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
    pub status: Arc<Status>,
    /// Transactions on the inputs that nobody ends.
    pub hanging: SyncSender<HangingTransaction>,
}

/// Keyed inputs, and so the changelog, are in one group.
pub(crate) fn keyed_group(inputs: &[Input]) -> Group {
    let mut keyed = inputs.iter();
    keyed
        .find(|input| input.reach == Reach::Keyed)
        .map_or(Group::Portfolio, |input| input.topic.spec().group)
}
