//! A scenario's own topics and tables on the shared stack.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tapeline_kafka::{KafkaError, KafkaSettings, OwnedMessage, Publisher, read_to_end};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tempfile::TempDir;

use crate::program::{Program, Running, scratch};
use crate::stack::shared;
use crate::{eventually, http};

const WITHIN: Duration = Duration::from_secs(60);

pub struct Namespace {
    pub database: String,
    pub kafka: KafkaSettings,
    folder: TempDir,
    publisher: Publisher,
}

impl Namespace {
    /// Topics and tables made by the same commands an operator uses.
    pub fn new(name: &str, extra_configuration: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let stack = shared();
        let database = format!("{name}_{number}");
        let kafka = KafkaSettings {
            bootstrap: stack.bootstrap.clone(),
            topic_prefix: format!("{name}{number}."),
            market_partitions: 2,
            portfolio_partitions: 2,
            ..KafkaSettings::default()
        };
        let folder = scratch();
        let text = format!(
            "[kafka]\nbootstrap = '{}'\ntopic_prefix = '{}'\nmarket_partitions = 2\nportfolio_partitions = 2\n\
             [clickhouse]\nurl = '{}'\ndatabase = '{database}'\npassword = 'secret://file/{}'\n\
             [telemetry]\nlisten = '127.0.0.1:0'\n{extra_configuration}\n",
            kafka.bootstrap,
            kafka.topic_prefix,
            stack.clickhouse,
            stack.password_file.display(),
        );
        std::fs::write(folder.path().join("tapeline.toml"), text).unwrap();
        let publisher = Publisher::new(&kafka, name).unwrap();
        let namespace = Self {
            database,
            kafka,
            folder,
            publisher,
        };
        namespace.program(["topics", "apply", "--yes"]).run().ok();
        namespace.program(["store", "apply"]).run().ok();
        namespace
    }

    /// `tapeline …` with this namespace's configuration.
    pub fn program<const N: usize>(&self, arguments: [&str; N]) -> Program {
        Program::new(arguments).folder(self.folder.path())
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// `tapeline run` with these roles, once it says that it is ready.
    pub fn roles(&self, roles: &[&str]) -> Running {
        Self::roles_in(self.folder.path(), roles)
    }

    /// The same with the configuration of another folder, as on another machine.
    pub fn roles_in(folder: &Path, roles: &[&str]) -> Running {
        let mut arguments = vec!["run"];
        for role in roles {
            arguments.extend(["--role", role]);
        }
        let mut running = Program::new(arguments).folder(folder).start();
        running.until("the roles are ready", WITHIN, |running| {
            let said = running.stderr();
            let address = said
                .lines()
                .find_map(|l| l.strip_prefix("metrics and health on "))?;
            let (status, _) = http::get(address, "/health/ready").ok()?;
            (status == 200).then_some(())
        });
        running
    }

    pub fn publish(&self, event: &Event<'_>) {
        let mut value = Vec::new();
        event.encode(&mut value).unwrap();
        self.publish_raw(event.topic(), event.key(), &value);
    }

    pub fn publish_raw(&self, topic: Topic, key: &str, value: &[u8]) {
        let names = self.kafka.names();
        let full = names.topic(topic);
        self.publisher
            .publish(full, key.as_bytes(), value, &[], None)
            .unwrap();
        self.publisher.flush(WITHIN).unwrap();
    }

    /// Everything committed in a topic.
    pub fn read(&self, topic: Topic) -> Vec<OwnedMessage> {
        let partitions = self.kafka.partitions(topic.spec().group);
        self.read_named(self.kafka.names().topic(topic), partitions)
    }

    /// The values of all topics, as far as they are text: where nothing secret may be.
    pub fn in_topics(&self) -> String {
        let messages = Topic::ALL.iter().flat_map(|topic| self.read(*topic));
        let values = messages.filter_map(|message| message.value);
        values
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .collect()
    }

    /// The same of a topic with this full name.
    pub fn read_named(&self, topic: &str, partitions: u32) -> Vec<OwnedMessage> {
        let mut all = Vec::new();
        for partition in 0..partitions as i32 {
            read_to_end(&self.kafka, topic, partition, None, WITHIN, |message| {
                all.push(OwnedMessage::from(message));
                Ok::<(), KafkaError>(())
            })
            .unwrap();
        }
        all
    }

    /// The same, once there are this many.
    pub fn read_at_least(&self, topic: Topic, count: usize) -> Vec<OwnedMessage> {
        eventually(&format!("{count} records in {topic}"), WITHIN, || {
            let all = self.read(topic);
            (all.len() >= count).then_some(all)
        })
    }

    pub fn query(&self, sql: &str) -> String {
        let stack = shared();
        http::query_as_default(&stack.clickhouse, &stack.password, &self.database, sql)
    }

    /// Asks the store until the answer is this.
    pub fn query_until(&self, sql: &str, expected: &str) {
        let mut last = String::new();
        let deadline = std::time::Instant::now() + WITHIN;
        while last != expected {
            assert!(
                std::time::Instant::now() < deadline,
                "{sql} says {last}, not {expected}"
            );
            last = self.query(sql);
        }
    }
}
