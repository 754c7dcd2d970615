use tapeline_schemas::codec::{self, DecodeError, EncodeError, Record};
use tapeline_schemas::topics::Topic;

use crate::reasons::{Reason, Refusal};
#[allow(clippy::wildcard_imports, reason = "the records of `topic_records!`")]
use crate::records::*;
use crate::time::Micros;

/// Where a record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub topic: Topic,
    pub partition: u32,
    pub offset: u64,
}

/// From `topic_records!`: which record lives in which topic and under which key.
macro_rules! events {
    ($(
        $event:ident [$type:ty] $record:literal $topic:ident $name:literal
        key $key:ident table $table:literal group $group:ident keep $keep:tt $($flag:ident)*;
    )*) => {
        /// A record of any topic.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event<'a> { $($event($type)),* }

        impl<'a> Event<'a> {
            pub fn topic(&self) -> Topic {
                match self { $(Self::$event(_) => Topic::$topic),* }
            }

            /// What must stay in order.
            pub fn key(&self) -> &str {
                match self { $(Self::$event(record) => record.$key.as_ref()),* }
            }

            /// Someone waits for it: it does not wait for the next regular commit.
            pub fn is_urgent(&self) -> bool {
                match self { $(Self::$event(_) => has_flag!(urgent: $($flag)*)),* }
            }

            pub fn event_time(&self) -> Micros {
                match self { $(Self::$event(record) => record.event_time),* }
            }

            /// Who wrote it.
            pub fn source(&self) -> &str {
                match self { $(Self::$event(record) => record.source.as_ref()),* }
            }

            pub fn ingest_time(&self) -> Micros {
                match self { $(Self::$event(record) => record.ingest_time),* }
            }

            pub fn set_ingest_time(&mut self, now: Micros) {
                match self { $(Self::$event(record) => record.ingest_time = now),* }
            }

            /// Replaces what is in `out` with the framed record.
            pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                match self { $(Self::$event(record) => codec::encode(record, out)),* }
            }

            fn decode_value(topic: Topic, value: &'a [u8]) -> Result<Self, DecodeError> {
                match topic { $(Topic::$topic => codec::decode(value).map(Self::$event)),* }
            }
        }

        $(record!([$type] $record $($flag)*);)*
    };
}

macro_rules! has_flag {
    (urgent:) => { false };
    (urgent: urgent $($rest:ident)*) => { true };
    (urgent: $other:ident $($rest:ident)*) => { has_flag!(urgent: $($rest)*) };
}

/// A versioned record has its `impl` beside its type.
macro_rules! record {
    ([$type:ty] $record:literal versioned $($rest:ident)*) => {};
    ([$type:ty] $record:literal $other:ident $($rest:ident)*) => { record!([$type] $record $($rest)*); };
    ([$type:ty] $record:literal) => {
        #[allow(clippy::extra_unused_lifetimes, reason = "few records borrow")]
        impl<'a> Record for $type {
            const RECORD: &'static str = $record;
        }
    };
}

tapeline_schemas::topic_records!(events);

impl<'a> Event<'a> {
    /// The order request that it answers.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Verdict(verdict) => verdict.request_id.as_deref(),
            _ => None,
        }
    }

    /// Reads what was found in `topic`.
    pub fn decode(topic: Topic, value: Option<&'a [u8]>) -> Result<Self, Refusal> {
        let Some(bytes) = value else {
            return Err(Refusal::new(
                Reason::NoValue,
                format!("a record of {topic} without a value: deletions have no meaning there"),
            ));
        };
        Ok(Self::decode_value(topic, bytes)?)
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
pub(crate) mod tests;
