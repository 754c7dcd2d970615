//! What librdkafka tells its owner: log lines, statistics, errors, deliveries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode as Code};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message as _, TopicPartitionList};

use crate::hanging::{HangingTransaction, StableOffsets};
use crate::{metric_names, stats};

/// A broker that is down raises an error at every attempt: say it this often.
const REPEAT_ERRORS_EVERY: Duration = Duration::from_secs(10);

/// An older error of the connection does not explain a timeout.
const ERRORS_EXPLAIN_FOR: Duration = Duration::from_mins(1);

/// Records that the cluster did not take, since somebody last asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Undelivered {
    pub(crate) count: u64,
    pub(crate) first: Option<(String, Code)>,
}

/// What the group announced and waits to have answered.
#[derive(Clone, Debug)]
pub(crate) enum Rebalance {
    Assign(TopicPartitionList),
    Revoke {
        partitions: TopicPartitionList,
        assignment_lost: bool,
    },
}

pub(crate) struct Context {
    client: String,
    /// A membership answers the group itself, until it closes.
    defers_rebalances: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    undelivered: Undelivered,
    /// What the group announced and a membership has not yet answered.
    rebalances: Vec<Rebalance>,
    last_error: Option<(String, Instant)>,
    warned_at: Option<Instant>,
    stable_offsets: StableOffsets,
}

impl Context {
    pub(crate) fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            defers_rebalances: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(crate) fn deferring_rebalances(client: impl Into<String>) -> Self {
        Self {
            defers_rebalances: AtomicBool::new(true),
            ..Self::new(client)
        }
    }

    pub(crate) fn stop_deferring_rebalances(&self) {
        self.defers_rebalances.store(false, Ordering::Release);
    }

    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_undelivered(&self) -> Undelivered {
        std::mem::take(&mut self.state().undelivered)
    }

    pub(crate) fn has_undelivered(&self) -> bool {
        self.state().undelivered.count > 0
    }

    pub(crate) fn take_rebalances(&self) -> Vec<Rebalance> {
        std::mem::take(&mut self.state().rebalances)
    }

    /// Partitions whose committed end has not moved for so long, though there is more.
    pub(crate) fn hanging(&self, longer_than: Duration) -> Vec<HangingTransaction> {
        self.state()
            .stable_offsets
            .hanging(longer_than, Instant::now())
    }

    /// The newest error of the connection, to explain why nothing is answered;
    /// empty if there was none lately.
    pub(crate) fn last_error(&self) -> String {
        let state = self.state();
        let recent = state.last_error.as_ref();
        recent
            .filter(|(_, at)| at.elapsed() < ERRORS_EXPLAIN_FOR)
            .map_or_else(String::new, |(text, _)| text.clone())
    }

    pub(crate) fn not_delivered(&self, topic: &str, code: Code) {
        counter!(metric_names::DELIVERY_FAILURES, "client" => self.client.clone()).increment(1);
        let mut state = self.state();
        state.undelivered.count += 1;
        state
            .undelivered
            .first
            .get_or_insert_with(|| (topic.to_owned(), code));
    }

    pub(crate) fn log_line(&self, level: Level, facility: &str, text: &str) {
        let client = self.client.as_str();
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
                // The same trouble mostly arrives as an error event, which is bounded.
                self.state().last_error = Some((text.to_owned(), Instant::now()));
                tracing::debug!(target: "librdkafka", client, facility, "{text}");
            }
            // It says so at every start of a task, and passes by itself.
            Level::Warning if text.contains("retrying") => {
                tracing::debug!(target: "librdkafka", client, facility, "{text}");
            }
            // Properties of the configuration go to every client, whichever they are for.
            Level::Warning if facility == "CONFWARN" => {
                tracing::debug!(target: "librdkafka", client, facility, "{text}");
            }
            Level::Warning => tracing::warn!(target: "librdkafka", client, facility, "{text}"),
            Level::Notice | Level::Info => {
                tracing::info!(target: "librdkafka", client, facility, "{text}");
            }
            Level::Debug => tracing::debug!(target: "librdkafka", client, facility, "{text}"),
        }
    }

    pub(crate) fn client_error(&self, code: &str, reason: &str) {
        counter!(metric_names::CLIENT_ERRORS, "client" => self.client.clone()).increment(1);
        let mut state = self.state();
        state.last_error = Some((reason.to_owned(), Instant::now()));
        let due = state
            .warned_at
            .is_none_or(|at| at.elapsed() >= REPEAT_ERRORS_EVERY);
        if due {
            state.warned_at = Some(Instant::now());
            tracing::warn!(target: "librdkafka", client = self.client.as_str(), code, "{reason}");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: Level, facility: &str, text: &str) {
        self.log_line(level, facility, text);
    }

    fn stats(&self, statistics: Statistics) {
        stats::record(&self.client, &statistics);
        let now = Instant::now();
        let mut state = self.state();
        for (topic, partition, stable, end) in stats::committed_ends(&statistics) {
            state
                .stable_offsets
                .observe(topic, partition, stable, end, now);
        }
    }

    fn error(&self, error: Native, reason: &str) {
        // The end of a partition is news for readers, not an error.
        if !matches!(error.rdkafka_error_code(), Some(Code::PartitionEOF)) {
            self.client_error(&error.to_string(), reason);
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            self.not_delivered(
                message.topic(),
                error.rdkafka_error_code().unwrap_or(Code::Unknown),
            );
        }
    }
}

impl ConsumerContext for Context {
    /// Records the rebalance and does not answer: the membership answers once its
    /// owner had the time to commit.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let is_assignment = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if !self.defers_rebalances.load(Ordering::Acquire) {
            if let Err(error) = decline(consumer, partitions, is_assignment) {
                tracing::debug!(client = self.client(), %error, "partitions were not given back");
            }
            return;
        }
        let rebalance = if is_assignment {
            Rebalance::Assign(partitions.clone())
        } else {
            Rebalance::Revoke {
                partitions: partitions.clone(),
                assignment_lost: consumer.assignment_lost(),
            }
        };
        self.state().rebalances.push(rebalance);
    }
}

/// The answer of a client that is closing: takes nothing and gives all back.
fn decline(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
    is_assignment: bool,
) -> Result<(), Native> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative if is_assignment => {
            consumer.incremental_assign(&TopicPartitionList::new())
        }
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        _ => consumer.unassign(),
    }
}
