//! A log with transactions, as a broker keeps it: what is committed is there at
//! once and whole, and only the newest epoch may commit.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use tapeline_model::records::Journal;
use tapeline_processors::Processor;
use tapeline_processors::limits::{Calendars, LimitDefinition, Limits, parse_all};
use tapeline_runtime::{InputRecord, SnapshotPolicy, Task, TaskError, Write};
use tapeline_schemas::codec;
use tapeline_schemas::topics::Topic;

use crate::inputs::Random;

pub(crate) type Bytes = Vec<u8>;

/// An input partition; markers of other people's transactions leave gaps.
pub(crate) struct Partition {
    pub topic: Topic,
    pub number: u32,
    pub records: BTreeMap<u64, Bytes>,
}

impl Partition {
    pub fn new(topic: Topic, number: u32, values: Vec<Bytes>, random: &mut Random) -> Self {
        let mut offset = 0;
        let mut records = BTreeMap::new();
        for value in values {
            offset += u64::from(random.chance(20));
            records.insert(offset, value);
            offset += 1;
        }
        Self {
            topic,
            number,
            records,
        }
    }

    pub fn place(&self) -> (Topic, u32) {
        (self.topic, self.number)
    }
}

/// What a transaction wants to write.
#[derive(Default)]
pub(crate) struct Transaction {
    pub outputs: Vec<(Topic, Bytes)>,
    pub changelog: Vec<(Bytes, Option<Bytes>)>,
    pub journal: Vec<Journal>,
}

impl Transaction {
    pub fn of(task: &mut Task, now: tapeline_model::Micros) -> Self {
        let mut transaction = Self::default();
        task.seal(now, |write| {
            match write {
                Write::Output { topic, value, .. } => {
                    transaction.outputs.push((topic, value.to_vec()));
                }
                Write::State { key, value } => {
                    transaction
                        .changelog
                        .push((key.to_vec(), value.map(<[u8]>::to_vec)));
                }
                Write::Journal { value, .. } => {
                    transaction.journal.push(codec::decode(value).unwrap());
                }
                Write::Snapshot { .. } => {}
            }
            Ok::<(), TaskError>(())
        })
        .unwrap();
        transaction
    }
}

pub(crate) struct Log {
    pub inputs: Vec<Partition>,
    pub outputs: Vec<(Topic, Bytes)>,
    pub changelog: Vec<(Bytes, Option<Bytes>)>,
    pub journal: Vec<Journal>,
    /// Of the newest owner: everyone before is fenced.
    pub epoch: u64,
}

impl Log {
    pub fn new(inputs: Vec<Partition>) -> Self {
        Self {
            inputs,
            outputs: Vec::new(),
            changelog: Vec::new(),
            journal: Vec::new(),
            epoch: 0,
        }
    }

    pub fn fence(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// False, and nothing written, for an owner that was fenced.
    pub fn commit(&mut self, epoch: u64, transaction: Transaction) -> bool {
        if epoch != self.epoch {
            return false;
        }
        self.append(transaction);
        true
    }

    pub fn append(&mut self, transaction: Transaction) {
        self.outputs.extend(transaction.outputs);
        self.changelog.extend(transaction.changelog);
        self.journal.extend(transaction.journal);
    }

    /// A new task with the state and the progress of the log.
    pub fn restored(&self) -> Task {
        let mut task = new_task();
        for (key, value) in &self.changelog {
            task.restore(key, value.as_deref()).unwrap();
        }
        task.restored().unwrap();
        task
    }

    /// Everything was read and committed.
    pub fn is_done(&self) -> bool {
        let task = self.restored();
        self.inputs.iter().all(|input| {
            let end = input.records.keys().last().map_or(0, |last| last + 1);
            task.next_offset(input.topic, input.number).unwrap_or(0) >= end
        })
    }

    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.changelog.hash(&mut hasher);
        for (topic, value) in &self.outputs {
            (topic.name(), value).hash(&mut hasher);
        }
        hasher.finish()
    }
}

pub(crate) fn new_processor() -> Box<dyn Processor> {
    use tapeline_model::ids::{AccountId, PortfolioId};
    use tapeline_processors::ledger::Currency;
    use tapeline_processors::risk::{Risk, RiskSettings};
    let calendars = Calendars::built_in().unwrap();
    let settings = RiskSettings {
        accounts: [(
            AccountId::new(crate::inputs::ACCOUNT),
            PortfolioId::new(crate::inputs::PORTFOLIO),
        )]
        .into(),
        limits: limits(&calendars),
        calendars,
        ..RiskSettings::new(Currency::USD)
    };
    Box::new(Risk::new(settings))
}

/// Some that look back, some that prices move, one that closed trades do.
fn limits(calendars: &Calendars) -> Limits {
    let limit = |name: &str, rule: &str, breach: &str| LimitDefinition {
        name: name.to_owned(),
        rule: rule.to_owned(),
        breach: Some(breach.to_owned()),
        action: Some("alert".to_owned()),
        ..LimitDefinition::default()
    };
    let marked = |definition: LimitDefinition| LimitDefinition {
        basis: Some("marked".to_owned()),
        ..definition
    };
    let drawdown = |name: &str, mode: &str, window: Option<&str>, breach: &str| LimitDefinition {
        mode: Some(mode.to_owned()),
        window: window.map(str::to_owned),
        ..marked(limit(name, "max_drawdown", breach))
    };
    let definitions = [
        drawdown("high", "trailing", None, "50"),
        drawdown("minute", "rolling", Some("1m"), "20"),
        LimitDefinition {
            calendar: Some("24x7".to_owned()),
            action: Some("halted".to_owned()),
            ..marked(limit("day", "daily_loss", "80"))
        },
        limit("row", "loss_streak", "2"),
        limit("gross", "gross_exposure", "500"),
        limit("old", "stale_price", "1"),
    ];
    parse_all(&definitions, calendars).unwrap()
}

fn new_task() -> Task {
    Task::new(new_processor(), SnapshotPolicy::default())
}

pub(crate) fn record(value: &[u8]) -> InputRecord<'_> {
    InputRecord {
        key: None,
        value: Some(value),
    }
}
