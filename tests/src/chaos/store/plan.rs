//! What can be done to the store and its sinks, and for how long.

use crate::chaos::plan;

plan::kinds! {
    /// kill -9 of a sink with inserts under way, and a new process soon after.
    SinkKill "sink_kill"
    /// SIGTERM in the middle of batches, and a new process.
    SinkRestart "sink_restart"
    /// kill -9 of the engine in the middle of inserts.
    EngineKill "engine_kill"
    /// SIGSTOP for seconds, then SIGCONT.
    EngineStall "engine_stall"
    /// The store took rows, and its answer is lost.
    LostAnswer "lost_answer"
    /// The connection ends in the middle of an insert's rows.
    CutRequest "cut_request"
    /// The store took rows, and says so late.
    SlowAnswer "slow_answer"
    /// No byte is left for the engine's data, until it is freed again.
    FullDisk "full_disk"
    /// A second sink joins, takes partitions over, and leaves.
    Rebalance "rebalance"
}

impl Kind {
    /// How long it lasts, in milliseconds.
    fn away(self) -> (u64, u64) {
        match self {
            Self::EngineStall => (1_000, 5_000),
            Self::SlowAnswer => (300, 4_000),
            Self::FullDisk => (500, 3_000),
            Self::Rebalance => (500, 4_000),
            _ => (0, 1_500),
        }
    }
}

pub(crate) type Step = plan::Step<Kind>;
