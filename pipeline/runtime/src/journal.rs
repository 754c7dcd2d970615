//! What one transaction read, in order, and when: enough to do it again.

use sha2::{Digest, Sha256};
use tapeline_model::records::{Journal, JournalStep, StepKind};
use tapeline_model::{Micros, Origin};
use tapeline_processors::LOGIC;
use tapeline_schemas::topics::Topic;

/// The steps of the transaction that is open.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<JournalStep>,
    /// Where the last run of records was read; none after a tick.
    run: Option<(StepKind, Topic, u32, Micros)>,
}

impl Steps {
    /// Consecutive records of one partition that saw the same time are one run.
    pub fn read(&mut self, origin: Origin, now: Micros) {
        self.run_of(StepKind::Read, origin, now);
    }

    /// A parked record: it was not processed.
    pub fn park(&mut self, origin: Origin, now: Micros) {
        self.run_of(StepKind::Parked, origin, now);
    }

    fn run_of(&mut self, kind: StepKind, origin: Origin, now: Micros) {
        let place = (kind, origin.topic, origin.partition, now);
        let offset = origin.offset as i64;
        if self.run == Some(place)
            && let Some(step) = self.steps.last_mut()
        {
            step.last_offset = offset;
            step.count += 1;
            return;
        }
        self.run = Some(place);
        self.steps.push(JournalStep {
            kind,
            now,
            topic: origin.topic.name().to_owned(),
            partition: origin.partition as i32,
            first_offset: offset,
            last_offset: offset,
            count: 1,
        });
    }

    pub fn tick(&mut self, now: Micros) {
        self.run = None;
        self.steps.push(JournalStep {
            kind: StepKind::Tick,
            now,
            topic: String::new(),
            partition: 0,
            first_offset: 0,
            last_offset: 0,
            count: 0,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Closes the transaction and starts the next one.
    pub fn seal(&mut self, transaction: i64, sealed_at: Micros, outputs: Fingerprint) -> Journal {
        self.run = None;
        Journal {
            transaction,
            steps: std::mem::take(&mut self.steps),
            sealed_at,
            outputs: outputs.count,
            output_hash: outputs.finish(),
            state_hash: None,
            logic: LOGIC.to_owned(),
        }
    }
}

/// Over records in their order: none can be changed, left out, added or moved unnoticed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprint {
    hash: Sha256,
    count: i32,
}

impl Fingerprint {
    pub fn add(&mut self, parts: &[&[u8]]) {
        self.count += 1;
        for part in parts {
            // Lengths keep one record's end from passing as the next one's start.
            self.hash.update((part.len() as u64).to_be_bytes());
            self.hash.update(part);
        }
    }

    pub fn count(&self) -> i32 {
        self.count
    }

    pub fn finish(self) -> Vec<u8> {
        self.hash.finalize().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: Topic, partition: u32, offset: u64) -> Origin {
        Origin {
            topic,
            partition,
            offset,
        }
    }

    #[test]
    fn runs_are_encoded_by_their_ends() {
        let mut steps = Steps::default();
        for offset in [5, 6, 9] {
            steps.read(at(Topic::MarketMarks, 1, offset), Micros(1));
        }
        steps.read(at(Topic::MarketMarks, 2, 0), Micros(1));
        steps.read(at(Topic::MarketMarks, 1, 10), Micros(1));
        steps.read(at(Topic::MarketMarks, 1, 11), Micros(2));
        steps.tick(Micros(3));
        steps.read(at(Topic::MarketMarks, 1, 12), Micros(2));
        let journal = steps.seal(4, Micros(9), Fingerprint::default());
        let shown: Vec<(i32, i64, i64, i32)> = journal
            .steps
            .iter()
            .map(|s| (s.partition, s.first_offset, s.last_offset, s.count))
            .collect();
        let expected = [
            (1, 5, 9, 3),
            (2, 0, 0, 1),
            (1, 10, 10, 1),
            (1, 11, 11, 1),
            (0, 0, 0, 0),
            (1, 12, 12, 1),
        ];
        assert_eq!(shown, expected);
        assert_eq!((journal.transaction, journal.outputs), (4, 0));
        assert!(steps.is_empty(), "the next transaction starts empty");
    }

    #[test]
    fn a_fingerprint_notices_every_kind_of_change() {
        let of = |records: &[&[&[u8]]]| {
            let mut fingerprint = Fingerprint::default();
            for parts in records {
                fingerprint.add(parts);
            }
            fingerprint.finish()
        };
        let original = of(&[&[b"k", b"v"], &[b"l", b"w"]]);
        let others = [
            of(&[&[b"k", b"v"]]),
            of(&[&[b"l", b"w"], &[b"k", b"v"]]),
            of(&[&[b"k", b"v"], &[b"l", b"x"]]),
            of(&[&[b"kv", b""], &[b"l", b"w"]]),
            of(&[&[b"k", b"v"], &[b"l", b"w"], &[b"l", b"w"]]),
        ];
        assert!(others.iter().all(|other| *other != original));
    }
}
