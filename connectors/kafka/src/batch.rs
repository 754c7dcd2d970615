//! What rdkafka's safe interface lacks, and the only unsafe code of the crate.
//!
//! 1. [`BatchQueue`]: librdkafka's batch reads, which cost a half to a third of
//!    reading message by message.
//! 2. [`EventQueue`]: waiting for one event of a client. rdkafka's own `poll`
//!    never returns before its timeout, so a wait for a delivery report either
//!    spins or sleeps too long.
//!
//! librdkafka's handles may be used from any thread. Each wrapper here holds
//! its client alive and gives its native handle back before the client goes.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{NonNull, null, null_mut};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr as RespErr};

use crate::context::Context;

type NativeQueue = NonNull<sys::rd_kafka_queue_t>;
type NativeMessage = NonNull<sys::rd_kafka_message_t>;

/// librdkafka counts in whole milliseconds: a short wait must not become none.
fn millis(wait: Duration) -> c_int {
    let rounded_up = wait.as_nanos().div_ceil(1_000_000);
    c_int::try_from(rounded_up).unwrap_or(c_int::MAX)
}

/// The queue of a client's own events: log lines, statistics, errors and, for a
/// producer, delivery reports. Must be dropped before its client.
pub(crate) struct EventQueue {
    queue: NativeQueue,
}

// SAFETY: a queue is a reference-counted handle with a lock of its own.
unsafe impl Send for EventQueue {}
// SAFETY: as above; every operation on it takes that lock.
unsafe impl Sync for EventQueue {}

impl EventQueue {
    /// The main queue of a producer.
    pub(crate) fn of_producer(client: &Client<Context>) -> Option<Self> {
        // SAFETY: the client is alive; the result is a new reference or null.
        let queue = unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) };
        NonNull::new(queue).map(|queue| Self { queue })
    }

    /// The main queue of a consumer, taken away from its message queue: a batch
    /// read would otherwise swallow statistics and log lines.
    fn of_consumer(client: &Client<Context>) -> Option<Self> {
        let events = Self::of_producer(client)?;
        // SAFETY: the queue is alive, and null stops its forwarding.
        unsafe { sys::rd_kafka_queue_forward(events.queue.as_ptr(), null_mut()) };
        Some(events)
    }

    /// Waits up to `wait` for an event and serves it; false if there was none.
    pub(crate) fn serve_one(&self, context: &Context, wait: Duration) -> bool {
        // SAFETY: the queue is alive; the event is ours until destroyed below.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), millis(wait)) };
        if event.is_null() {
            return false;
        }
        // SAFETY: `event` is not null and each function gets the type it is for.
        unsafe {
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_DR => serve_deliveries(event, context),
                sys::RD_KAFKA_EVENT_LOG => serve_log(event, context),
                sys::RD_KAFKA_EVENT_STATS => serve_stats(event, context),
                sys::RD_KAFKA_EVENT_ERROR => serve_error(event, context),
                _ => {}
            }
            sys::rd_kafka_event_destroy(event);
        }
        true
    }

    /// Serves what is there, without waiting; bounded, since more may arrive.
    pub(crate) fn serve_ready(&self, context: &Context) {
        for _ in 0..1000 {
            if !self.serve_one(context, Duration::ZERO) {
                break;
            }
        }
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference taken at creation.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// SAFETY: `event` must be a live delivery report.
unsafe fn serve_deliveries(event: *mut sys::rd_kafka_event_t, context: &Context) {
    // SAFETY: the messages belong to the event and live as long as it.
    while let Some(message) = unsafe { sys::rd_kafka_event_message_next(event).as_ref() } {
        if message.err != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            // SAFETY: a delivery report names its topic.
            let topic = unsafe { text(sys::rd_kafka_topic_name(message.rkt)) };
            context.not_delivered(&topic, message.err.into());
        }
    }
}

/// SAFETY: `event` must be a live log event.
unsafe fn serve_log(event: *mut sys::rd_kafka_event_t, context: &Context) {
    let (mut facility, mut line, mut level) = (null::<c_char>(), null::<c_char>(), 0);
    // SAFETY: the strings belong to the event.
    unsafe {
        if sys::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) == 0 {
            let level = log_level(level);
            context.log_line(level, text(facility).trim(), text(line).trim());
        }
    }
}

fn log_level(syslog: c_int) -> RDKafkaLogLevel {
    match syslog {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 | 6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// SAFETY: `event` must be a live statistics event.
unsafe fn serve_stats(event: *mut sys::rd_kafka_event_t, context: &Context) {
    // SAFETY: the JSON belongs to the event.
    let json = unsafe { CStr::from_ptr(sys::rd_kafka_event_stats(event)) };
    rdkafka::ClientContext::stats_raw(context, json.to_bytes());
}

/// SAFETY: `event` must be a live error event.
unsafe fn serve_error(event: *mut sys::rd_kafka_event_t, context: &Context) {
    // SAFETY: the string belongs to the event.
    let (code, reason) = unsafe {
        let code: Code = sys::rd_kafka_event_error(event).into();
        (code, text(sys::rd_kafka_event_error_string(event)))
    };
    context.client_error(&code.to_string(), reason.trim());
}

/// SAFETY: `chars` must be null or a string that ends with a zero byte.
unsafe fn text<'a>(chars: *const c_char) -> std::borrow::Cow<'a, str> {
    if chars.is_null() {
        return "".into();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(chars) }.to_string_lossy()
}

/// A consumer with its message queue, read in batches.
pub(crate) struct BatchQueue {
    // Fields drop in this order: the queues before their client.
    messages: NativeQueue,
    events: EventQueue,
    consumer: BaseConsumer<Context>,
}

// SAFETY: all three are librdkafka handles, which any thread may use.
unsafe impl Send for BatchQueue {}
// SAFETY: as above; each operation takes the locks of its queue.
unsafe impl Sync for BatchQueue {}

impl BatchQueue {
    pub(crate) fn new(consumer: BaseConsumer<Context>) -> Option<Self> {
        let client = consumer.client();
        // SAFETY: the client is alive; the result is a new reference or null.
        let messages =
            NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(client.native_ptr()) });
        let events = EventQueue::of_consumer(client);
        match (messages, events) {
            (Some(messages), Some(events)) => Some(Self {
                messages,
                events,
                consumer,
            }),
            (Some(messages), None) => {
                // SAFETY: gives back the reference just taken.
                unsafe { sys::rd_kafka_queue_destroy(messages.as_ptr()) };
                None
            }
            _ => None,
        }
    }

    pub(crate) fn consumer(&self) -> &BaseConsumer<Context> {
        &self.consumer
    }

    pub(crate) fn serve_events(&self) {
        self.events.serve_ready(self.consumer.client().context());
    }

    /// Waits up to `wait` for the first message and takes what is there with it,
    /// at most `max`. The queue itself would wait for a full batch.
    pub(crate) fn read(
        self: &Arc<Self>,
        topics: &Arc<[String]>,
        max: usize,
        wait: Duration,
    ) -> Batch {
        let mut messages: Vec<NativeMessage> = Vec::with_capacity(max.max(1));
        self.take(&mut messages, 0, max);
        if messages.is_empty() {
            self.take(&mut messages, millis(wait), 1);
            self.take(&mut messages, 0, max.saturating_sub(1));
        }
        Batch {
            messages,
            topics: Arc::clone(topics),
            _queue: Arc::clone(self),
        }
    }

    pub(crate) fn empty(self: &Arc<Self>, topics: &Arc<[String]>) -> Batch {
        Batch {
            messages: Vec::new(),
            topics: Arc::clone(topics),
            _queue: Arc::clone(self),
        }
    }

    /// Appends up to `count` messages, which must fit into the capacity.
    fn take(&self, messages: &mut Vec<NativeMessage>, wait_ms: c_int, count: usize) {
        let room = &mut messages.spare_capacity_mut()[..];
        let count = count.min(room.len());
        if count == 0 {
            return;
        }
        // SAFETY: there is room for `count` pointers; as many as returned are
        // written, are not null, and are ours to destroy.
        unsafe {
            let into = room.as_mut_ptr().cast::<*mut sys::rd_kafka_message_t>();
            let taken =
                sys::rd_kafka_consume_batch_queue(self.messages.as_ptr(), wait_ms, into, count);
            let taken = usize::try_from(taken).unwrap_or(0);
            messages.set_len(messages.len() + taken);
        }
    }
}

impl Drop for BatchQueue {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference taken at creation. The client is
        // alive: forwarding its events again makes closing it purge the messages
        // nobody read; unpurged, they would keep its threads, and the close waiting.
        unsafe {
            sys::rd_kafka_queue_destroy(self.messages.as_ptr());
            sys::rd_kafka_poll_set_consumer(self.consumer.client().native_ptr());
        }
    }
}

/// Messages taken together. Owns them, and frees them when dropped.
pub struct Batch {
    messages: Vec<NativeMessage>,
    topics: Arc<[String]>,
    // Keeps the client alive for as long as its messages; dropped after them.
    _queue: Arc<BatchQueue>,
}

// SAFETY: messages are reference-counted librdkafka objects without thread
// affinity. Not `Sync`: reading headers parses them in place.
unsafe impl Send for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        for message in &self.messages {
            // SAFETY: each was handed to us once and is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) };
        }
    }
}

/// What came of a partition instead of a message: an error, or its end.
pub(crate) struct PartitionEvent<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) code: Code,
    pub(crate) reason: String,
}

/// A topic as the reader knows it: compare and index by `index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicRef<'a> {
    /// Position among the topics the reader was ever assigned, in that order.
    pub index: usize,
    pub name: &'a str,
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub topic: TopicRef<'a>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    /// None is a tombstone.
    pub value: Option<&'a [u8]>,
    native: &'a sys::rd_kafka_message_t,
}

impl Batch {
    /// True if there is neither a message nor the end of a partition.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The records, each partition's in order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let mut finder = TopicFinder::new(&self.topics);
        self.natives()
            .filter(|native| native.err == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
            .map(move |native| Message::read(native, finder.find(native.rkt)))
    }

    /// Partitions whose end was reached: topic, partition, next offset.
    pub fn eofs(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.partition_events()
            .filter(|event| event.code == Code::PartitionEOF)
            .map(|event| (event.topic, event.partition, event.offset))
    }

    pub(crate) fn partition_events(&self) -> impl Iterator<Item = PartitionEvent<'_>> {
        let mut finder = TopicFinder::new(&self.topics);
        self.natives()
            .filter(|native| native.err != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
            .map(move |native| PartitionEvent {
                topic: finder.find(native.rkt).name,
                partition: native.partition,
                offset: native.offset,
                code: native.err.into(),
                // SAFETY: an error's payload is its text; the result is a string
                // that lives as long as the message.
                reason: unsafe { text(sys::rd_kafka_message_errstr(native)) }.into_owned(),
            })
    }

    fn natives(&self) -> impl Iterator<Item = &sys::rd_kafka_message_t> {
        // SAFETY: not null, and alive until `self` is dropped.
        self.messages
            .iter()
            .map(|message| unsafe { message.as_ref() })
    }
}

impl<'a> Message<'a> {
    fn read(native: &'a sys::rd_kafka_message_t, topic: TopicRef<'a>) -> Self {
        // SAFETY: the message is alive; a null type pointer means not wanted.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(native, null_mut()) };
        Self {
            topic,
            partition: native.partition,
            offset: native.offset,
            timestamp_ms: (timestamp >= 0).then_some(timestamp),
            // SAFETY: key and payload are as long as the message says.
            key: unsafe { bytes(native.key.cast(), native.key_len) },
            // SAFETY: as above.
            value: unsafe { bytes(native.payload.cast(), native.len) },
            native,
        }
    }

    /// The headers in order; names that are not UTF-8 are left out.
    pub fn headers(&self) -> Vec<(&'a str, &'a [u8])> {
        let mut found = Vec::new();
        let mut headers = null_mut();
        // SAFETY: parses the headers inside the message, which then owns them.
        let error = unsafe { sys::rd_kafka_message_headers(self.native, &raw mut headers) };
        if error != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return found;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (null(), null(), 0);
            // SAFETY: name and value live as long as the message.
            let header = unsafe {
                let error = sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if error != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    break;
                }
                (
                    CStr::from_ptr(name).to_str(),
                    bytes(value.cast(), size).unwrap_or_default(),
                )
            };
            if let (Ok(name), value) = header {
                found.push((name, value));
            }
        }
        found
    }
}

/// SAFETY: `start` must be null or point to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: promised by the caller.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, len) })
}

/// Finds a topic's name; a topic's handle is the same for all its messages, so
/// the last one found nearly always answers.
struct TopicFinder<'a> {
    topics: &'a [String],
    last: Option<(*mut sys::rd_kafka_topic_t, TopicRef<'a>)>,
}

impl<'a> TopicFinder<'a> {
    fn new(topics: &'a [String]) -> Self {
        Self { topics, last: None }
    }

    fn find(&mut self, handle: *mut sys::rd_kafka_topic_t) -> TopicRef<'a> {
        match self.last {
            Some((known, topic)) if known == handle => topic,
            _ => {
                let topic = self.look_up(handle);
                self.last = Some((handle, topic));
                topic
            }
        }
    }

    fn look_up(&self, handle: *mut sys::rd_kafka_topic_t) -> TopicRef<'a> {
        const NO_TOPIC: TopicRef<'static> = TopicRef {
            index: usize::MAX,
            name: "",
        };
        if handle.is_null() {
            return NO_TOPIC;
        }
        // SAFETY: the message keeps its topic alive.
        let name = unsafe { text(sys::rd_kafka_topic_name(handle)) };
        let index = self.topics.iter().position(|topic| *topic == name);
        index.map_or(NO_TOPIC, |index| TopicRef {
            index,
            name: &self.topics[index],
        })
    }
}
