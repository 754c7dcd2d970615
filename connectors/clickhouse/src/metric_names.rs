//! The names of all metrics of this crate.

/// Counter {table}: rows the store has taken.
pub const SINK_ROWS: &str = "tapeline_sink_rows_total";
/// Counter {table}: ranges the store has taken.
pub const SINK_BATCHES: &str = "tapeline_sink_batches_total";
/// Histogram {table}: rows of an inserted range.
pub const SINK_BATCH_ROWS: &str = "tapeline_sink_batch_rows";
/// Histogram {table}: from sending a range to the store's answer, one attempt.
pub const SINK_INSERT_SECONDS: &str = "tapeline_sink_insert_seconds";
/// Counter {table}: attempts that failed and were repeated.
pub const SINK_RETRIES: &str = "tapeline_sink_retries_total";
/// Counter {table}: ranges inserted again because a former owner had begun them.
pub const SINK_REPLAYS: &str = "tapeline_sink_replays_total";
/// Counter {table}: rows left out of an insert since the store held them already.
pub const SINK_ROWS_HELD: &str = "tapeline_sink_rows_held_total";
/// Counter {topic, reason}: records that went to the dead letters.
pub const SINK_REFUSED: &str = "tapeline_sink_refused_total";
/// Counter: records of the dead-letter topic itself that could not be read.
pub const SINK_UNREADABLE_LETTERS: &str = "tapeline_sink_unreadable_letters_total";
/// Counter {topic}: offsets that retention removed before they were read.
pub const SINK_GAP: &str = "tapeline_sink_gap_offsets_total";
/// Gauge: bytes read and not yet in the store.
pub const SINK_BUFFERED_BYTES: &str = "tapeline_sink_buffered_bytes";
/// Gauge: 1 while reading is paused because the store does not keep up.
pub const SINK_PAUSED: &str = "tapeline_sink_paused";
/// Gauge: 1 while the store fails and only one attempt at a time is made.
pub const SINK_BREAKER_OPEN: &str = "tapeline_sink_breaker_open";
/// Counter {table}: rows that the store refused while it took the others of their range.
pub const SINK_ROWS_REFUSED: &str = "tapeline_sink_rows_refused_total";
/// Gauge: records that the last audit found in neither table nor dead letters.
pub const AUDIT_LOST: &str = "tapeline_audit_lost";
/// Gauge: rows that it found more than once.
pub const AUDIT_DUPLICATED: &str = "tapeline_audit_duplicated";
/// Gauge: rows that it found without a record.
pub const AUDIT_EXTRA: &str = "tapeline_audit_extra";
/// Gauge: sampled rows that hold something else than their record.
pub const AUDIT_DIFFERING: &str = "tapeline_audit_differing";
/// Gauge: when it ended, in seconds since 1970.
pub const AUDIT_TIME: &str = "tapeline_audit_time_seconds";
