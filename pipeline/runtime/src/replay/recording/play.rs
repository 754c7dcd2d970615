//! A replay from a recording, as far as it can be read.

use std::io::Read;

use tapeline_model::records::Journal;
use tapeline_processors::{Processor, Share};
use tapeline_schemas::codec;
use tapeline_schemas::topics::Topic;

use super::RecordingError;
use super::format::LineKind;
use super::read::{Entry, Reader};
use crate::changelog;
use crate::replay::{Difference, Range, Replay, ReplayError, Report, difference};

/// What came of it.
#[derive(Debug)]
pub struct Played {
    pub reports: Vec<Report>,
    /// Why the rest of the file could not be read.
    pub fault: Option<RecordingError>,
}

/// Replays all tasks of a recording, or one; every output is handed to `output`.
pub fn replay<R: Read>(
    reader: &mut Reader<R>,
    make: &dyn Fn(Share) -> Box<dyn Processor>,
    task: Option<u32>,
    range: Range,
    output: &mut dyn FnMut(Topic, &[u8]),
) -> Result<Played, ReplayError> {
    let mut player = Player {
        make,
        task,
        range,
        output,
        reports: Vec::new(),
        held: Vec::new(),
        open: None,
        passing: false,
        transaction: 0,
    };
    let fault = match player.run(reader) {
        Ok(()) => None,
        Err(ReplayError::Recording(fault)) => Some(fault),
        Err(error) => return Err(error),
    };
    let reports = player.reports;
    match task {
        Some(wanted) if fault.is_none() && reports.is_empty() => Err(ReplayError::NoSuchTask {
            wanted,
            held: player.held,
        }),
        _ => Ok(Played { reports, fault }),
    }
}

struct Player<'a> {
    make: &'a dyn Fn(Share) -> Box<dyn Processor>,
    task: Option<u32>,
    range: Range,
    output: &'a mut dyn FnMut(Topic, &[u8]),
    reports: Vec<Report>,
    /// Every task that came by.
    held: Vec<u32>,
    /// The task being replayed, as long as there is more to do.
    open: Option<Replay>,
    /// What comes now was not asked for.
    passing: bool,
    /// The last one done again, or the one it began behind.
    transaction: i64,
}

impl Player<'_> {
    fn run<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), ReplayError> {
        while let Some(entry) = reader.next()? {
            match (entry.kind, self.open.take()) {
                (LineKind::Task, _) => self.begin(reader, &entry)?,
                (LineKind::Journal, Some(replay)) => {
                    self.replay_transaction(reader, replay, &entry)?;
                }
                (_, None) if self.passing => {}
                (_, open) => {
                    self.left_over(&entry);
                    self.open = open;
                }
            }
        }
        Ok(())
    }

    /// Reads the state a task begins with.
    fn begin<R: Read>(&mut self, reader: &mut Reader<R>, entry: &Entry) -> Result<(), ReplayError> {
        let after = entry.offset;
        let task = match u32::try_from(entry.partition) {
            Ok(task) if after >= 0 => task,
            _ => {
                return Err(reader
                    .damaged(format!("{} begins no task", entry.place()))
                    .into());
            }
        };
        self.held.push(task);
        self.passing = self.task.is_some_and(|wanted| wanted != task);
        if self.passing {
            return Ok(());
        }
        if let Some(wanted) = self.range.from.filter(|from| *from <= after) {
            return Err(ReplayError::NoStart {
                topic: entry.topic.clone(),
                partition: task,
                first: after + 1,
                wanted,
            });
        }
        self.transaction = after;
        let mut report = Report::new(task);
        let mut damage = entry.damage.clone();
        let share = Share::new(task, reader.head().tasks());
        let replay = Replay::begin((self.make)(share), after, |task| {
            while let Some(entry) = reader.next_if(|entry| entry.kind == LineKind::Snapshot)? {
                damage = damage.take().or(entry.damage);
                let key = entry.key.as_deref().unwrap_or_default();
                match changelog::parse_snapshot_key(key) {
                    Some((_, changelog::SNAPSHOT_END)) | None => {}
                    Some((_, key)) => task.restore(key, entry.value.as_deref())?,
                }
            }
            Ok::<(), ReplayError>(())
        });
        self.open = match replay {
            Ok(replay) => Some(replay),
            // The state is lost, and with it the task.
            Err(ReplayError::Task(_)) if damage.is_some() => None,
            Err(error) => return Err(error),
        };
        if let Some(what) = damage {
            report.differs(bare(after, what));
        }
        self.reports.push(report);
        Ok(())
    }

    /// Does one transaction again.
    fn replay_transaction<R: Read>(
        &mut self,
        reader: &mut Reader<R>,
        mut replay: Replay,
        entry: &Entry,
    ) -> Result<(), ReplayError> {
        let expected = replay.task().transactions().saturating_add(1);
        let found = match (
            codec::decode(entry.value.as_deref().unwrap_or_default()),
            &entry.damage,
        ) {
            (Ok(journal), damage) => {
                let mut journal: Journal = journal;
                if damage.is_some() {
                    journal.transaction = expected;
                }
                if self.range.ends_before(journal.transaction) {
                    // The task stays closed.
                    self.passing = true;
                    return Ok(());
                }
                self.transaction = journal.transaction;
                let applied = replay.apply(&journal, reader, &mut *self.output);
                match (applied, damage) {
                    (Ok(found), None) => found,
                    (Ok(_) | Err(ReplayError::Task(_)), Some(what)) => {
                        replay.skip(expected);
                        Some(difference(&journal, what.clone()))
                    }
                    (Err(error), _) => return Err(error),
                }
            }
            (Err(_), Some(what)) => {
                self.transaction = expected;
                replay.skip(expected);
                Some(bare(expected, what.clone()))
            }
            (Err(source), None) => {
                return Err(ReplayError::Decode {
                    topic: entry.topic.clone(),
                    partition: entry.partition as u32,
                    source,
                });
            }
        };
        self.open = Some(replay);
        if let Some(report) = self.reports.last_mut() {
            report.done(self.transaction, found);
        }
        Ok(())
    }

    /// A record that no step of its transaction read, or that no task began before.
    fn left_over(&mut self, entry: &Entry) {
        let transaction = self.transaction;
        let what = entry.damage.clone().unwrap_or_else(|| {
            let place = entry.place();
            format!("{place} follows it in the file, and nothing read that")
        });
        if self.reports.is_empty() {
            self.reports
                .push(Report::new(entry.partition.unsigned_abs()));
        }
        if let Some(report) = self.reports.last_mut()
            && !report.differs_at(transaction)
        {
            report.differs(bare(transaction, what));
        }
    }
}

/// A difference of which the inputs are not known.
fn bare(transaction: i64, what: String) -> Difference {
    Difference {
        transaction,
        what,
        inputs: Vec::new(),
    }
}
