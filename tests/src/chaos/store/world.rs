//! Everything that runs during a run against the store, and what is done to it.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tapeline_kafka::KafkaSettings;
use tapeline_local::{Ports, Stack};
use tokio::runtime::Runtime;

use super::configuration;
use super::disk::Disk;
use crate::chaos::deploy;
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::member::{Member, signal};
use crate::chaos::proxy::Proxy;

pub(crate) const DATABASE: &str = "chaos";
/// What a sink that nothing harms made of the same topics.
pub(crate) const REFERENCE: &str = "chaos_reference";
/// The sink that fills it.
pub(crate) const FRESH: &str = "sinks-fresh";
/// Of every topic.
pub(crate) const PARTITIONS: u32 = 2;
/// Between two looks at what is due.
const LOOK: Duration = Duration::from_millis(5);
/// A process that ended by itself is started again after this, as a supervisor would.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two looks at the members' memory: what one ends with by itself may be missed by this.
const WEIGH_EVERY: Duration = Duration::from_millis(500);

/// What ends a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreRecovery {
    StartSink,
    StartStore,
    ThawStore,
    FreeDisk,
    /// The second sink leaves: by force, or as it should.
    Leave {
        by_force: bool,
    },
}

pub(crate) struct World {
    // Members end first, then what they talk to: fields are dropped in this order.
    /// There at all times, unless a fault took it away.
    pub(crate) sink: Member,
    /// Joins and leaves.
    pub(crate) second: Member,
    /// Fills the reference, once everything is over.
    pub(crate) fresh: Member,
    /// Write what follows from what is fed; nothing is done to them.
    pub(crate) processors: Member,
    /// A member that was asked to end; true if it is to be started again.
    leaving: Vec<(bool, JoinHandle<bool>)>,
    pub(crate) proxy: Proxy,
    store: Option<Stack>,
    store_port: u16,
    store_is_frozen: bool,
    pub(crate) disk: Option<Disk>,
    disk_is_full: bool,
    _broker: Stack,
    later: Vec<(Instant, StoreRecovery)>,
    pub(crate) kafka: KafkaSettings,
    /// Processes that ended without being asked, in their own words.
    pub(crate) exits: Vec<String>,
    weighed: Instant,
    pub(crate) data: PathBuf,
    /// The program under test.
    pub(crate) binary: PathBuf,
    runtime: Runtime,
}

impl World {
    /// A broker, the store, topics and tables; no member yet.
    pub(crate) fn start(data: &Path, program: &Path) -> Outcome<Self> {
        let what = "preparing the run";
        for folder in ["logs", "run", "store", "broker"] {
            std::fs::create_dir_all(data.join(folder)).map_err(Failure::while_doing(what))?;
        }
        let binary = deploy::copy(program, data, "tapeline")?;
        let runtime = Runtime::new().map_err(Failure::while_doing(what))?;
        let broker = deploy::start_broker(&runtime, &data.join("broker"), &binary)?;
        let disk = Disk::mount(&data.join("store/clickhouse"))?;
        let store = deploy::start_store(&runtime, &data.join("store"), &binary, Ports::ANY)?;
        let store_port = store.ports().clickhouse;
        let kafka = KafkaSettings {
            bootstrap: broker.bootstrap(),
            market_partitions: PARTITIONS,
            portfolio_partitions: PARTITIONS,
            ..KafkaSettings::default()
        };
        let member = |name, role| Member::new(name, role, &binary, data);
        let reference = data.join("reference.toml");
        let world = Self {
            sink: member("sinks-1", "sinks"),
            second: member("sinks-2", "sinks"),
            fresh: member(FRESH, "sinks").with_config(&reference),
            processors: member("processors", "processors"),
            leaving: Vec::new(),
            proxy: Proxy::start(runtime.handle(), store_port)?,
            store: Some(store),
            store_port,
            store_is_frozen: false,
            disk,
            disk_is_full: false,
            _broker: broker,
            later: Vec::new(),
            kafka,
            exits: Vec::new(),
            weighed: Instant::now(),
            data: data.to_owned(),
            binary: binary.clone(),
            runtime,
        };
        let store = data.join("store");
        let text =
            |app, port, database| configuration::text(&world.kafka, app, (port, &store), database);
        let hit = text("tapeline", world.proxy.port(), DATABASE);
        let undisturbed = text("reference", store_port, REFERENCE);
        for (path, text) in [(world.config(), hit), (reference, undisturbed)] {
            std::fs::write(path, text).map_err(Failure::while_doing(what))?;
        }
        deploy::deploy(&world.binary, &world.config())?;
        Ok(world)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.data.join("tapeline.toml")
    }

    /// Asks the store itself, not through the proxy; the error is its own text.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> Result<String, String> {
        deploy::ask(&self.data.join("store"), self.store_port, database, sql)
    }

    pub(crate) fn kill_store(&mut self) {
        if let Some(store) = self.store.take() {
            signal(store.clickhouse_pid(), Signal::KILL);
        }
        self.store_is_frozen = false;
    }

    pub(crate) fn freeze_store(&mut self) {
        let pid = self.store.as_ref().and_then(Stack::clickhouse_pid);
        signal(pid, Signal::STOP);
        self.store_is_frozen = true;
    }

    fn thaw_store(&mut self) {
        let pid = self.store.as_ref().and_then(Stack::clickhouse_pid);
        signal(pid, Signal::CONT);
        self.store_is_frozen = false;
    }

    /// Takes what is left of the disk, to the last byte and without a warning; false where there
    /// is no disk to fill.
    pub(crate) fn fill_disk(&mut self) -> Outcome<bool> {
        let Some(disk) = &self.disk else {
            return Ok(false);
        };
        disk.fill()?;
        self.disk_is_full = true;
        Ok(true)
    }

    fn free_disk(&mut self) {
        if let Some(disk) = &self.disk {
            disk.free();
        }
        self.disk_is_full = false;
    }

    /// It runs, answers, and has room.
    pub(crate) fn store_is_well(&self) -> bool {
        self.store.is_some() && !self.store_is_frozen && !self.disk_is_full
    }

    pub(crate) fn second_is_gone(&self) -> bool {
        let leaves = |(_, recovery): &(Instant, StoreRecovery)| {
            matches!(recovery, StoreRecovery::Leave { .. })
        };
        let is_leaving = self.leaving.iter().any(|(again, _)| !again);
        self.second.is_away() && !is_leaving && !self.later.iter().any(leaves)
    }

    /// Begins a graceful stop; the sink is started again when it has ended.
    pub(crate) fn restart_sink(&mut self) {
        let thread = self.sink.stop_gracefully();
        self.leaving.extend(thread.map(|thread| (true, thread)));
    }

    /// The most memory each member had, in KiB.
    pub(crate) fn peak_memory(&mut self) -> Vec<(&'static str, u64)> {
        let sinks = [&mut self.sink, &mut self.second, &mut self.fresh];
        let peaks = sinks.map(|member| {
            member.note_memory();
            (member.name, member.peak_kb)
        });
        peaks.to_vec()
    }

    pub(crate) fn recover_later(&mut self, after: Duration, recovery: StoreRecovery) {
        self.later.push((Instant::now() + after, recovery));
    }

    /// Everything that was taken away is back.
    pub(crate) fn is_whole(&self) -> bool {
        self.later.is_empty() && self.leaving.is_empty() && self.sink.is_up()
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

    /// Ends everything at once; what the engine has is kept where somebody will look at it.
    pub(crate) fn end(mut self, is_clean: bool) {
        let all = [
            &mut self.sink,
            &mut self.second,
            &mut self.fresh,
            &mut self.processors,
        ];
        all.into_iter().for_each(Member::kill);
        self.kill_store();
        if let (false, Some(disk)) = (is_clean, &self.disk) {
            disk.keep(&self.data.join("store/clickhouse-kept"));
        }
    }

    fn serve(&mut self) -> Outcome<()> {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, recovery) in due {
            self.recover(recovery)?;
        }
        self.collect_leaving();
        if now - self.weighed >= WEIGH_EVERY {
            self.weighed = now;
            self.peak_memory();
            self.look_after_the_store();
        }
        if let Some(said) = self.sink.ended_by_itself() {
            self.exits.push(said);
            self.recover_later(AGAIN, StoreRecovery::StartSink);
        }
        let others = [&mut self.second, &mut self.fresh, &mut self.processors];
        let ended = others.map(Member::ended_by_itself);
        self.exits.extend(ended.into_iter().flatten());
        Ok(())
    }

    fn look_after_the_store(&mut self) {
        let Some(Err(error)) = self.store.as_mut().map(Stack::check_children) else {
            return;
        };
        self.exits.push(error.to_string());
        self.kill_store();
        self.recover_later(AGAIN, StoreRecovery::StartStore);
    }

    fn recover(&mut self, recovery: StoreRecovery) -> Outcome<()> {
        match recovery {
            StoreRecovery::StartSink if self.sink.is_away() => self.sink.start()?,
            StoreRecovery::StartSink => {}
            StoreRecovery::StartStore => {
                let ports = Ports {
                    clickhouse: self.store_port,
                    ..Ports::ANY
                };
                let data = self.data.join("store");
                let store = deploy::start_store(&self.runtime, &data, &self.binary, ports)?;
                self.store = Some(store);
            }
            StoreRecovery::ThawStore => self.thaw_store(),
            StoreRecovery::FreeDisk => self.free_disk(),
            StoreRecovery::Leave { by_force: true } => self.second.kill(),
            StoreRecovery::Leave { by_force: false } => {
                let thread = self.second.stop_gracefully();
                self.leaving.extend(thread.map(|thread| (false, thread)));
            }
        }
        Ok(())
    }

    fn collect_leaving(&mut self) {
        let (ended, leaving): (Vec<_>, Vec<_>) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition(|(_, thread)| thread.is_finished());
        self.leaving = leaving;
        for (again, thread) in ended {
            if !thread.join().unwrap_or(false) {
                let text = "a sink did not end well when asked to stop";
                self.exits.push(text.to_owned());
            }
            if again {
                self.recover_later(Duration::ZERO, StoreRecovery::StartSink);
            }
        }
    }
}
