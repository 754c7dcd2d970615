//! Runs all tasks of one processor that the group gives to this process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tapeline_kafka::{Admin, KafkaError, KafkaSettings, Membership, Ownership};
use tapeline_model::Origin;
use tapeline_processors::Processor;

use crate::policy::CommitPolicy;
use crate::task::SnapshotPolicy;
use crate::worker::{Order, Worker, WorkerError};

/// The group is asked this often whether tasks come or go.
const POLL: Duration = Duration::from_millis(100);
/// A task that fails this often without a commit in between is given up.
const ATTEMPTS: u32 = 8;
/// A record that made the processor panic this often is parked.
const STRIKES: u32 = 3;
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
/// Another owner fenced the task: the group says so within its session time, or
/// it is ours after all.
const FENCED_PATIENCE: Duration = Duration::from_secs(12);
/// A task that does not stop by then is left behind; the next owner fences it.
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

/// What is going on, for health and dashboards.
#[derive(Debug, Default)]
pub struct Status {
    owned: AtomicUsize,
    running: AtomicUsize,
    joined: AtomicBool,
    records: AtomicU64,
}

impl Status {
    /// Every task this process owns has its state back and reads.
    pub fn is_ready(&self) -> bool {
        self.joined.load(Ordering::Acquire)
            && self.running.load(Ordering::Acquire) == self.owned.load(Ordering::Acquire)
    }

    pub fn owned(&self) -> usize {
        self.owned.load(Ordering::Acquire)
    }

    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn committed(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }
}

type MakeProcessor = dyn Fn() -> Box<dyn Processor> + Send + Sync;

pub struct ProcessorService {
    kafka: KafkaSettings,
    policy: CommitPolicy,
    snapshots: SnapshotPolicy,
    make: Arc<MakeProcessor>,
    status: Arc<Status>,
}

struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl ProcessorService {
    pub fn new(
        kafka: KafkaSettings,
        policy: CommitPolicy,
        snapshots: SnapshotPolicy,
        make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kafka,
            policy,
            snapshots,
            make: Arc::new(make),
            status: Arc::default(),
        }
    }

    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Blocks until `stop` is set or something fails for good.
    pub fn run(self, stop: &AtomicBool) -> Result<(), RuntimeError> {
        let processor = (self.make)().name();
        let kafka = |source| RuntimeError::Kafka { processor, source };
        self.check_partitions()?;
        let names = self.kafka.names();
        let lease = names.group(&format!("{processor}-lease"));
        let changelog = names.changelog(processor);
        let mut member = Membership::join(&self.kafka, &lease, &[changelog]).map_err(kafka)?;
        let mut tasks = BTreeMap::new();
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
            self.change(&mut tasks, change);
            outcome = self.check_tasks(processor, &mut tasks);
        }
        // Tasks commit and end before the group gives them to another process.
        let all = tasks.keys().copied().collect::<Vec<u32>>();
        self.give_up(&mut tasks, &all);
        outcome
    }

    fn check_partitions(&self) -> Result<(), RuntimeError> {
        let sample = (self.make)();
        let processor = sample.name();
        let kafka = |source| RuntimeError::Kafka { processor, source };
        let admin = Admin::new(&self.kafka).map_err(kafka)?;
        let names = self.kafka.names();
        let changelog = names.changelog(processor);
        let expected = admin.partition_count(&changelog).map_err(kafka)?;
        for input in sample.inputs() {
            let topic = names.topic(input.topic).to_owned();
            let found = admin.partition_count(&topic).map_err(kafka)?;
            if input.reach == tapeline_processors::Reach::Keyed && found != expected {
                return Err(RuntimeError::Partitions {
                    processor,
                    topic,
                    found,
                    changelog,
                    expected,
                });
            }
        }
        Ok(())
    }

    fn change(&self, tasks: &mut BTreeMap<u32, Running>, change: Ownership) {
        let number = |(_, partition): &(String, i32)| *partition as u32;
        let lost: Vec<u32> = change.lost.iter().map(number).collect();
        self.give_up(tasks, &lost);
        for task in change.gained.iter().map(number) {
            tasks.entry(task).or_insert_with(|| self.start(task));
        }
        self.status.owned.store(tasks.len(), Ordering::Release);
        if !change.gained.is_empty() {
            self.status.joined.store(true, Ordering::Release);
        }
    }

    fn start(&self, partition: u32) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let order = Order {
            kafka: self.kafka.clone(),
            policy: self.policy,
            snapshots: self.snapshots,
            partition,
            parked: BTreeSet::new(),
            commits: Arc::default(),
            stop: Arc::clone(&stop),
            status: Arc::clone(&self.status),
        };
        let make = Arc::clone(&self.make);
        let thread = std::thread::spawn(move || attempt(&order, &*make));
        Running { stop, thread }
    }

    fn give_up(&self, tasks: &mut BTreeMap<u32, Running>, which: &[u32]) {
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
        tasks: &mut BTreeMap<u32, Running>,
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
            let reason = match running.thread.join() {
                Ok(Ok(())) => continue,
                Ok(Err(reason)) => reason,
                Err(panic) => format!("it panicked: {}", panic_text(&*panic)),
            };
            self.status.owned.store(tasks.len(), Ordering::Release);
            return Err(RuntimeError::Task {
                processor,
                task,
                reason,
            });
        }
        Ok(())
    }
}

/// Takes the task again from the log after what passes, a bounded number of
/// times without a commit in between.
fn attempt(order: &Order, make: &MakeProcessor) -> Result<(), String> {
    let mut order = order.clone();
    let mut strikes: BTreeMap<Origin, u32> = BTreeMap::new();
    let mut failures = 0;
    loop {
        let commits = order.commits.load(Ordering::Relaxed);
        let Err(error) = once(&order, make) else {
            return Ok(());
        };
        failures = if order.commits.load(Ordering::Relaxed) > commits {
            1
        } else {
            failures + 1
        };
        if let WorkerError::Panicked(origin) = &error {
            let count = strikes.entry(*origin).or_default();
            *count += 1;
            if *count >= STRIKES {
                order.parked.insert(*origin);
                failures = 0;
            }
        }
        if !(error.passes() || error.is_fenced()) || failures >= ATTEMPTS {
            return Err(error.to_string());
        }
        let wait = if error.is_fenced() {
            FENCED_PATIENCE
        } else {
            FIRST_BACK_OFF * 2_u32.pow(failures.min(6))
        };
        tracing::warn!(task = order.partition, %error, ?wait, "the task stopped and waits to be taken again");
        if stopped_within(&order, wait) {
            return Ok(());
        }
    }
}

fn stopped_within(order: &Order, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    while Instant::now() < until && !order.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    order.stop.load(Ordering::Relaxed)
}

fn once(order: &Order, make: &MakeProcessor) -> Result<(), WorkerError> {
    let mut worker = Worker::take(order.clone(), make())?;
    order.status.running.fetch_add(1, Ordering::AcqRel);
    let result = worker.run();
    order.status.running.fetch_sub(1, Ordering::AcqRel);
    result
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
