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
    /// Connections to all brokers stay open, and nothing goes through for longer than a
    /// transaction lives.
    Stall "stall"
    /// The same towards the store.
    StoreStall "store_stall"
}

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    pub(crate) fn is_freeze(self) -> bool {
        matches!(
            self,
            Self::ProcessorFreeze | Self::SinkFreeze | Self::LeaderFreeze | Self::CoordinatorFreeze
        )
    }

    /// How long it lasts, in milliseconds.
    fn lasts(self) -> (u64, u64) {
        match self {
            Self::ProcessorFreeze | Self::SinkFreeze | Self::Stall | Self::StoreStall => OUTLIVES,
            Self::LeaderFreeze | Self::CoordinatorFreeze => BROKER_FROZEN,
            _ => AWAY,
        }
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

/// Longer than the run's transaction timeout, with the second until a broker notices, and than a
/// group's session.
const OUTLIVES: (u64, u64) = (7_200, 8_500);
/// Longer than the transaction timeout and twice a broker's session with the controller.
const BROKER_FROZEN: (u64, u64) = (6_200, 7_500);
const AWAY: (u64, u64) = (0, 2_000);
const OVERLAP: (u64, u64) = (100, 1_500);
/// Of ten faults, this many do not wait for the recovery from the one before.
const OVERLAPPING: u64 = 6;

/// Kinds are dealt like cards, so that after n full decks each came n times.
pub(crate) fn plan(seed: u64, faults: usize, kinds: &[Kind]) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut deck: Vec<Kind> = Vec::new();
    let mut steps = Vec::with_capacity(faults);
    while steps.len() < faults && !kinds.is_empty() {
        let Some(kind) = deck.pop() else {
            deck = kinds.to_vec();
            random.shuffle(&mut deck);
            continue;
        };
        let (shortest, longest) = kind.lasts();
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
        assert_eq!(plan(7, 300, Kind::ALL), plan(7, 300, Kind::ALL));
        assert_ne!(plan(7, 300, Kind::ALL), plan(8, 300, Kind::ALL));
        assert_eq!(
            plan(7, 300, Kind::ALL)[..40],
            plan(7, 40, Kind::ALL),
            "a longer plan begins alike"
        );
    }

    #[test]
    fn three_hundred_faults_hold_each_kind_at_least_ten_times() {
        let plan = plan(1, 300, Kind::ALL);
        for kind in Kind::ALL {
            let times = plan.iter().filter(|step| step.kind == *kind).count();
            assert!(times >= 10, "{}: {times}", kind.name());
        }
    }

    #[test]
    fn freezes_and_stalls_outlive_a_transaction_and_some_faults_overlap() {
        let plan = plan(3, 200, Kind::ALL);
        assert!(
            plan.iter()
                .filter(|step| step.kind.is_freeze() || step.kind == Kind::Stall)
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

    #[test]
    fn a_plan_of_some_kinds_holds_no_other() {
        let kinds = [Kind::ProcessorKill, Kind::Stall];
        let plan = plan(1, 9, &kinds);
        assert_eq!(plan.len(), 9);
        assert!(plan.iter().all(|step| kinds.contains(&step.kind)));
        assert_eq!(Kind::named("stall"), Some(Kind::Stall));
        assert_eq!(Kind::named("nothing"), None);
    }
}
