//! What is known of symbols.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use tapeline_schemas::codec::Record;
use uuid::Uuid;

use super::{BarSource, Direction, MarkBasis, TradeKind};
use crate::ids::Symbol;
use crate::money::{Money, Price, Quantity};
use crate::time::Micros;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quote<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(borrow)]
    pub venue: Cow<'a, str>,
    pub seq: i64,
    pub bid_price: Price,
    pub ask_price: Price,
    pub bid_size: Quantity,
    pub ask_size: Quantity,
    pub event_time: Micros,
    pub ingest_time: Micros,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trade<'a> {
    pub kind: TradeKind,
    #[serde(borrow)]
    pub trade_id: Cow<'a, str>,
    /// The print that a correction or a cancellation speaks of.
    #[serde(borrow)]
    pub ref_trade_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(borrow)]
    pub venue: Cow<'a, str>,
    pub seq: i64,
    pub price: Price,
    pub size: Quantity,
    pub event_time: Micros,
    pub ingest_time: Micros,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    pub price: Price,
    pub bid_price: Price,
    pub ask_price: Price,
    pub quotes: i64,
    #[serde(
        default,
        deserialize_with = "null_is_mid",
        skip_serializing_if = "is_mid"
    )]
    pub basis: MarkBasis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Micros>,
    pub event_time: Micros,
    pub ingest_time: Micros,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
}

impl Record for Mark<'_> {
    const RECORD: &'static str = "mark";

    fn version(&self) -> Option<u32> {
        let is_plain = self.basis == MarkBasis::Mid && self.last_price.is_none();
        (is_plain && self.last_time.is_none()).then_some(1)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    pub symbol: Symbol,
    pub venue: String,
    pub interval: String,
    pub start: Micros,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: Money,
    pub count: i64,
    pub of: BarSource,
    /// 0 when it is first told.
    pub revision: i32,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub signal_id: Uuid,
    pub symbol: Symbol,
    pub rule: String,
    pub kind: String,
    pub direction: Direction,
    pub interval: String,
    pub price: Price,
    /// The indicators it was made from.
    pub inputs: BTreeMap<String, f64>,
    pub parameters: BTreeMap<String, String>,
    pub config_hash: String,
    pub cause_topic: String,
    pub cause_partition: i32,
    pub cause_offset: i64,
    pub event_time: Micros,
    pub ingest_time: Micros,
    pub source: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_mid(basis: &MarkBasis) -> bool {
    *basis == MarkBasis::Mid
}

fn null_is_mid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MarkBasis, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
