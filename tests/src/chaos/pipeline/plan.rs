//! What can be done to the pipeline, and for how long.

use crate::chaos::plan;

plan::kinds! {
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
    pub(crate) fn is_freeze(self) -> bool {
        matches!(
            self,
            Self::ProcessorFreeze | Self::SinkFreeze | Self::LeaderFreeze | Self::CoordinatorFreeze
        )
    }

    /// How long it lasts, in milliseconds.
    fn away(self) -> (u64, u64) {
        match self {
            Self::ProcessorFreeze | Self::SinkFreeze | Self::Stall | Self::StoreStall => OUTLIVES,
            Self::LeaderFreeze | Self::CoordinatorFreeze => BROKER_FROZEN,
            _ => AWAY,
        }
    }
}

pub(crate) type Step = plan::Step<Kind>;

/// Longer than the run's transaction timeout, with the second until a broker notices, and than a
/// group's session.
const OUTLIVES: (u64, u64) = (7_200, 8_500);
/// Longer than the transaction timeout and twice a broker's session with the controller.
const BROKER_FROZEN: (u64, u64) = (6_200, 7_500);
const AWAY: (u64, u64) = (0, 2_000);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chaos::plan::{Fault, plan};

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
                .all(|step| step.away > crate::chaos::pipeline::TRANSACTION_TIMEOUT)
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
