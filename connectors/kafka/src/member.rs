//! Membership of a consumer group: which partitions are ours, until when.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError as Native;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::{Context, Rebalance};
use crate::error::{KafkaError, is_denied};
use crate::position::{Partition, Position, committed, partitions_of};
use crate::settings::KafkaSettings;

/// What changed since the last poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    pub gained: Vec<Partition>,
    /// Still ours until the next poll, so that work can be committed first;
    /// unless `assignment_lost`.
    pub lost: Vec<Partition>,
    /// The lost partitions belong to somebody else already: drop their work.
    pub assignment_lost: bool,
    /// The group has said what is ours, which may be nothing.
    pub settled: bool,
}

impl Ownership {
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && !self.settled
    }
}

/// A member of a group that owns partitions without reading them: the lease by
/// which a task is taken, and the side of a sink that commits. Must be polled
/// every few seconds; leaves the group when dropped.
pub struct Membership {
    consumer: BaseConsumer<Context>,
    group: String,
    settings: KafkaSettings,
    /// Announced as lost by the last poll; given away by the next one.
    to_release: Option<TopicPartitionList>,
}

impl Membership {
    pub fn join(
        settings: &KafkaSettings,
        group: &str,
        topics: &[String],
    ) -> Result<Self, KafkaError> {
        let tuned = [
            ("session.timeout.ms", "10000"),
            // A heartbeat is how a member learns that it should hand over.
            ("heartbeat.interval.ms", "500"),
            ("queued.min.messages", "1"),
            ("queued.max.messages.kbytes", "1024"),
        ];
        let timeout = settings.request_timeout_ms();
        let fixed = [
            ("group.id", group),
            // Partitions that stay are not interrupted.
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "latest"),
            ("socket.timeout.ms", timeout.as_str()),
        ];
        let mut config = settings.client("member", &tuned, &fixed);
        if let Some(instance) = &settings.instance {
            config.set("group.instance.id", format!("{instance}-{group}"));
        }
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context::deferring_rebalances(group))
            .map_err(|error| KafkaError::creation(&error))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&names)
            .map_err(|error| KafkaError::Client {
                reason: error.to_string(),
            })?;
        Ok(Self {
            consumer,
            group: group.to_owned(),
            settings: settings.clone(),
            to_release: None,
        })
    }

    /// Gives away what the last poll announced as lost, then waits up to `wait`
    /// for the next change.
    pub fn poll(&mut self, wait: Duration) -> Result<Ownership, KafkaError> {
        self.release_lost()?;
        let started = Instant::now();
        loop {
            let event = self.consumer.poll(wait.saturating_sub(started.elapsed()));
            // Nothing is read here: only an error matters.
            let error = event.and_then(Result::err);
            let change = self.answer_rebalances()?;
            error.map_or(Ok(()), |error| self.check_error(&error))?;
            if !change.is_empty() || started.elapsed() >= wait {
                return Ok(change);
            }
        }
    }

    /// Offsets and notes last committed for these partitions by this group.
    pub fn committed(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Position, String)>, KafkaError> {
        committed(&self.consumer, partitions, self.settings.request_timeout)
            .map_err(|error| self.failed("asking for committed offsets", &error))
    }

    /// Commits offsets, each with a note, and waits for the answer. Refused if
    /// another member owns the partitions.
    pub fn commit(&self, offsets: &[(Position, String)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (position, note) in offsets {
            let mut element = list.add_partition(&position.topic, position.partition);
            element
                .set_offset(Offset::Offset(position.offset))
                .map_err(|error| self.failed("committing offsets", &error))?;
            element.set_metadata(note);
        }
        self.consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|error| self.refused(&error))
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    fn release_lost(&mut self) -> Result<(), KafkaError> {
        let Some(partitions) = self.to_release.take() else {
            return Ok(());
        };
        self.consumer
            .incremental_unassign(&partitions)
            .map_err(|error| self.failed("giving partitions away", &error))
    }

    /// Accepts what was offered; a loss is only announced, and answered later.
    fn answer_rebalances(&mut self) -> Result<Ownership, KafkaError> {
        let mut change = Ownership::default();
        for rebalance in self.consumer.client().context().take_rebalances() {
            match rebalance {
                Rebalance::Assign(partitions) => {
                    self.accept(partitions.clone())?;
                    change.gained.extend(partitions_of(&partitions));
                    change.settled = true;
                }
                Rebalance::Revoke {
                    partitions,
                    assignment_lost,
                } => {
                    change.lost.extend(partitions_of(&partitions));
                    change.assignment_lost |= assignment_lost;
                    self.to_release = Some(partitions);
                }
            }
        }
        Ok(change)
    }

    fn accept(&self, mut partitions: TopicPartitionList) -> Result<(), KafkaError> {
        // Owned, not read: an explicit offset spares a lookup, and pausing a fetch.
        let answer = partitions
            .set_all_offsets(Offset::End)
            .and_then(|()| self.consumer.incremental_assign(&partitions))
            .and_then(|()| self.consumer.pause(&partitions));
        answer.map_err(|error| self.failed("taking partitions", &error))
    }

    /// Fails on errors that do not pass by themselves.
    fn check_error(&self, error: &Native) -> Result<(), KafkaError> {
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                Err(KafkaError::TopicMissing {
                    topic: format!("of group {}", self.group),
                })
            }
            Some(code) if is_denied(code) => {
                let action = format!("joining group {}", self.group);
                Err(KafkaError::Denied {
                    action,
                    reason: code.to_string(),
                })
            }
            _ if matches!(error, Native::MessageConsumptionFatal(_)) => Err(KafkaError::Dead {
                reason: error.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn failed(&self, what: &str, error: &Native) -> KafkaError {
        let reason = self.consumer.client().context().last_error();
        KafkaError::request(
            &self.settings,
            &format!("{what} of group {}", self.group),
            error,
            &reason,
        )
    }

    fn refused(&self, error: &Native) -> KafkaError {
        let lost = matches!(
            error.rdkafka_error_code(),
            Some(
                Code::UnknownMemberId
                    | Code::IllegalGeneration
                    | Code::RebalanceInProgress
                    | Code::FencedInstanceId
                    | Code::AssignmentLost
            )
        );
        KafkaError::Commit {
            group: self.group.clone(),
            reason: error.to_string(),
            lost,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // From here on the client answers by itself, or closing would wait for us.
        self.consumer.client().context().stop_deferring_rebalances();
        if let Err(error) = self.release_lost().and_then(|()| self.release_unanswered()) {
            tracing::debug!(group = self.group, %error, "left the group with partitions unreleased");
        }
    }
}

impl Membership {
    fn release_unanswered(&mut self) -> Result<(), KafkaError> {
        self.answer_rebalances()?;
        self.release_lost()
    }
}
