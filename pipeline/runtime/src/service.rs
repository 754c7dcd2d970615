//! Runs all tasks of one processor that the group gives to this process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::gauge;
use tapeline_kafka::{Admin, HangingTransaction, KafkaError, KafkaSettings, Membership, Ownership};
use tapeline_model::Fault;
use tapeline_processors::{Processor, Reach, Share};

use crate::acquire::RestoredTask;
use crate::attempt::attempt;
use crate::commit_policy::CommitPolicy;
use crate::error::WorkerError;
use crate::hanging_transactions::HangingAlerts;
use crate::job::Job;
use crate::metric_names as names;
use crate::standby::Standby;
use crate::status::Status;
use crate::task::SnapshotPolicy;

/// How often the group is polled for changes of ownership.
const POLL: Duration = Duration::from_millis(100);
/// So many hanging transactions wait for their alert at most.
const MOST_HANGING: usize = 16;
/// A task that does not stop within this is abandoned; the next owner fences it.
const STOP_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("processor {processor}: {source}")]
    Kafka {
        processor: &'static str,
        source: KafkaError,
    },
    #[error("processor {processor}, task {task}: {reason}")]
    Task {
        processor: &'static str,
        task: u32,
        reason: String,
        fault: Fault,
    },
    #[error(
        "processor {processor}: {topic} has {found} partitions and {changelog} has {expected}; \
         co-partitioned topics need the same number: recreate the smaller one"
    )]
    Partitions {
        processor: &'static str,
        topic: String,
        found: u32,
        changelog: String,
        expected: u32,
    },
}

impl RuntimeError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Kafka { source, .. } => source.fault_while_running(),
            Self::Task { fault, .. } => *fault,
            Self::Partitions { .. } => Fault::External,
        }
    }
}

pub(crate) type MakeProcessor = dyn Fn(Share) -> Box<dyn Processor> + Send + Sync;

/// How the tasks of a processor are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunSettings {
    pub commits: CommitPolicy,
    pub snapshots: SnapshotPolicy,
    /// Follow the state of tasks that other processes own.
    pub standby: bool,
}

pub struct ProcessorService {
    kafka: KafkaSettings,
    settings: RunSettings,
    make: Arc<MakeProcessor>,
    status: Arc<Status>,
}

/// What a running service holds.
struct Tasks {
    /// As many as the changelog has partitions.
    count: u32,
    running: BTreeMap<u32, RunningTask>,
    standbys: BTreeMap<u32, Standby>,
    hanging: SyncSender<HangingTransaction>,
}

struct RunningTask {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), WorkerError>>,
}

impl ProcessorService {
    pub fn new(
        kafka: KafkaSettings,
        settings: RunSettings,
        make: impl Fn(Share) -> Box<dyn Processor> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kafka,
            settings,
            make: Arc::new(make),
            status: Arc::default(),
        }
    }

    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Blocks until `stop` is set or something fails for good.
    pub fn run(self, stop: &AtomicBool) -> Result<(), RuntimeError> {
        let processor = (self.make)(Share::ALL).name();
        let kafka = |source| RuntimeError::Kafka { processor, source };
        let count = self.check_partitions()?;
        let names = self.kafka.names();
        let lease = names.group(&format!("{processor}-lease"));
        let changelog = names.changelog(processor);
        let mut member = Membership::join(&self.kafka, &lease, &[changelog]).map_err(kafka)?;
        let (hanging, found) = sync_channel(MOST_HANGING);
        let mut alerts = HangingAlerts::new(&self.kafka, processor);
        let mut tasks = Tasks {
            count,
            running: BTreeMap::new(),
            standbys: BTreeMap::new(),
            hanging,
        };
        let mut outcome = Ok(());
        while !stop.load(Ordering::Relaxed) && outcome.is_ok() {
            let change = match member.poll(POLL) {
                Ok(change) => change,
                Err(error) if error.retryable() => {
                    tracing::warn!(processor, %error, "the group does not answer");
                    Ownership::default()
                }
                Err(error) => {
                    outcome = Err(kafka(error));
                    break;
                }
            };
            self.apply_change(&mut tasks, change);
            outcome = self.check_tasks(processor, &mut tasks.running);
            for transaction in found.try_iter() {
                alerts.raise(&transaction);
            }
        }
        tasks
            .standbys
            .into_values()
            .for_each(|standby| drop(standby.end()));
        // Tasks commit and end before the group gives them to another process.
        let all = tasks.running.keys().copied().collect::<Vec<u32>>();
        self.release(&mut tasks.running, &all);
        outcome
    }

    /// How many tasks there are.
    fn check_partitions(&self) -> Result<u32, RuntimeError> {
        let sample = (self.make)(Share::ALL);
        let processor = sample.name();
        let kafka = |source| RuntimeError::Kafka { processor, source };
        let admin = Admin::new(&self.kafka).map_err(kafka)?;
        let names = self.kafka.names();
        let changelog = names.changelog(processor);
        let expected = admin.partition_count(&changelog).map_err(kafka)?;
        for input in sample.inputs() {
            let topic = names.topic(input.topic).to_owned();
            let found = admin.partition_count(&topic).map_err(kafka)?;
            if input.reach == Reach::Keyed && found != expected {
                return Err(RuntimeError::Partitions {
                    processor,
                    topic,
                    found,
                    changelog,
                    expected,
                });
            }
        }
        Ok(expected)
    }

    fn apply_change(&self, tasks: &mut Tasks, change: Ownership) {
        let number = |(_, partition): &(String, i32)| *partition as u32;
        let lost: Vec<u32> = change.lost.iter().map(number).collect();
        self.release(&mut tasks.running, &lost);
        for task in change.gained.iter().map(number) {
            if !tasks.running.contains_key(&task) {
                let standby = tasks.standbys.remove(&task);
                let share = Share::new(task, tasks.count);
                let running = self.start(share, standby, tasks.hanging.clone());
                tasks.running.insert(task, running);
            }
        }
        self.status
            .owned
            .store(tasks.running.len(), Ordering::Release);
        if change.settled {
            self.status.joined.store(true, Ordering::Release);
        }
        if self.settings.standby && (change.settled || !lost.is_empty()) {
            self.stand_by(tasks);
        }
    }

    /// Follows the changelog of every task that is not run here.
    fn stand_by(&self, tasks: &mut Tasks) {
        let sample = (self.make)(Share::ALL);
        let processor = sample.name();
        for task in 0..tasks.count {
            if !tasks.running.contains_key(&task) && !tasks.standbys.contains_key(&task) {
                let restored = RestoredTask::new(
                    (self.make)(Share::new(task, tasks.count)),
                    self.settings.snapshots,
                );
                let standby = Standby::follow(self.kafka.clone(), task, processor, restored);
                tasks.standbys.insert(task, standby);
            }
        }
        gauge!(names::STANDBYS, "processor" => processor).set(tasks.standbys.len() as f64);
    }

    fn start(
        &self,
        share: Share,
        standby: Option<Standby>,
        hanging: SyncSender<HangingTransaction>,
    ) -> RunningTask {
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job {
            kafka: self.kafka.clone(),
            policy: self.settings.commits,
            snapshots: self.settings.snapshots,
            partition: share.task(),
            parked: BTreeSet::new(),
            commits: Arc::default(),
            stop: Arc::clone(&stop),
            status: Arc::clone(&self.status),
            hanging,
        };
        let make = Arc::clone(&self.make);
        let thread = std::thread::spawn(move || attempt(&job, &|| make(share), standby));
        RunningTask { stop, thread }
    }

    fn release(&self, tasks: &mut BTreeMap<u32, RunningTask>, which: &[u32]) {
        for task in which {
            if let Some(running) = tasks.get(task) {
                running.stop.store(true, Ordering::Relaxed);
            }
        }
        let deadline = Instant::now() + STOP_WITHIN;
        for task in which {
            let Some(running) = tasks.remove(task) else {
                continue;
            };
            while !running.thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            if running.thread.is_finished() {
                let _ended = running.thread.join();
            } else {
                tracing::error!(
                    task,
                    "the task did not stop in {STOP_WITHIN:?} and is left behind"
                );
            }
        }
        self.status.owned.store(tasks.len(), Ordering::Release);
    }

    fn check_tasks(
        &self,
        processor: &'static str,
        tasks: &mut BTreeMap<u32, RunningTask>,
    ) -> Result<(), RuntimeError> {
        let ended: Vec<u32> = tasks
            .iter()
            .filter(|(_, running)| running.thread.is_finished())
            .map(|(task, _)| *task)
            .collect();
        for task in ended {
            let Some(running) = tasks.remove(&task) else {
                continue;
            };
            let (reason, fault) = match running.thread.join() {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => (error.to_string(), error.fault()),
                Err(panic) => {
                    let reason = format!("it panicked: {}", panic_text(&*panic));
                    (reason, Fault::Internal)
                }
            };
            self.status.owned.store(tasks.len(), Ordering::Release);
            return Err(RuntimeError::Task {
                processor,
                task,
                reason,
                fault,
            });
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
