//! The Kafka Streams job: its jars fetched and it compiled once, then run.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tapeline_local::{cache_dir, find_java};
use tapeline_schemas::topics::Topic;

use super::say;
use super::stage::Space;

pub(crate) const EXACTLY_ONCE: &str = "exactly_once_v2";
pub(crate) const AT_LEAST_ONCE: &str = "at_least_once";

const POM: &str = include_str!("../../peers/kafka-streams/pom.xml");
const SOURCE: &str = include_str!("../../peers/kafka-streams/StreamsPeer.java");
const CLASS: &str = "StreamsPeer";
const OLDEST_JAVA: &str = "17";

/// Of a job that is to take little memory.
const SMALL_HEAP: &str = "-Xmx512m";

#[derive(Clone)]
pub(crate) struct Peer {
    java: PathBuf,
    /// Holds `libs` and `classes`.
    folder: PathBuf,
    heap: Option<&'static str>,
}

impl Peer {
    /// Ready to run, or why not and how to mend it.
    pub fn prepare() -> Result<Self, String> {
        let java = find_java().map_err(|error| error.to_string())?.path;
        let folder = cache_dir().map_err(|error| error.to_string())?;
        let folder = folder.join(format!("kafka-streams-peer-{:016x}", fingerprint()));
        if !folder.is_dir() {
            let parent = folder.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
            let work = tempfile::Builder::new()
                .prefix(".peer-")
                .tempdir_in(parent)
                .map_err(|error| error.to_string())?;
            build(&java, work.path())?;
            // Another run may have been quicker.
            let built = work.keep();
            if std::fs::rename(&built, &folder).is_err() {
                let _gone = std::fs::remove_dir_all(&built);
            }
        }
        Ok(Self {
            java,
            folder,
            heap: None,
        })
    }

    /// The same with a bounded heap.
    pub fn small(&self) -> Self {
        Self {
            heap: Some(SMALL_HEAP),
            ..self.clone()
        }
    }

    /// Works through all quotes of a space; says `started` and `done`.
    pub fn count(&self, space: &Space, guarantee: &str, total: u64) -> Job {
        self.run(
            space,
            space,
            &[
                ("job", "count"),
                ("guarantee", guarantee),
                ("total", &total.to_string()),
            ],
        )
    }

    /// Passes on the quotes of `from` whose symbols begin so, as the alerts of
    /// `to`; says `running`.
    pub fn forward(&self, from: &Space, to: &Space, awaited: &str) -> Job {
        let options = [
            ("job", "forward"),
            ("guarantee", EXACTLY_ONCE),
            ("awaited", awaited),
        ];
        self.run(from, to, &options)
    }

    fn run(&self, from: &Space, to: &Space, options: &[(&str, &str)]) -> Job {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let application = format!("peer{number}");
        let state = from.folder.join(&application);
        let log = from.folder.join(format!("{application}.log"));
        let mut command = Command::new(&self.java);
        command
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .args(self.heap)
            .arg("-cp")
            .arg(self.class_path())
            .arg(CLASS)
            .arg(format!("bootstrap={}", from.kafka.bootstrap))
            .arg(format!("application={application}"))
            .arg(format!("state={}", state.display()))
            .arg(format!(
                "in={}",
                from.kafka.names().topic(Topic::MarketQuotes)
            ))
            .arg(format!("out={}", to.kafka.names().topic(Topic::Alerts)))
            // What Kafka Streams itself takes for exactly once.
            .arg("commit_ms=100")
            .args(
                options
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Job {
            child,
            lines: BufReader::new(stdout).lines(),
            log,
        }
    }

    fn class_path(&self) -> OsString {
        let paths = [self.folder.join("classes"), self.folder.join("libs/*")];
        std::env::join_paths(paths).unwrap()
    }
}

/// A running job; ends when dropped.
pub(crate) struct Job {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Job {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Blocks until the job says this; panics with its log when it ends first.
    pub fn wait_for(&mut self, word: &str) {
        let said = self.lines.by_ref().map_while(Result::ok);
        let mut said = said.filter(|line| line == word);
        if said.next().is_none() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("Kafka Streams ended before it said '{word}':\n{log}");
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Of Kafka Streams, as it is pinned.
pub(crate) fn version() -> Option<String> {
    let (_, rest) = POM.split_once("<artifactId>kafka-streams</artifactId>")?;
    let (_, rest) = rest.split_once("<version>")?;
    Some(rest.split_once('<')?.0.to_owned())
}

/// A changed source or version is built anew.
fn fingerprint() -> u64 {
    let mut hasher = DefaultHasher::new();
    (POM, SOURCE).hash(&mut hasher);
    hasher.finish()
}

fn build(java: &Path, folder: &Path) -> Result<(), String> {
    let compiler = compiler(java)?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map(|()| path)
            .map_err(|error| error.to_string())
    };
    let pom = write("pom.xml", POM)?;
    let source = write("StreamsPeer.java", SOURCE)?;
    let libraries = folder.join("libs");
    say("building the Kafka Streams job, once");
    let mut output = OsString::from("-DoutputDirectory=");
    output.push(&libraries);
    succeed(
        Command::new("mvn")
            .args(["-q", "-B", "-C", "-f"])
            .arg(&pom)
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(output),
    )?;
    succeed(
        Command::new(compiler)
            .args(["--release", OLDEST_JAVA, "-cp"])
            .arg(libraries.join("*"))
            .arg("-d")
            .arg(folder.join("classes"))
            .arg(source),
    )
}

/// The compiler beside the Java that will run the job, or the one on the path.
fn compiler(java: &Path) -> Result<PathBuf, String> {
    let real = java.canonicalize().unwrap_or_else(|_| java.to_owned());
    let beside = real.with_file_name("javac");
    let candidates = [beside, PathBuf::from("javac")];
    candidates
        .into_iter()
        .find(|javac| {
            let asked = Command::new(javac).arg("-version").output();
            asked.is_ok_and(|answer| answer.status.success())
        })
        .ok_or_else(|| {
            format!(
                "it must be compiled, and {} comes without javac: install a JDK \
                 (apt-get install openjdk-{OLDEST_JAVA}-jdk-headless)",
                java.display()
            )
        })
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{name} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
