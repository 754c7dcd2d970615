//! A producer with bounded waits: shared by tasks and publishers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError as Native;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::batch::EventQueue;
use crate::context::Context;
use crate::error::KafkaError;

/// While waiting for deliveries, how long before it asks again.
const WAIT: Duration = Duration::from_millis(2);

/// What every producer of the pipeline is given, before its own settings.
pub(crate) const TUNED: &[(&str, &str)] = &[
    ("compression.type", "lz4"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("batch.size", "1000000"),
    ("sticky.partitioning.linger.ms", "0"),
];

/// One record on its way out.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    pub(crate) timestamp_ms: Option<i64>,
}

pub(crate) struct Sender {
    // Dropped before its client.
    events: EventQueue,
    producer: BaseProducer<Context>,
}

pub(crate) enum Refusal {
    /// The queue stayed full until the deadline.
    Full,
    Failed(Native),
}

impl Sender {
    pub(crate) fn new(config: &ClientConfig, client: &str) -> Result<Self, KafkaError> {
        let producer: BaseProducer<Context> = config
            .create_with_context(Context::new(client))
            .map_err(|error| KafkaError::creation(&error))?;
        let events =
            EventQueue::of_producer(producer.client()).ok_or_else(|| KafkaError::Client {
                reason: "it has no queue".to_owned(),
            })?;
        Ok(Self { events, producer })
    }

    pub(crate) fn producer(&self) -> &BaseProducer<Context> {
        &self.producer
    }

    pub(crate) fn context(&self) -> &Context {
        self.producer.client().context()
    }

    /// Serves what is ready: deliveries, log lines, statistics.
    pub(crate) fn serve(&self) {
        self.events.serve_ready(self.context());
    }

    /// Queues a record; waits for room while the queue is full, up to `within`.
    pub(crate) fn enqueue(&self, outgoing: &Outgoing<'_>, within: Duration) -> Result<(), Refusal> {
        let started = Instant::now();
        let mut record = record(outgoing);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    if error.rdkafka_error_code() != Some(Code::QueueFull) {
                        return Err(Refusal::Failed(error));
                    }
                    if started.elapsed() >= within {
                        return Err(Refusal::Full);
                    }
                    record = back;
                    self.events.serve_one(self.context(), WAIT);
                }
            }
        }
    }

    /// Serves deliveries on another thread during a call that waits for them
    /// itself, as aborting does after it purged the queue. Only for rare calls.
    pub(crate) fn while_serving<T>(&self, call: impl FnOnce(&BaseProducer<Context>) -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    self.events.serve_one(self.context(), WAIT);
                }
            });
            let outcome = call(&self.producer);
            done.store(true, Ordering::Release);
            outcome
        })
    }

    /// Waits until every queued record was delivered or has failed; false if
    /// some are still on their way after `within`. Wakes up with each delivery:
    /// rdkafka's own flush would sleep 100 ms at a time.
    pub(crate) fn drain(&self, within: Duration) -> Result<bool, Native> {
        let started = Instant::now();
        loop {
            self.serve();
            match self.producer.flush(Duration::ZERO) {
                Ok(()) => return Ok(true),
                Err(Native::Flush(Code::OperationTimedOut)) => {}
                Err(error) => return Err(error),
            }
            let left = within.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            self.events.serve_one(self.context(), WAIT.min(left));
        }
    }
}

fn record<'a>(outgoing: &Outgoing<'a>) -> BaseRecord<'a, [u8], [u8]> {
    let mut record = BaseRecord::to(outgoing.topic);
    record.partition = outgoing.partition;
    record.key = outgoing.key;
    record.payload = outgoing.value;
    record.timestamp = outgoing.timestamp_ms;
    if !outgoing.headers.is_empty() {
        let start = OwnedHeaders::new_with_capacity(outgoing.headers.len());
        let all = outgoing
            .headers
            .iter()
            .fold(start, |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(*value),
                })
            });
        record.headers = Some(all);
    }
    record
}
