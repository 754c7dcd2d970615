//! Recorded transactions in a file: written, looked at, done again.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tapeline_processors::Share;
use tapeline_runtime::replay::recording::{self, Contents, Head, Reader, RecordingError, Writer};
use tapeline_runtime::replay::{Range, ReplayError, Report, save};
use tapeline_schemas::topics::Topic;

use super::processor_tasks::{processor, tasks};
use super::quiet_logs;
use crate::cli::{Recording, Save};
use crate::config::{Config, ConfigError, with_demo};
use crate::console;
use crate::failure::Failure;

/// More damaged records than this are only counted.
const MOST_DAMAGED: usize = 20;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(
    config: impl FnOnce() -> Result<Config, ConfigError>,
    action: &Recording,
) -> Result<(), Failure> {
    match action {
        Recording::Save(arguments) => save_file(config()?, arguments),
        Recording::Show { file, json } => show(file, *json),
    }
}

#[derive(Serialize)]
struct Summary {
    file: PathBuf,
    processor: String,
    /// The release that wrote it.
    version: String,
    config_hash: String,
    file_bytes: u64,
    #[serde(flatten)]
    contents: Contents,
    damaged: u64,
    /// The first of them.
    shown: Vec<String>,
}

fn save_file(config: Config, arguments: &Save) -> Result<(), Failure> {
    quiet_logs(&config);
    let config = with_demo(config, arguments.demo)?;
    let file = &arguments.file;
    if file.exists() && !arguments.force {
        let message = format!(
            "{} is there already; choose another name, or replace it with --force",
            file.display()
        );
        return Err(Failure::Usage(message));
    }
    let mut part = file.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let saved = write(&config, arguments, &part).and_then(|contents| {
        fs::rename(&part, file).map_err(|error| cannot(file, "be written", &error))?;
        Ok(contents)
    });
    let (head, contents) = saved.inspect_err(|_| {
        let _gone = fs::remove_file(&part);
    })?;
    let summary = summary(file, &head, contents)?;
    print(&summary, arguments.json)
}

fn write(config: &Config, arguments: &Save, part: &Path) -> Result<(Head, Contents), Failure> {
    let name = arguments.processor.as_str();
    let _known = processor(config, name)?;
    let kafka = config.kafka_settings()?;
    let range = Range {
        from: arguments.from,
        to: arguments.to,
    };
    let tasks: Vec<Share> = tasks(config, name, arguments.task)?.collect();
    let count = tasks.first().map_or(1, |share| share.of());
    let head = Head::new(name, count, &config.risk_settings().config_hash);
    let out = File::create(part).map_err(|error| cannot(part, "be written", &error))?;
    let mut writer = Writer::new(BufWriter::new(out), &head).map_err(in_file(part))?;
    let mut progress = Progress::default();
    for task in tasks.into_iter().map(Share::task) {
        save(&kafka, name, task, range, &mut writer, |contents| {
            progress.show(contents);
        })
        .map_err(|error| match error {
            ReplayError::Recording(error) => in_file(part)(error),
            other => other.into(),
        })?;
    }
    progress.end();
    let (out, contents) = writer.finish().map_err(in_file(part))?;
    out.get_ref()
        .sync_all()
        .map_err(|error| cannot(part, "be written", &error))?;
    Ok((head, contents))
}

/// One line on a terminal, written over and over.
#[derive(Default)]
struct Progress {
    shown: Option<Instant>,
}

impl Progress {
    fn show(&mut self, contents: &Contents) {
        let mut terminal = std::io::stderr();
        let is_due = self
            .shown
            .is_none_or(|shown| shown.elapsed() > PROGRESS_EVERY);
        if let Some(task) = contents.tasks.last()
            && is_due
            && terminal.is_terminal()
        {
            self.shown = Some(Instant::now());
            let (task, to, records) = (task.task, task.to, contents.records);
            let line = format!("\rtask {task}: transaction {to}, {records} records in the file");
            let _gone = write!(terminal, "{line}");
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            console::say("");
        }
    }
}

fn show(file: &Path, json: bool) -> Result<(), Failure> {
    let mut reader = open(file)?;
    let (mut damaged, mut shown) = (0, Vec::new());
    let fault = reader.check(|what| {
        damaged += 1;
        if shown.len() < MOST_DAMAGED {
            shown.push(what);
        }
    });
    let mut summary = summary(file, reader.head(), reader.contents().clone())?;
    (summary.damaged, summary.shown) = (damaged, shown);
    print(&summary, json)?;
    fault.map_err(in_file(file))?;
    if damaged == 0 {
        return Ok(());
    }
    let (file, count) = (file.display(), console::count(damaged as usize, "record"));
    let message = format!("{file}: {count} damaged; export or copy it again");
    Err(Failure::CheckFailed(message))
}

fn summary(file: &Path, head: &Head, contents: Contents) -> Result<Summary, Failure> {
    let metadata = fs::metadata(file).map_err(|error| cannot(file, "be read", &error))?;
    Ok(Summary {
        file: file.to_owned(),
        processor: head.processor.clone(),
        version: head.version.clone(),
        config_hash: head.config_hash.clone(),
        file_bytes: metadata.len(),
        contents,
        damaged: 0,
        shown: Vec::new(),
    })
}

fn print(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(summary);
    }
    console::line(format!(
        "{}: {} of tapeline {}, {} records, {} bytes",
        summary.file.display(),
        summary.processor,
        summary.version,
        summary.contents.records,
        summary.file_bytes
    ));
    let rows: Vec<Vec<String>> = summary
        .contents
        .tasks
        .iter()
        .map(|task| {
            let inputs = task.inputs.iter();
            let inputs: Vec<String> = inputs.map(|(topic, n)| format!("{topic} {n}")).collect();
            vec![
                task.task.to_string(),
                format!("{} to {}", task.from, task.to),
                task.transactions.to_string(),
                task.state_entries.to_string(),
                task.bytes.to_string(),
                inputs.join(", "),
            ]
        })
        .collect();
    let heading = ["TASK", "TRANSACTIONS", "COUNT", "STATE", "BYTES", "INPUTS"];
    console::table(&heading, &rows);
    summary.shown.iter().for_each(console::line);
    Ok(())
}

/// What came of all tasks.
#[derive(Default)]
pub(super) struct Replayed {
    pub reports: Vec<Report>,
    /// Why not all of a recording could be read.
    pub fault: Option<Failure>,
    /// Where differences may come from, to be appended.
    pub hint: Option<String>,
}

/// Replays a file with the processor that `rules` makes.
pub(super) fn replay(
    file: &Path,
    rules: &Config,
    task: Option<u32>,
    range: Range,
    output: &mut dyn FnMut(Topic, &[u8]),
) -> Result<Replayed, Failure> {
    let mut reader = open(file)?;
    let make = processor(rules, &reader.head().processor)?;
    let (then, now) = (
        reader.head().config_hash.clone(),
        rules.risk_settings().config_hash,
    );
    let played = recording::replay(&mut reader, &*make, task, range, output)?;
    // The hash tells of [risk] and [[accounts]]; where they differ, decisions may.
    let hint = (then != now).then(|| {
        "; [risk] and [[accounts]] are not those the recording was saved with: \
         take that configuration (--config), and --demo if it was saved with it"
            .to_owned()
    });
    Ok(Replayed {
        reports: played.reports,
        fault: played.fault.map(in_file(file)),
        hint,
    })
}

fn open(file: &Path) -> Result<Reader<BufReader<File>>, Failure> {
    let opened = File::open(file).map_err(|error| cannot(file, "be read", &error))?;
    Reader::new(BufReader::new(opened)).map_err(in_file(file))
}

fn cannot(file: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{} cannot {what}: {error}", file.display()))
}

/// What is wrong with a file, with its name.
fn in_file(file: &Path) -> impl Fn(RecordingError) -> Failure {
    move |error| {
        let message = format!("{}: {error}", file.display());
        match error {
            RecordingError::Io(_) => Failure::External(message),
            _ => Failure::CheckFailed(message),
        }
    }
}
