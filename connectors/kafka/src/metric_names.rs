//! The names of all metrics of this crate.

/// Gauge {client, topic, partition}: committed records not yet handed out.
pub const CONSUMER_LAG: &str = "tapeline_kafka_consumer_lag_records";
/// Gauge {client, topic, partition}: records behind the last stable offset;
/// one that only grows is a hanging transaction.
pub const UNSTABLE_RECORDS: &str = "tapeline_kafka_unstable_records";
/// Gauge {client, topic, partition}: records fetched and not yet read.
pub const FETCH_QUEUE_RECORDS: &str = "tapeline_kafka_fetch_queue_records";
/// Gauge {client}: records waiting to be sent or acknowledged.
pub const PRODUCE_QUEUE_RECORDS: &str = "tapeline_kafka_produce_queue_records";
/// Gauge {client}: bytes waiting to be sent or acknowledged.
pub const PRODUCE_QUEUE_BYTES: &str = "tapeline_kafka_produce_queue_bytes";
/// Gauge {client, broker}: 99th percentile of the round trip to a broker.
pub const BROKER_RTT_SECONDS: &str = "tapeline_kafka_broker_rtt_p99_seconds";
/// Counter {client, broker}: requests that failed to be sent.
pub const SEND_ERRORS: &str = "tapeline_kafka_send_errors_total";
/// Counter {client, broker}: requests sent again.
pub const SEND_RETRIES: &str = "tapeline_kafka_send_retries_total";
/// Counter {client, broker}: requests the broker did not answer in time.
pub const REQUEST_TIMEOUTS: &str = "tapeline_kafka_request_timeouts_total";
/// Counter {client}: times the group moved partitions.
pub const REBALANCES: &str = "tapeline_kafka_rebalances_total";
/// Counter {client}: records the cluster did not take.
pub const DELIVERY_FAILURES: &str = "tapeline_kafka_delivery_failures_total";
/// Counter {client, outcome = committed | aborted | fenced | refused | lost}.
pub const TRANSACTIONS: &str = "tapeline_kafka_transactions_total";
/// Histogram {client}: from the call of commit to its success.
pub const COMMIT_SECONDS: &str = "tapeline_kafka_commit_seconds";
/// Counter {client}: errors of the connection to the cluster.
pub const CLIENT_ERRORS: &str = "tapeline_kafka_client_errors_total";
