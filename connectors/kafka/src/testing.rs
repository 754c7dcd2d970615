//! A small cluster inside the test's process: enough of the protocol for
//! transactions, groups and errors. What needs a real broker is tested end to end.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::{KafkaSettings, Publisher};

pub(crate) struct Cluster {
    pub(crate) mock: MockCluster<'static, DefaultProducerContext>,
    pub(crate) settings: KafkaSettings,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let mock = MockCluster::new(1).unwrap();
        let settings = KafkaSettings {
            bootstrap: mock.bootstrap_servers(),
            request_timeout: Duration::from_secs(20),
            ..KafkaSettings::default()
        };
        Self { mock, settings }
    }

    pub(crate) fn with_topic(topic: &str, partitions: i32) -> Self {
        let cluster = Self::start();
        cluster.mock.create_topic(topic, partitions, 1).unwrap();
        cluster
    }

    /// Publishes `count` records with the values "0", "1", … under one key.
    pub(crate) fn fill(&self, topic: &str, count: usize) {
        let publisher = Publisher::new(&self.settings, "fill").unwrap();
        for n in 0..count {
            publisher
                .publish(topic, b"key", n.to_string().as_bytes(), &[], None)
                .unwrap();
        }
        publisher.flush(Duration::from_secs(20)).unwrap();
    }
}

/// Settings for an address at which nothing listens.
pub(crate) fn nobody_listens() -> KafkaSettings {
    // Bound and dropped: the port is free, and connecting to it is refused.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    KafkaSettings {
        bootstrap: format!("127.0.0.1:{port}"),
        request_timeout: Duration::from_millis(700),
        transaction_timeout: Duration::from_secs(2),
        ..KafkaSettings::default()
    }
}

/// Calls `step` until it yields something; panics after half a minute.
pub(crate) fn until<T>(mut step: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if let Some(value) = step() {
            return value;
        }
    }
    panic!("nothing came within 30 s");
}
