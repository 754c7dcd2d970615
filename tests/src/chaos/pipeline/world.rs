//! Everything that runs during a chaos run, and what is done to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tapeline_kafka::KafkaSettings;
use tapeline_local::{KafkaNode, Ports, Stack, StackError, kafka_cluster};
use tokio::runtime::Runtime;

use super::{PARTITIONS, TRANSACTION_TIMEOUT, configuration};
use crate::chaos::deploy;
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::member::{Member, signal};
use crate::chaos::proxy::Proxy;

pub(crate) const BROKERS: u32 = 3;
pub(crate) const DATABASE: &str = "chaos";
const PROCESSORS: [&str; 2] = ["processors-1", "processors-2"];
const SINKS: [&str; 2] = ["sinks-1", "sinks-2"];
/// Between two looks at what is due.
const LOOK: Duration = Duration::from_millis(30);
/// A process that ended by itself is started again after this, as a supervisor would.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two looks at the members' memory: what one ends with by itself may be missed by this.
const WEIGH_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Processors,
    Sinks,
}

/// What ends a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    Start(Group, usize),
    Thaw(Group, usize),
    StartBroker(usize),
    ThawBroker(usize),
    StartStore,
    /// To the brokers.
    LetThrough,
    LetStoreThrough,
}

pub(crate) struct Broker {
    pub(crate) node: Arc<Mutex<KafkaNode>>,
    pub(crate) port: u16,
    pub(crate) proxy: Proxy,
    /// Killed or frozen, and not yet answering again.
    pub(crate) away: bool,
    restart: Option<JoinHandle<Result<(), StackError>>>,
}

pub(crate) struct World {
    // Members end first, then what they talk to: fields are dropped in this order.
    pub(crate) processors: Vec<Member>,
    pub(crate) sinks: Vec<Member>,
    leaving: Vec<(Group, usize, JoinHandle<bool>)>,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) store_proxy: Proxy,
    store: Option<Stack>,
    store_ports: Ports,
    later: Vec<(Instant, Recovery)>,
    pub(crate) log_dirs: Vec<PathBuf>,
    pub(crate) kafka: KafkaSettings,
    /// Processes that ended without being asked, in their own words.
    pub(crate) exits: Vec<String>,
    weighed: Instant,
    data: PathBuf,
    /// The program under test.
    binary: PathBuf,
    runtime: Runtime,
}

impl World {
    /// Brokers, store, topics and tables; no member yet. Topics, tables and members are those of
    /// the former program, if there is one.
    pub(crate) fn start(data: &Path, program: &Path, former: Option<&Path>) -> Outcome<Self> {
        let what = "preparing the run";
        for folder in ["logs", "run"] {
            std::fs::create_dir_all(data.join(folder)).map_err(Failure::while_doing(what))?;
        }
        let binary = deploy::copy(program, data, "tapeline")?;
        let first = match former {
            Some(former) => deploy::copy(former, data, "tapeline-former")?,
            None => binary.clone(),
        };
        let runtime = Runtime::new().map_err(Failure::while_doing(what))?;
        let brokers = start_brokers(data, &binary, &runtime)?;
        let store_data = data.join("store");
        let store = deploy::start_store(&runtime, &store_data, &binary, Ports::ANY)?;
        let store_ports = store.ports();
        let addresses: Vec<String> = brokers
            .iter()
            .map(|broker| format!("127.0.0.1:{}", broker.proxy.port()))
            .collect();
        let log_dirs = brokers
            .iter()
            .map(|broker| lock(broker).log_dir())
            .collect();
        let member = |role: &'static str| {
            let (first, data) = (first.clone(), data.to_owned());
            move |name| Member::new(name, role, &first, &data)
        };
        let world = Self {
            processors: PROCESSORS.map(member("processors")).into(),
            sinks: SINKS.map(member("sinks")).into(),
            leaving: Vec::new(),
            brokers,
            store_proxy: Proxy::start(runtime.handle(), store_ports.clickhouse)?,
            store: Some(store),
            store_ports,
            later: Vec::new(),
            log_dirs,
            kafka: KafkaSettings {
                bootstrap: addresses.join(","),
                market_partitions: PARTITIONS,
                portfolio_partitions: PARTITIONS,
                replication: BROKERS as u16,
                transaction_timeout: TRANSACTION_TIMEOUT,
                ..KafkaSettings::default()
            },
            exits: Vec::new(),
            weighed: Instant::now(),
            data: data.to_owned(),
            binary: binary.clone(),
            runtime,
        };
        let text = configuration::text(&world.kafka, world.store_proxy.port(), &store_data);
        std::fs::write(data.join("tapeline.toml"), text).map_err(Failure::while_doing(what))?;
        deploy::deploy(&first, &world.config())?;
        Ok(world)
    }

    pub(crate) fn start_members(&mut self) -> Outcome<()> {
        let mut all = self.processors.iter_mut().chain(&mut self.sinks);
        all.try_for_each(Member::start)
    }

    /// Has one processor's transactions done again from its journal; what came out differently,
    /// and how often. A journal that cannot be done again at all is one difference.
    pub(crate) fn replay(&self, processor: &str) -> Outcome<(u64, String)> {
        let what = ["replay", "--processor", processor, "--verify", "--json"];
        let output = deploy::run(&self.binary, &self.config(), &what)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if matches!(output.status.code(), Some(0 | 1))
            && let Ok(differences) = differences(&said)
        {
            return Ok((differences, said));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Ok((1, format!("{said}{errors}")))
    }

    fn config(&self) -> PathBuf {
        self.data.join("tapeline.toml")
    }

    pub(crate) fn members(&mut self, group: Group) -> &mut Vec<Member> {
        match group {
            Group::Processors => &mut self.processors,
            Group::Sinks => &mut self.sinks,
        }
    }

    /// Asks the store itself, not through the proxy; nothing while it is away.
    pub(crate) fn query(&self, sql: &str) -> Option<String> {
        let store = self.data.join("store");
        deploy::ask(&store, self.store_ports.clickhouse, DATABASE, sql).ok()
    }

    pub(crate) fn kill_broker(&mut self, at: usize) {
        signal(lock(&self.brokers[at]).pid(), Signal::KILL);
        self.brokers[at].away = true;
    }

    pub(crate) fn freeze_broker(&mut self, at: usize) {
        signal(lock(&self.brokers[at]).pid(), Signal::STOP);
        self.brokers[at].away = true;
    }

    pub(crate) fn kill_store(&mut self) {
        if let Some(store) = self.store.take() {
            signal(store.clickhouse_pid(), Signal::KILL);
        }
    }

    pub(crate) fn store_is_up(&self) -> bool {
        self.store.is_some()
    }

    /// Begins a graceful stop; the member is started again when it has ended.
    pub(crate) fn restart_gracefully(&mut self, group: Group, at: usize) {
        if let Some(thread) = self.members(group)[at].stop_gracefully() {
            self.leaving.push((group, at, thread));
        }
    }

    /// Begins with an upgrade: the program under test gets its topics and tables, beside members
    /// of the former one.
    pub(crate) fn deploy_present(&self) -> Outcome<()> {
        deploy::deploy(&self.binary, &self.config())
    }

    /// A graceful stop, and a start with the program under test.
    pub(crate) fn upgrade(&mut self, group: Group, at: usize) {
        let binary = self.binary.clone();
        self.members(group)[at].use_binary(&binary);
        self.restart_gracefully(group, at);
    }

    /// The most memory each member had, in KiB.
    pub(crate) fn peak_memory(&mut self) -> Vec<(&'static str, u64)> {
        let all = self.processors.iter_mut().chain(&mut self.sinks);
        let peaks = all.map(|member| {
            member.note_memory();
            (member.name, member.peak_kb)
        });
        peaks.collect()
    }

    pub(crate) fn recover_later(&mut self, after: Duration, recovery: Recovery) {
        self.later.push((Instant::now() + after, recovery));
    }

    /// Everything that was taken away is back.
    pub(crate) fn is_whole(&self) -> bool {
        self.later.is_empty()
            && self.leaving.is_empty()
            && self.brokers.iter().all(|broker| !broker.away)
    }

    /// Goes on, recovering what is due, until it is so; false if it is not in time.
    pub(crate) fn until(
        &mut self,
        within: Duration,
        mut is_so: impl FnMut(&mut Self) -> bool,
    ) -> Outcome<bool> {
        let deadline = Instant::now() + within;
        loop {
            self.serve()?;
            if is_so(self) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends everything at once: nothing is needed any more but the logs.
    pub(crate) fn end(mut self) {
        let all = self.processors.iter_mut().chain(&mut self.sinks);
        all.for_each(Member::kill);
        self.kill_store();
        for broker in &self.brokers {
            signal(lock(broker).pid(), Signal::KILL);
        }
    }

    fn serve(&mut self) -> Outcome<()> {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Instant, Recovery)> = due;
        for (_, recovery) in due {
            self.recover(recovery)?;
        }
        self.collect_leaving();
        self.collect_restarts()?;
        if now - self.weighed >= WEIGH_EVERY {
            self.weighed = now;
            let all = self.processors.iter_mut().chain(&mut self.sinks);
            all.for_each(Member::note_memory);
        }
        for group in [Group::Processors, Group::Sinks] {
            for at in 0..self.members(group).len() {
                if let Some(said) = self.members(group)[at].ended_by_itself() {
                    self.exits.push(said);
                    self.recover_later(AGAIN, Recovery::Start(group, at));
                }
            }
        }
        Ok(())
    }

    fn recover(&mut self, recovery: Recovery) -> Outcome<()> {
        match recovery {
            Recovery::Start(group, at) => {
                let member = &mut self.members(group)[at];
                if member.is_away() {
                    member.start()?;
                }
            }
            Recovery::Thaw(group, at) => self.members(group)[at].thaw(),
            Recovery::StartBroker(at) => {
                let node = Arc::clone(&self.brokers[at].node);
                self.brokers[at].restart = Some(std::thread::spawn(move || {
                    node.lock().unwrap_or_else(PoisonError::into_inner).start()
                }));
            }
            Recovery::ThawBroker(at) => {
                signal(lock(&self.brokers[at]).pid(), Signal::CONT);
                self.brokers[at].away = false;
            }
            Recovery::StartStore => {
                let data = self.data.join("store");
                let store =
                    deploy::start_store(&self.runtime, &data, &self.binary, self.store_ports)?;
                self.store = Some(store);
            }
            Recovery::LetThrough => {
                for broker in &self.brokers {
                    broker.proxy.stall(false);
                }
            }
            Recovery::LetStoreThrough => self.store_proxy.stall(false),
        }
        Ok(())
    }

    fn collect_leaving(&mut self) {
        let (ended, leaving) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition(|(_, _, thread)| thread.is_finished());
        self.leaving = leaving;
        let ended: Vec<(Group, usize, JoinHandle<bool>)> = ended;
        for (group, at, thread) in ended {
            if !thread.join().unwrap_or(false) {
                let name = self.members(group)[at].name;
                self.exits
                    .push(format!("{name} did not end well when asked to stop"));
            }
            self.recover_later(Duration::ZERO, Recovery::Start(group, at));
        }
    }

    fn collect_restarts(&mut self) -> Outcome<()> {
        for broker in &mut self.brokers {
            if !broker.restart.as_ref().is_some_and(JoinHandle::is_finished) {
                continue;
            }
            let Some(thread) = broker.restart.take() else {
                continue;
            };
            let started = thread.join();
            let started = started.map_err(|_| panicked())?;
            started.map_err(Failure::while_doing("starting a broker again"))?;
            broker.away = false;
        }
        Ok(())
    }
}

pub(crate) fn lock(broker: &Broker) -> std::sync::MutexGuard<'_, KafkaNode> {
    broker.node.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of the report of a replay. One of no transaction proves nothing, nor does one without its counts.
fn differences(report: &str) -> Result<u64, String> {
    let tasks: Vec<Value> = serde_json::from_str(report).map_err(|error| error.to_string())?;
    let sum = |name: &str| -> Option<u64> { tasks.iter().map(|task| task[name].as_u64()).sum() };
    match (sum("transactions"), sum("differences")) {
        (Some(1..), Some(differences)) => Ok(differences),
        (Some(0), _) => Err("no transaction was done again".to_owned()),
        _ => Err("a task does not say what was done again".to_owned()),
    }
}

fn start_brokers(data: &Path, binary: &Path, runtime: &Runtime) -> Outcome<Vec<Broker>> {
    let what = "starting three brokers";
    let mut brokers = Vec::new();
    for mut node in kafka_cluster(data, binary, BROKERS).map_err(Failure::while_doing(what))? {
        let port = node.port();
        let proxy = Proxy::start(runtime.handle(), port)?;
        node.advertise(proxy.port());
        brokers.push(Broker {
            node: Arc::new(Mutex::new(node)),
            port,
            proxy,
            away: false,
            restart: None,
        });
    }
    // The first quorum needs them at the same time.
    let started = std::thread::scope(|scope| {
        let threads: Vec<_> = brokers
            .iter()
            .map(|broker| scope.spawn(|| lock(broker).start()))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let started = thread.join().map_err(|_| panicked())?;
                started.map_err(Failure::while_doing(what))
            })
            .collect::<Outcome<Vec<()>>>()
    });
    started?;
    Ok(brokers)
}

fn panicked() -> Failure {
    Failure::Outside("starting a broker panicked; see above".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_nothing_shows_nothing() {
        let task = |transactions, differences| serde_json::json!({"transactions": transactions, "differences": differences});
        let report = |tasks: &[Value]| differences(&Value::from(tasks.to_vec()).to_string());
        assert_eq!(report(&[task(0, 0), task(7, 0)]), Ok(0));
        assert_eq!(report(&[task(3, 1), task(7, 2)]), Ok(3));
        assert!(report(&[]).is_err());
        assert!(report(&[task(0, 0), task(0, 0)]).is_err());
        assert!(report(&[serde_json::json!({"transactions": 3})]).is_err());
        assert!(differences("").is_err());
    }
}
