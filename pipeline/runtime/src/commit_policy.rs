use std::time::Duration;

use tapeline_processors::CommitUrgency;

/// When a transaction is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPolicy {
    /// At the latest this long after its first record.
    pub interval: Duration,
    /// The same for what another processor waits for, unless records pile up:
    /// then fewer, larger transactions are the quicker ones.
    pub prompt_interval: Duration,
    /// Or after this many records.
    pub max_records: usize,
    /// Urgent outputs go at once, but not more often than this: transactions
    /// back to back wait for each other's markers.
    pub urgent_gap: Duration,
}

impl Default for CommitPolicy {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(100),
            prompt_interval: Duration::from_millis(20),
            max_records: 50_000,
            urgent_gap: Duration::from_millis(5),
        }
    }
}

/// What the policy decides by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    /// Time since the transaction's first record.
    pub age: Duration,
    /// Time since the last commit.
    pub since_commit: Duration,
    pub records: usize,
    pub urgent: bool,
    pub urgency: CommitUrgency,
    /// Every fetched record is processed: an urgent output need not wait for others.
    pub drained: bool,
}

impl CommitPolicy {
    pub(crate) fn is_due(&self, pending: Pending) -> bool {
        let urgent = pending.urgent && pending.drained && pending.since_commit >= self.urgent_gap;
        urgent || pending.age >= self.interval_for(pending) || pending.records >= self.max_records
    }

    /// How long a reader may wait for more before the policy must be asked again.
    pub(crate) fn max_wait(&self, pending: Pending) -> Duration {
        let regular = self.interval_for(pending).saturating_sub(pending.age);
        if pending.urgent {
            regular.min(self.urgent_gap.saturating_sub(pending.since_commit))
        } else {
            regular
        }
    }

    fn interval_for(&self, pending: Pending) -> Duration {
        if pending.drained && pending.urgency == CommitUrgency::Prompt {
            self.prompt_interval.min(self.interval)
        } else {
            self.interval
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Pending = Pending {
        age: Duration::from_millis(10),
        since_commit: Duration::from_millis(10),
        records: 5,
        urgent: false,
        urgency: CommitUrgency::Regular,
        drained: true,
    };

    #[test]
    fn regular_output_waits_for_the_interval_or_the_count() {
        let policy = CommitPolicy::default();
        assert!(!policy.is_due(QUIET));
        assert!(policy.is_due(Pending {
            age: policy.interval,
            ..QUIET
        }));
        assert!(policy.is_due(Pending {
            records: policy.max_records,
            ..QUIET
        }));
    }

    #[test]
    fn urgent_output_goes_once_the_batch_is_drained() {
        let policy = CommitPolicy::default();
        let urgent = Pending {
            urgent: true,
            ..QUIET
        };
        assert!(policy.is_due(urgent));
        assert!(!policy.is_due(Pending {
            drained: false,
            ..urgent
        }));
        let too_soon = Pending {
            since_commit: Duration::from_millis(1),
            ..urgent
        };
        assert!(!policy.is_due(too_soon));
        assert_eq!(policy.max_wait(too_soon), Duration::from_millis(4));
    }

    #[test]
    fn patience_ends_with_the_interval() {
        let policy = CommitPolicy::default();
        assert_eq!(policy.max_wait(QUIET), Duration::from_millis(90));
        let late = Pending {
            age: Duration::from_secs(9),
            ..QUIET
        };
        assert_eq!(policy.max_wait(late), Duration::ZERO);
    }

    #[test]
    fn what_another_processor_waits_for_goes_sooner_unless_records_pile_up() {
        let policy = CommitPolicy::default();
        let prompt = Pending {
            age: policy.prompt_interval,
            urgency: CommitUrgency::Prompt,
            ..QUIET
        };
        assert!(policy.is_due(prompt));
        assert_eq!(policy.max_wait(prompt), Duration::ZERO);
        let piled = Pending {
            drained: false,
            ..prompt
        };
        assert!(!policy.is_due(piled));
        assert!(!policy.is_due(Pending {
            urgency: CommitUrgency::Regular,
            ..prompt
        }));
        let fast = CommitPolicy {
            interval: Duration::from_millis(1),
            ..policy
        };
        let young = Pending {
            age: Duration::from_millis(1),
            ..prompt
        };
        assert!(fast.is_due(young), "a shorter interval stands");
    }
}
