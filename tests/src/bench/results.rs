//! `tests/bench/RESULTS.md`: the last figure of every line, whenever it was
//! measured. The file is its own memory: rows are read back from the table.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{BENCHMARKS, machine};

/// From the repository's top folder, where `./dev` runs.
pub(crate) const FILE: &str = "tests/bench/RESULTS.md";
const INTRODUCTION: &str = "\
# Benchmarks

`./dev bench NAME... --save` writes this file; what a run does not measure stays as it was, with \
its own date. *Ours* is this pipeline, *peer* Kafka Streams, *limit* librdkafka alone, each in the \
same run on the same broker and machine; of `sink` the peer is the same rows inserted raw, and of \
bytes a row the limit is what a column took when it was measured alone. A latency counts from when \
a record was due to be sent, in rows of 2026-11-22 and before from when it was sent. A *ratio* above \
1 is how many times better ours is, against the peer, or where there is none, the limit. *Quiet* says whether others left the machine alone, \
*options* what differed from the defaults.
";

/// What stands behind the figures of a row.
const COLUMNS: &str = "| date | commit | quiet | options |";

pub(crate) struct Results {
    file: PathBuf,
    machine: Vec<(&'static str, String)>,
    date: String,
    commit: String,
    options: String,
    rows: Vec<String>,
}

impl Results {
    /// With what was saved before.
    pub fn open(date: &str, options: &str) -> Result<Self, String> {
        let file = PathBuf::from(FILE);
        if !Path::new("tests").is_dir() {
            return Err(format!(
                "{FILE} belongs into the repository: run this by ./dev bench"
            ));
        }
        let before = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("cannot read {FILE}: {error}")),
        };
        Ok(Self {
            file,
            machine: machine::described(),
            date: date.to_owned(),
            commit: machine::commit().unwrap_or_else(|| "unknown".to_owned()),
            options: if options.is_empty() { "–" } else { options }.to_owned(),
            rows: rows(&before),
        })
    }

    /// Writes at once: a run that fails later keeps what it has.
    pub fn put(&mut self, row: &str, quiet: bool) -> Result<(), String> {
        let quiet = if quiet { "yes" } else { "no" };
        let Self {
            date,
            commit,
            options,
            ..
        } = self;
        let row = format!("{row} {date} | {commit} | {quiet} | {options} |");
        put(&mut self.rows, row);
        let text = document(&self.machine, &self.date, &self.rows);
        let folder = self.file.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(&self.file, text))
            .map_err(|error| format!("cannot write {FILE}: {error}"))
    }
}

/// The rows of the table, without its head.
fn rows(text: &str) -> Vec<String> {
    let table = text.lines().filter(|line| line.starts_with('|'));
    table.skip(2).map(str::to_owned).collect()
}

/// In the place of the line's former row.
fn put(rows: &mut Vec<String>, row: String) {
    match rows.iter_mut().find(|old| name_of(old) == name_of(&row)) {
        Some(old) => *old = row,
        None => rows.push(row),
    }
    rows.sort_by_key(|row| place(name_of(row)));
}

fn name_of(row: &str) -> &str {
    row.split('|').nth(1).unwrap_or_default().trim()
}

/// Lines stand together by their benchmark, each as it came.
fn place(name: &str) -> usize {
    let benchmark = name.split('_').next().unwrap_or_default();
    let mut known = BENCHMARKS.iter();
    let place = known.position(|known| known.name == benchmark);
    place.unwrap_or(BENCHMARKS.len())
}

fn document(machine: &[(&str, String)], date: &str, rows: &[String]) -> String {
    let mut text = format!("{INTRODUCTION}\nThe last run, of {date}:\n\n");
    for (what, said) in machine {
        let _fits = writeln!(text, "- {what}: {said}");
    }
    text.push('\n');
    text.push_str(&super::report::head(COLUMNS));
    for row in rows {
        text.push('\n');
        text.push_str(row);
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ours: &str) -> String {
        format!("| {name} | {ours} | – |")
    }

    #[test]
    fn what_was_not_measured_stays_and_what_was_is_replaced() {
        let mut rows = vec![row("throughput", "1"), row("latency_p50", "2")];
        put(&mut rows, row("throughput", "3"));
        put(&mut rows, row("restore", "4"));
        put(&mut rows, row("throughput_wall", "5"));
        put(&mut rows, row("latency_p5", "6"));
        let expected = [
            row("throughput", "3"),
            row("throughput_wall", "5"),
            row("latency_p50", "2"),
            row("latency_p5", "6"),
            row("restore", "4"),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_document_is_read_back_as_it_was_written() {
        let saved = vec![row("throughput", "1"), row("unknown", "2")];
        let machine = [("processor", "A|B".to_owned())];
        let text = document(&machine, "2026-11-21", &saved);
        assert_eq!(rows(&text), saved);
        assert_eq!(rows(""), Vec::<String>::new());
    }
}
