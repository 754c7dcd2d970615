//! Random histories of one lane with crashes, late inserts and forgetful servers.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::range::Note;
use super::tests::{LANE, LIMITS, at, push};
use super::*;

/// What may happen besides crashes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chaos {
    /// Other lanes push every token out of the store's memory.
    TokensForgotten,
    /// Inserts of dead owners arrive late.
    Zombies,
    /// The group's commits expire, so all is read again.
    CommitsForgotten,
}

/// The outside world of one lane: its log, the group's commit, the store.
struct World {
    log: Vec<u64>,
    committed: (Option<u64>, String),
    rows: Vec<u64>,
    tokens: Vec<String>,
    /// The range that each offset was inserted with.
    ranges: HashMap<u64, Range>,
    chaos: Chaos,
    /// An insert of a dead owner that has not arrived yet.
    late: Option<Work>,
}

impl World {
    fn insert(&mut self, work: &Work) {
        let range = work.sealed.range;
        for offset in work.sealed.offsets() {
            let known = *self.ranges.entry(offset).or_insert(range);
            let same = known == range || self.chaos == Chaos::CommitsForgotten;
            assert!(same, "offset {offset} is in {known:?} and {range:?}");
        }
        let mut new: Vec<u64> = work.sealed.offsets().collect();
        if work.careful {
            new.retain(|offset| !self.rows.contains(offset));
        }
        let token = range.token("t", 1);
        if self.tokens.contains(&token) || new.is_empty() {
            return;
        }
        self.rows.extend(new);
        self.tokens.push(token);
    }
}

/// The sink's thread, with a crash possible after every step.
struct Owner {
    assembler: Assembler,
    epoch: u64,
    read: usize,
    now: Duration,
    work: Option<Work>,
}

impl Owner {
    fn start(world: &World) -> Self {
        let (offset, note) = &world.committed;
        let note = Note::read(offset.unwrap_or(0), note);
        let replay = match note {
            Note::Begun { end } => Some(end),
            _ => None,
        };
        let mut assembler = Assembler::new(LIMITS);
        let epoch = assembler.gain(LANE, *offset, replay);
        assembler.checked(LANE, epoch, world.rows.iter().max().copied());
        let from = offset.unwrap_or(0);
        let read = world
            .log
            .iter()
            .position(|at| *at >= from)
            .unwrap_or(world.log.len());
        Self {
            assembler,
            epoch,
            read,
            now: at(0),
            work: None,
        }
    }

    fn read(&mut self, world: &World, count: usize) {
        for offset in world.log.iter().skip(self.read).take(count) {
            push(&mut self.assembler, LANE, *offset, self.now);
            self.read += 1;
        }
    }

    fn commit(&mut self, world: &mut World, flush: bool) {
        let mut entries = self.assembler.due(self.now, flush);
        if entries.is_empty() {
            entries = self.assembler.settled();
        }
        for entry in &entries {
            let note = entry.end.map_or_else(String::new, |end| {
                Range {
                    start: entry.offset,
                    end,
                }
                .note()
            });
            world.committed = (Some(entry.offset), note);
        }
        self.work = self.assembler.begin(&entries).pop().or(self.work.take());
    }

    fn finish(&mut self) {
        if self.work.take().is_some() {
            self.assembler.finished(LANE, self.epoch);
        }
    }
}

fn gaps_to_log(gaps: &[u64]) -> Vec<u64> {
    let mut next = 0;
    gaps.iter()
        .map(|gap| {
            next += gap + 1;
            next - 1
        })
        .collect()
}

fn run(gaps: &[u64], steps: &[(u8, u8)], chaos: Chaos) -> World {
    let mut world = World {
        log: gaps_to_log(gaps),
        committed: (None, String::new()),
        rows: Vec::new(),
        tokens: Vec::new(),
        ranges: HashMap::new(),
        chaos,
        late: None,
    };
    let mut owner = Owner::start(&world);
    for (step, amount) in steps {
        match step % 7 {
            0 => owner.read(&world, usize::from(*amount % 12)),
            1 => owner.now += at(u64::from(*amount)),
            2 => owner.commit(&mut world, false),
            // An insert whose answer is lost and which is sent again.
            3 => {
                if let Some(work) = &owner.work {
                    world.insert(work);
                }
            }
            4 => {
                if let Some(work) = &owner.work {
                    world.insert(work);
                }
                owner.finish();
            }
            5 => {
                match chaos {
                    Chaos::TokensForgotten => world.tokens.clear(),
                    Chaos::Zombies => world.late = owner.work.take().or(world.late.take()),
                    Chaos::CommitsForgotten if *amount > 200 => {
                        world.committed = (None, String::new());
                    }
                    Chaos::CommitsForgotten => {}
                }
                owner = Owner::start(&world);
            }
            _ => {
                if let Some(late) = world.late.take() {
                    world.insert(&late);
                }
            }
        }
    }
    if let Some(late) = world.late.take() {
        world.insert(&late);
    }
    owner.read(&world, usize::MAX);
    for _ in 0..world.log.len() * 2 + 4 {
        owner.commit(&mut world, true);
        if let Some(work) = &owner.work {
            world.insert(work);
        }
        owner.finish();
    }
    assert!(owner.assembler.is_drained());
    world
}

fn assert_once(mut world: World) {
    world.rows.sort_unstable();
    assert_eq!(world.rows, world.log);
    let end = world.log.last().map(|last| last + 1);
    assert_eq!(world.committed, (end, String::new()));
}

type Steps = Vec<(u8, u8)>;

fn histories() -> impl Strategy<Value = (Vec<u64>, Steps)> {
    let gaps = proptest::collection::vec(0..3u64, 0..60);
    (gaps, proptest::collection::vec(any::<(u8, u8)>(), 0..150))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever crashes where: each record is in the store once, and never in
    /// two ranges; even if the store remembers no token of before the crash.
    #[test]
    fn every_record_once_through_crashes((gaps, steps) in histories()) {
        assert_once(run(&gaps, &steps, Chaos::TokensForgotten));
    }

    #[test]
    fn every_record_once_through_zombies((gaps, steps) in histories()) {
        assert_once(run(&gaps, &steps, Chaos::Zombies));
    }

    #[test]
    fn every_record_once_though_the_group_forgets((gaps, steps) in histories()) {
        assert_once(run(&gaps, &steps, Chaos::CommitsForgotten));
    }
}
