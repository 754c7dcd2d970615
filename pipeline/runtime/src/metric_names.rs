//! Every metric of the runtime. Labels: `processor`, and `task` where it says so.

/// Counter: records taken by a processor.
pub const RECORDS: &str = "tapeline_processor_records_total";
/// Counter: records refused, by `reason`.
pub const REFUSED: &str = "tapeline_processor_refused_total";
/// Counter: records written, state and progress not counted.
pub const EMITTED: &str = "tapeline_processor_emitted_total";
/// Histogram: seconds from the first record of a transaction to its commit.
pub const TRANSACTION_SECONDS: &str = "tapeline_transaction_seconds";
/// Histogram, by `phase`: seconds a transaction spent on processing its records (`process`),
/// encoding what it writes (`seal`), until the brokers had that (`deliver`) and had ended
/// the transaction (`end`).
pub const PHASE_SECONDS: &str = "tapeline_transaction_phase_seconds";
/// Histogram: records a transaction.
pub const TRANSACTION_RECORDS: &str = "tapeline_transaction_records";
/// Gauge, by `task`: seconds the last restore took.
pub const RESTORE_SECONDS: &str = "tapeline_restore_seconds";
/// Gauge, by `task`: records of the changelog that the last restore read.
pub const RESTORE_RECORDS: &str = "tapeline_restore_records";
/// Gauge: tasks of other processes whose state is followed here.
pub const STANDBYS: &str = "tapeline_standby_tasks";
/// Gauge, by `task`: records of the changelog that its standby here has read.
pub const STANDBY_RECORDS: &str = "tapeline_standby_records";
/// Gauge, by `task`: entries in memory.
pub const STATE_ENTRIES: &str = "tapeline_state_entries";
/// Counter, by `task`: how often a task was taken from the log.
pub const TASK_STARTS: &str = "tapeline_task_starts_total";
/// Counter: transactions that the brokers ended differently on different partitions, mended.
pub const PARTIAL_COMMITS: &str = "tapeline_torn_transactions_total";
/// Gauge, by `task`: seconds between the event time of the last record and now.
pub const EVENT_LAG_SECONDS: &str = "tapeline_event_lag_seconds";
