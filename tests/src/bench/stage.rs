//! One broker for all benchmarks of a run, and topics of their own for each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tapeline_kafka::KafkaSettings;
use tapeline_local::{Parts, Ports, Stack, StackError, StackOptions};
use tapeline_tests::{Program, Running, get, program_path, query_as_default, query_bytes, scratch};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::profile::{Profiles, Recording};
use super::scrape;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// The role that most benchmarks measure.
pub(crate) const PROCESSORS: &[&str] = &["processors"];

pub(crate) struct Stage {
    // Dropped in this order: the broker before its folder.
    stack: Stack,
    runtime: Runtime,
    folder: TempDir,
    profiles: Option<Profiles>,
}

/// The embedded store, for as long as this is kept.
pub(crate) struct Store {
    stack: Stack,
    data: PathBuf,
}

impl Store {
    pub fn url(&self) -> String {
        self.stack.clickhouse_url()
    }

    /// Of the user `default`.
    pub fn password(&self) -> String {
        tapeline_local::store_password(&self.data).unwrap().unwrap()
    }

    /// What a configuration says of it.
    pub fn configuration(&self, database: &str) -> String {
        format!(
            "[clickhouse]\nurl = '{}'\ndatabase = '{database}'\npassword = 'secret://file/{}'\n",
            self.url(),
            tapeline_local::password_file(&self.data).display()
        )
    }

    pub fn query(&self, database: &str, sql: &str) -> String {
        query_as_default(&self.url(), &self.password(), database, sql)
    }

    pub fn query_bytes(&self, database: &str, body: &[u8]) -> Vec<u8> {
        query_bytes(&self.url(), &self.password(), database, body)
    }

    /// While it runs.
    pub fn pid(&self) -> Option<u32> {
        self.stack.clickhouse_pid()
    }
}

impl Stage {
    pub fn start(profiles: Option<Profiles>) -> Result<Self, StackError> {
        let folder = scratch();
        let runtime = Runtime::new().unwrap();
        let stack = start_parts(&runtime, folder.path(), Parts::Kafka)?;
        Ok(Self {
            stack,
            runtime,
            folder,
            profiles,
        })
    }

    pub fn broker_pid(&self) -> Option<u32> {
        self.stack.kafka_pid()
    }

    /// Only while it is needed: it takes memory and processors from what is measured.
    pub fn start_store(&self) -> Result<Store, StackError> {
        let data = self.folder.path().join("store");
        let stack = start_parts(&self.runtime, &data, Parts::ClickHouse)?;
        Ok(Store { stack, data })
    }

    /// Topics that nothing else uses, made with the program's own command.
    pub fn space(&self, name: &str, market_partitions: u32, configuration: &str) -> Space {
        let kafka = KafkaSettings {
            bootstrap: self.stack.bootstrap(),
            topic_prefix: format!("{name}."),
            market_partitions,
            ..KafkaSettings::default()
        };
        let folder = self.folder.path().join("spaces").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "[kafka]\nbootstrap = '{}'\ntopic_prefix = '{}'\nmarket_partitions = {market_partitions}\n\
             [telemetry]\nlisten = '127.0.0.1:0'\nlog = 'warn'\n{configuration}\n",
            kafka.bootstrap, kafka.topic_prefix
        );
        std::fs::write(folder.join("tapeline.toml"), text).unwrap();
        let space = Space {
            kafka,
            folder,
            name: name.to_owned(),
            profiles: self.profiles.clone(),
        };
        space.tapeline(&["topics", "apply", "--yes"]);
        space
    }
}

fn start_parts(runtime: &Runtime, data: &Path, parts: Parts) -> Result<Stack, StackError> {
    let mut options = StackOptions::new(data)?;
    options.binary = program_path();
    options.ports = Ports::ANY;
    options.parts = parts;
    runtime.block_on(Stack::start(options))
}

pub(crate) struct Space {
    pub kafka: KafkaSettings,
    pub folder: PathBuf,
    name: String,
    profiles: Option<Profiles>,
}

impl Space {
    /// A command of the program, which must succeed.
    pub fn tapeline(&self, arguments: &[&str]) {
        Program::new(arguments).folder(&self.folder).run().ok();
    }

    /// `tapeline run` with these roles, from its first moment on.
    pub fn start(&self, roles: &[&str]) -> Processors {
        let roles = roles.iter().flat_map(|role| ["--role", *role]);
        let arguments: Vec<&str> = ["run"].into_iter().chain(roles).collect();
        let running = Program::new(arguments).folder(&self.folder).start();
        let profiles = self.profiles.as_ref();
        Processors {
            recording: profiles.and_then(|p| p.record(&self.name, running.pid())),
            running,
            address: None,
        }
    }
}

/// A running program with its metrics.
pub(crate) struct Processors {
    recording: Option<Recording>,
    running: Running,
    address: Option<String>,
}

impl Processors {
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Asks until there is an answer; panics with what the program said if it ends before.
    pub fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut ask: impl FnMut(&mut Metrics<'_>) -> Option<T>,
    ) -> T {
        let address = &mut self.address;
        self.running.until(what, within, |running| {
            ask(&mut Metrics { running, address })
        })
    }

    /// Every task has its state back and reads.
    pub fn wait_ready(&mut self) {
        self.until("the processors are ready", READY_WITHIN, |metrics| {
            (metrics.get("/health/ready")?.0 == 200).then_some(())
        });
    }

    pub fn stop(self) {
        // How it ends is no part of what is measured.
        drop(self.recording);
        self.running.stop().ok();
    }
}

/// What a running program says about itself, asked when needed.
pub(crate) struct Metrics<'a> {
    running: &'a Running,
    address: &'a mut Option<String>,
}

impl Metrics<'_> {
    /// None while it is not served yet, or was never counted.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        scrape::value(&text, name, labels)
    }

    fn get(&mut self, path: &str) -> Option<(u16, String)> {
        if self.address.is_none() {
            let said = self.running.stderr();
            let mut lines = said.lines();
            *self.address = lines
                .find_map(|line| line.strip_prefix("metrics and health on "))
                .map(str::to_owned);
        }
        get(self.address.as_ref()?, path).ok()
    }
}
