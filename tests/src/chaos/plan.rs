//! Which faults come, in which order: the same for the same seed.

use std::time::Duration;

use super::random::Random;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind { $($(#[$doc])* $variant),* }

        impl Kind {
            pub(crate) const ALL: &[Kind] = &[$(Kind::$variant),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// kill -9, and a new process soon after.
    ProcessorKill "processor_kill"
    /// SIGSTOP for longer than a transaction lives, then SIGCONT: a zombie that still believes.
    ProcessorFreeze "processor_freeze"
    /// SIGTERM, and a new process.
    ProcessorRestart "processor_restart"
    SinkKill "sink_kill"
    SinkFreeze "sink_freeze"
    SinkRestart "sink_restart"
    /// kill -9 of the broker that leads a partition of the pipeline.
    LeaderKill "leader_kill"
    LeaderFreeze "leader_freeze"
    /// The broker that coordinates a task's transactions or a group.
    CoordinatorKill "coordinator_kill"
    CoordinatorFreeze "coordinator_freeze"
    /// The broker that is the active controller.
    ControllerKill "controller_kill"
    /// kill -9 of the store's engine.
    StoreKill "store_kill"
    /// The store took rows, and its answer is lost.
    AnswerDrop "answer_drop"
    /// Every connection of clients to one broker is cut.
    BrokerCut "broker_cut"
    /// Every connection to the store is cut, also in the middle of inserts.
    StoreCut "store_cut"
}

impl Kind {
    pub(crate) fn is_freeze(self) -> bool {
        matches!(
            self,
            Self::ProcessorFreeze | Self::SinkFreeze | Self::LeaderFreeze | Self::CoordinatorFreeze
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// Chooses among what the kind can hit.
    pub(crate) pick: u64,
    /// How long what was hit stays away.
    pub(crate) away: Duration,
    /// The next fault comes this long after, without waiting for a recovery; `None` waits.
    pub(crate) next_after: Option<Duration>,
}

/// Longer than the run's transaction timeout and than a group's session.
pub(crate) const FROZEN: (u64, u64) = (8_000, 11_000);
const AWAY: (u64, u64) = (0, 2_000);
const OVERLAP: (u64, u64) = (100, 1_500);
/// Of ten faults, this many do not wait for the recovery from the one before.
const OVERLAPPING: u64 = 4;

/// Kinds are dealt like cards, so that after n full decks each came n times.
pub(crate) fn plan(seed: u64, faults: usize) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut deck: Vec<Kind> = Vec::new();
    let mut steps = Vec::with_capacity(faults);
    while steps.len() < faults {
        let Some(kind) = deck.pop() else {
            deck = Kind::ALL.to_vec();
            random.shuffle(&mut deck);
            continue;
        };
        let (shortest, longest) = if kind.is_freeze() { FROZEN } else { AWAY };
        let away = Duration::from_millis(random.between(shortest, longest));
        let pick = random.next();
        let overlaps = random.below(10) < OVERLAPPING;
        let gap = Duration::from_millis(random.between(OVERLAP.0, OVERLAP.1));
        steps.push(Step {
            kind,
            pick,
            away,
            next_after: overlaps.then_some(gap),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(plan(7, 300), plan(7, 300));
        assert_ne!(plan(7, 300), plan(8, 300));
        assert_eq!(
            plan(7, 300)[..40],
            plan(7, 40),
            "a longer plan begins alike"
        );
    }

    #[test]
    fn three_hundred_faults_hold_each_kind_at_least_ten_times() {
        let plan = plan(1, 300);
        for kind in Kind::ALL {
            let times = plan.iter().filter(|step| step.kind == *kind).count();
            assert!(times >= 10, "{}: {times}", kind.name());
        }
    }

    #[test]
    fn freezes_outlive_a_transaction_and_some_faults_overlap() {
        let plan = plan(3, 200);
        assert!(
            plan.iter()
                .filter(|step| step.kind.is_freeze())
                .all(|step| step.away > super::super::TRANSACTION_TIMEOUT)
        );
        let overlaps = plan.iter().filter(|s| s.next_after.is_some()).count();
        assert!((40..160).contains(&overlaps), "{overlaps}");
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
