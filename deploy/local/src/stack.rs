//! Everything together: Kafka, the store and the registry, up and down.

use std::fs::{self, File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::artifacts::{engine_library, kafka_jars};
use crate::child::wait_for_predecessor;
use crate::clickhouse::{self, StoreLimits, StoreOptions};
use crate::error::StackError;
use crate::front::FrontUser;
use crate::java::{Java, find_java};
use crate::kafka::{ClusterNode, Kafka, KafkaOptions};
use crate::paths::{cache_dir, free_mb};
use crate::ports::PortLease;
use crate::private_files::{data_folder, made_password, private_folder};
use crate::registry::{PublishedSchema, serve_registry};
use crate::restarter::Restarter;

/// What `fresh` deletes; nothing else in the folder is touched.
const OWN_FOLDERS: [&str; 3] = ["kafka", "clickhouse", "logs"];
/// A run that is just ending gives its lock back within this.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const PREDECESSOR_MARGIN: Duration = Duration::from_secs(10);

/// Ports on loopback; 0 takes any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub kafka: u16,
    pub kafka_controller: u16,
    pub clickhouse: u16,
    pub registry: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            kafka: 9092,
            kafka_controller: 0,
            clickhouse: 8123,
            registry: 8081,
        }
    }
}

impl Ports {
    /// Any free ones, for stacks side by side.
    pub const ANY: Self = Self {
        kafka: 0,
        kafka_controller: 0,
        clickhouse: 0,
        registry: 0,
    };
}

/// Which processes to start; a test of one connector needs only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    All,
    Kafka,
    ClickHouse,
}

#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Kept between runs.
    pub data: PathBuf,
    /// The program that understands `local supervise`: normally the running one.
    pub binary: PathBuf,
    pub ports: Ports,
    pub parts: Parts,
    /// Begin with empty topics and tables.
    pub fresh: bool,
    /// In place of `default`, with the password of the data folder, and `reader`.
    pub users: Option<Vec<FrontUser>>,
    /// Pages that may ask the store from a browser, like `http://localhost:3000`.
    pub store_origins: Vec<String>,
    pub schemas: Vec<PublishedSchema>,
    pub store: StoreLimits,
    pub heap_mb: u32,
    pub min_free_mb: u64,
    /// How long a child may take to stop before it is killed.
    pub grace: Duration,
}

impl StackOptions {
    /// The defaults, with the running program as the supervisor.
    pub fn new(data: impl Into<PathBuf>) -> Result<Self, StackError> {
        let binary = std::env::current_exe().map_err(StackError::io(
            "cannot find the running program near",
            "/proc/self/exe",
        ))?;
        Ok(Self {
            data: data.into(),
            binary,
            ports: Ports::default(),
            parts: Parts::All,
            fresh: false,
            users: None,
            store_origins: Vec::new(),
            schemas: Vec::new(),
            store: StoreLimits::default(),
            heap_mb: 512,
            min_free_mb: 512,
            grace: Duration::from_secs(10),
        })
    }
}

/// How long the parts of a start took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Finding (or, the first time, fetching) the jars and the engine.
    pub artifacts: Duration,
    pub kafka: Duration,
    pub clickhouse: Duration,
    pub total: Duration,
}

/// The running stack. Dropping it stops everything.
pub struct Stack {
    kafka: Option<Kafka>,
    clickhouse: Option<Restarter>,
    registry: JoinHandle<std::io::Result<()>>,
    stop_registry: watch::Sender<bool>,
    ports: Ports,
    timings: Timings,
    _leases: Vec<PortLease>,
    _lock: File,
}

impl Stack {
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        let started = Instant::now();
        let mut options = options;
        let (asked, data) =
            blocking(move || prepare_data(&options).map(|data| (options, data))).await?;
        options = asked;
        options.data.clone_from(&data.path);
        let leases = lease_ports(options.ports)?;
        let [kafka, kafka_controller, clickhouse, registry] =
            [0, 1, 2, 3].map(|at| leases[at].port);
        let ports = Ports {
            kafka,
            kafka_controller,
            clickhouse,
            registry,
        };

        let wanted = options.parts;
        let artifacts = blocking(move || locate(wanted)).await?;
        let artifacts_took = started.elapsed();
        let (stop_registry, stopped) = watch::channel(false);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, ports.registry))
            .await
            .map_err(|_| busy(ports.registry, "the schema registry"))?;
        let registry = tokio::spawn(serve_registry(listener, options.schemas.clone(), stopped));

        let (kafka, clickhouse) = start_children(options, ports, artifacts).await?;
        let timings = Timings {
            artifacts: artifacts_took,
            kafka: kafka.1,
            clickhouse: clickhouse.1,
            total: started.elapsed(),
        };
        tracing::info!(?timings, ?ports, "the embedded stack is up");
        Ok(Self {
            kafka: kafka.0,
            clickhouse: clickhouse.0,
            registry,
            stop_registry,
            ports,
            timings,
            _leases: leases,
            _lock: data.lock,
        })
    }

    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.kafka)
    }

    pub fn clickhouse_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.clickhouse)
    }

    pub fn registry_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.registry)
    }

    /// The ports really used.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// The broker's own process, for faults on purpose.
    pub fn kafka_pid(&self) -> Option<u32> {
        self.kafka.as_ref()?.child.pid()
    }

    /// The engine's own process, for faults on purpose.
    pub fn clickhouse_pid(&self) -> Option<u32> {
        self.clickhouse.as_ref()?.pid()
    }

    /// How often the engine was started again because it had ended by itself.
    pub fn store_restarts(&self) -> u64 {
        self.clickhouse.as_ref().map_or(0, Restarter::restarts)
    }

    /// An error that names the part, its exit status and its last words, if one is gone for
    /// good. The engine is started again a few times before.
    pub fn check_children(&mut self) -> Result<(), StackError> {
        if let Some(kafka) = &mut self.kafka {
            kafka.child.check()?;
        }
        self.clickhouse.as_mut().map_or(Ok(()), Restarter::check)
    }

    /// Stops everything, politely first.
    pub async fn stop(self) {
        // Dropping waits for the children.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.stop_registry.send(true);
        self.registry.abort();
        // Both at once; the fields' own drops then wait for each.
        if let Some(kafka) = &mut self.kafka {
            kafka.child.request_stop();
        }
        if let Some(clickhouse) = &mut self.clickhouse {
            clickhouse.request_stop();
        }
    }
}

/// Brings everything the stack needs into the cache folder; quick when it is there.
pub fn fetch() -> Result<(), StackError> {
    locate(Parts::All).map(|_| ())
}

/// What each part needs from the cache; `None` for a part that is not wanted.
struct Artifacts {
    kafka: Option<(Java, PathBuf)>,
    library: Option<PathBuf>,
    cache: PathBuf,
}

fn locate(parts: Parts) -> Result<Artifacts, StackError> {
    let cache = cache_dir()?;
    let kafka = match parts {
        Parts::ClickHouse => None,
        _ => Some((find_java()?, kafka_jars(&cache)?)),
    };
    let library = match parts {
        Parts::Kafka => None,
        _ => Some(engine_library(&cache)?),
    };
    Ok(Artifacts {
        kafka,
        library,
        cache,
    })
}

/// A part and how long its start took.
type Started<T> = (Option<T>, Duration);

async fn start_children(
    options: StackOptions,
    ports: Ports,
    artifacts: Artifacts,
) -> Result<(Started<Kafka>, Started<Restarter>), StackError> {
    let options = std::sync::Arc::new(options);
    let for_kafka = options.clone();
    let Artifacts {
        kafka,
        library,
        cache,
    } = artifacts;
    let kafka = blocking(move || {
        timed(kafka, |(java, jars)| {
            Kafka::start(&KafkaOptions {
                java,
                jars,
                cache,
                binary: &for_kafka.binary,
                data: &for_kafka.data,
                port: ports.kafka,
                cluster_node: ClusterNode::alone(ports.kafka, ports.kafka_controller),
                heap_mb: for_kafka.heap_mb,
                grace: for_kafka.grace,
            })
        })
    });
    let store = blocking(move || {
        timed(library, |library| {
            let users = match &options.users {
                Some(users) => users.clone(),
                None => FrontUser::usual(made_password(&options.data)?),
            };
            clickhouse::start(StoreOptions {
                library,
                binary: options.binary.clone(),
                data: options.data.clone(),
                port: ports.clickhouse,
                users,
                origins: options.store_origins.clone(),
                limits: options.store,
                grace: options.grace,
            })
        })
    });
    // Both run to their end: what did start is stopped if the other did not.
    let (kafka, store) = tokio::join!(kafka, store);
    Ok((kafka?, store?))
}

fn timed<A, T>(
    needed: Option<A>,
    start: impl FnOnce(A) -> Result<T, StackError>,
) -> Result<Started<T>, StackError> {
    let began = Instant::now();
    let part = needed.map(start).transpose()?;
    Ok((part, began.elapsed()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StackError> + Send + 'static,
) -> Result<T, StackError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(StackError::io("a start-up task failed in", ".")(
            std::io::Error::other(panic),
        )),
    }
}

struct Data {
    path: PathBuf,
    lock: File,
}

fn prepare_data(options: &StackOptions) -> Result<Data, StackError> {
    data_folder(&options.data)?;
    private_folder(&options.data.join("run"))?;
    let path = fs::canonicalize(&options.data)
        .map_err(StackError::io("cannot use the data folder", &options.data))?;
    let lock = lock_data(&path)?;
    let free = free_mb(&path).map_err(StackError::io("cannot read the free space under", &path))?;
    if free < options.min_free_mb {
        return Err(StackError::DiskFull {
            path,
            free_mb: free,
            needed_mb: options.min_free_mb,
        });
    }
    // A killed run's children still hold their ports and files while they go down.
    for name in ["kafka", "clickhouse"] {
        wait_for_predecessor(&path.join("run"), name, options.grace + PREDECESSOR_MARGIN)?;
    }
    if options.fresh {
        for name in OWN_FOLDERS {
            remove(&path.join(name))?;
        }
    }
    for name in OWN_FOLDERS {
        private_folder(&path.join(name))?;
    }
    Ok(Data { path, lock })
}

fn remove(path: &Path) -> Result<(), StackError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::io("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn lock_data(data: &Path) -> Result<File, StackError> {
    let path = data.join("run/stack.lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(StackError::io("cannot open", &path))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    while file.try_lock().is_err() {
        if Instant::now() >= deadline {
            return Err(StackError::DataInUse {
                path: data.to_owned(),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(file)
}

fn lease_ports(ports: Ports) -> Result<Vec<PortLease>, StackError> {
    Ok(vec![
        PortLease::take(ports.kafka, "Kafka", "`local.kafka_port` or --kafka-port")?,
        PortLease::take(
            ports.kafka_controller,
            "Kafka's controller",
            "the stack's options",
        )?,
        PortLease::take(
            ports.clickhouse,
            "ClickHouse",
            "`local.clickhouse_port` or --clickhouse-port",
        )?,
        PortLease::take(
            ports.registry,
            "the schema registry",
            "`local.registry_port` or --registry-port",
        )?,
    ])
}

fn busy(port: u16, what: &'static str) -> StackError {
    StackError::PortInUse {
        port,
        what,
        remedy: "it was taken just now; try again".to_owned(),
    }
}
