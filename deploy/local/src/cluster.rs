//! Several brokers that form one cluster, each started, killed and started again on its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::artifacts::kafka_jars;
use crate::error::StackError;
use crate::java::{Java, find_java};
use crate::kafka::{ClusterNode, Kafka, KafkaOptions, cluster_id};
use crate::paths::cache_dir;
use crate::ports::PortLease;

/// Enough for the few topics of a test, three times on a small machine.
const HEAP_MB: u32 = 320;
const GRACE: Duration = Duration::from_secs(15);

/// One broker and controller of a cluster; stopped when dropped.
pub struct KafkaNode {
    cluster_node: ClusterNode,
    port: u16,
    java: Java,
    jars: PathBuf,
    cache: PathBuf,
    binary: PathBuf,
    data: PathBuf,
    running: Option<Kafka>,
    _leases: Vec<PortLease>,
}

/// The nodes of a new cluster, none of them started. `binary` is the program that understands
/// `local supervise`; each node keeps its files in `<data>/broker-<number>`.
pub fn kafka_cluster(data: &Path, binary: &Path, nodes: u32) -> Result<Vec<KafkaNode>, StackError> {
    let cache = cache_dir()?;
    let java = find_java()?;
    let jars = kafka_jars(&cache)?;
    let cluster_id = cluster_id();
    let lease = || PortLease::take(0, "Kafka", "the cluster's options");
    let controllers: Vec<PortLease> = (0..nodes).map(|_| lease()).collect::<Result<_, _>>()?;
    let ports: Vec<u16> = controllers.iter().map(|lease| lease.port).collect();
    controllers
        .into_iter()
        .zip(1..)
        .map(|(controller, node)| {
            let (clients, internal) = (lease()?, lease()?);
            let data = data.join(format!("broker-{node}"));
            for folder in ["logs", "run"] {
                let folder = data.join(folder);
                std::fs::create_dir_all(&folder)
                    .map_err(StackError::io("cannot create", &folder))?;
            }
            Ok(KafkaNode {
                cluster_node: ClusterNode {
                    node,
                    controllers: ports.clone(),
                    internal_port: Some(internal.port),
                    advertised_port: clients.port,
                    cluster_id: Some(cluster_id.clone()),
                },
                port: clients.port,
                java: java.clone(),
                jars: jars.clone(),
                cache: cache.clone(),
                binary: binary.to_owned(),
                data,
                running: None,
                _leases: vec![controller, clients, internal],
            })
        })
        .collect()
}

impl KafkaNode {
    /// Numbers begin with 1.
    pub fn number(&self) -> u32 {
        self.cluster_node.node
    }

    /// Where it listens to clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From the next start on clients are told to come to this port, where a proxy may listen.
    pub fn advertise(&mut self, port: u16) {
        self.cluster_node.advertised_port = port;
    }

    /// Where it keeps the topics' partitions, a folder each.
    pub fn log_dir(&self) -> PathBuf {
        self.data.join("kafka/data")
    }

    /// Starts it, or again after its end, and waits until it answers. At the first start the
    /// nodes wait for each other: they must be started at the same time.
    pub fn start(&mut self) -> Result<(), StackError> {
        self.stop();
        self.running = Some(Kafka::start(&KafkaOptions {
            java: self.java.clone(),
            jars: self.jars.clone(),
            cache: self.cache.clone(),
            binary: &self.binary,
            data: &self.data,
            port: self.port,
            cluster_node: self.cluster_node.clone(),
            heap_mb: HEAP_MB,
            grace: GRACE,
        })?);
        Ok(())
    }

    /// The broker's own process, for faults on purpose.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref()?.child.pid()
    }

    pub fn stop(&mut self) {
        // Dropping waits for the child.
        self.running = None;
    }
}
