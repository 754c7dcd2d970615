//! Why a task stops, and whether taking it anew from the log can help.

use tapeline_kafka::{KafkaError, TxError};
use tapeline_model::{Fault, Origin};
use tapeline_schemas::topics::Topic;

use crate::task::TaskError;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Transaction(#[from] TxError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(
        "offset {offset} of {topic}[{partition}] cannot be used: {source}; \
         run the release that wrote it, or restore the topic from a copy"
    )]
    Changelog {
        topic: String,
        partition: i32,
        offset: i64,
        source: TaskError,
    },
    #[error(
        "{changelog}[{partition}] is not whole: {damage}; restore the topic from a copy, or compute \
         everything anew under another [kafka] topic_prefix or app_id"
    )]
    ChangelogDamaged {
        changelog: String,
        partition: u32,
        damage: ChangelogDamage,
    },
    #[error("{gap}{}", accept(processor, *task, *topic, gap))]
    Gap {
        processor: &'static str,
        task: u32,
        topic: Topic,
        gap: KafkaError,
    },
    #[error("the processor panicked on {}/{} offset {}; its message is above", .0.topic, .0.partition, .0.offset)]
    Panicked(Origin),
}

/// What is wrong with a changelog that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangelogDamage {
    #[error("its first {0} offsets were removed, which compaction never does")]
    Truncated(i64),
    #[error("it holds {0} records of state, and no progress")]
    NoProgress(u64),
    #[error("it ends with transaction {found}, and the journal with {journaled}")]
    Behind { found: i64, journaled: i64 },
    #[error(
        "the brokers committed transaction {transaction} on some partitions and aborted it on others, \
         and of its {outputs} outputs and its state only {written} records are still in the logs"
    )]
    PartialCommit {
        transaction: i64,
        written: usize,
        outputs: i32,
    },
}

fn accept(processor: &str, task: u32, topic: Topic, gap: &KafkaError) -> String {
    let KafkaError::OffsetGone { partition, .. } = gap else {
        return String::new();
    };
    let topic = topic.name();
    format!(
        " in writing: `tapeline tasks accept-gap --processor {processor} --task {task} \
         --topic {topic} --partition {partition} --reason TEXT`"
    )
}

impl WorkerError {
    /// An error of reading an input; records that are gone ask for a decision.
    pub(crate) fn of_input(
        processor: &'static str,
        task: u32,
        topic: Option<Topic>,
        error: KafkaError,
    ) -> Self {
        match (topic, error) {
            (Some(topic), gap @ KafkaError::OffsetGone { .. }) => Self::Gap {
                processor,
                task,
                topic,
                gap,
            },
            (_, error) => Self::Kafka(error),
        }
    }

    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Kafka(error) | Self::Gap { gap: error, .. } => error.fault_while_running(),
            Self::Transaction(_) | Self::Changelog { .. } | Self::ChangelogDamaged { .. } => {
                Fault::External
            }
            Self::Task(_) | Self::Panicked(_) => Fault::Internal,
        }
    }

    /// Taking the task anew from the log can help.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Transaction(error) => matches!(error, TxError::Abort(_) | TxError::Lost(_)),
            Self::Kafka(error) => error.retryable(),
            Self::Task(_)
            | Self::Changelog { .. }
            | Self::ChangelogDamaged { .. }
            | Self::Gap { .. } => false,
            Self::Panicked(_) => true,
        }
    }

    pub(crate) fn is_fenced(&self) -> bool {
        matches!(self, Self::Transaction(TxError::Fenced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_says_its_size_and_how_to_accept_it() {
        let gap = KafkaError::OffsetGone {
            topic: "live.market.marks".to_owned(),
            partition: 3,
            offset: 120,
            held: Some((500, 900)),
        };
        let error = WorkerError::of_input("risk", 2, Some(Topic::MarketMarks), gap);
        let text = error.to_string();
        for part in [
            "offset 120 of live.market.marks[3]",
            "380 offsets were removed",
            "accept the gap in writing: `tapeline tasks accept-gap --processor risk --task 2 \
             --topic market.marks --partition 3 --reason TEXT`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!error.is_retryable());
    }
}
