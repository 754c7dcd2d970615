//! Alerts about hanging transactions, which no producer ends: readers of committed records,
//! this program among them, get nothing behind them.

use std::collections::BTreeSet;
use std::time::Duration;

use tapeline_kafka::{HangingTransaction, KafkaError, KafkaSettings, Publisher};
use tapeline_model::ids::output_id;
use tapeline_model::records::{Alert, Severity};
use tapeline_model::{Event, Micros};
use tapeline_schemas::codec::EncodeError;

use crate::clock;

const DELIVERED_WITHIN: Duration = Duration::from_secs(10);
/// So many are remembered, to raise each once; beyond that, one may be raised again.
const MOST_REMEMBERED: usize = 1000;

pub(crate) struct HangingAlerts {
    kafka: KafkaSettings,
    processor: &'static str,
    /// Topic, partition and last stable offset.
    raised: BTreeSet<(String, i32, i64)>,
}

#[derive(Debug, thiserror::Error)]
enum AlertError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl HangingAlerts {
    pub fn new(kafka: &KafkaSettings, processor: &'static str) -> Self {
        Self {
            kafka: kafka.clone(),
            processor,
            raised: BTreeSet::new(),
        }
    }

    /// Raises an alert, once for each transaction, and logs it.
    pub fn raise(&mut self, hanging: &HangingTransaction) {
        let transaction = (hanging.topic.clone(), hanging.partition, hanging.stable);
        if self.raised.len() >= MOST_REMEMBERED {
            self.raised.clear();
        }
        if !self.raised.insert(transaction) {
            return;
        }
        let alert = alert(hanging, self.processor, clock::wall());
        tracing::error!(processor = self.processor, "{}", alert.message);
        if let Err(error) = self.publish(alert) {
            tracing::error!(processor = self.processor, %error, "the alert could not be written");
        }
    }

    fn publish(&self, alert: Alert) -> Result<(), AlertError> {
        let publisher = Publisher::new(&self.kafka, "hanging")?;
        let event = Event::Alert(alert);
        let mut value = Vec::new();
        event.encode(&mut value)?;
        let names = self.kafka.names();
        let (topic, key) = (names.topic(event.topic()), event.key());
        publisher.publish(topic, key.as_bytes(), &value, &[], None)?;
        Ok(publisher.flush(DELIVERED_WITHIN)?)
    }
}

/// The id is the same in every process that sees the transaction.
fn alert(hanging: &HangingTransaction, processor: &str, now: Micros) -> Alert {
    let HangingTransaction {
        topic,
        partition,
        stable,
        end,
        since,
    } = hanging;
    let place = (*partition as u32, *stable as u64);
    Alert {
        alert_id: output_id(topic, place.0, place.1, "alert/hanging_transaction", 0),
        key: format!("{topic}/{partition}/hanging_transaction"),
        subject: topic.clone(),
        rule: "hanging_transaction".to_owned(),
        severity: Severity::Critical,
        message: format!(
            "a transaction on {topic}[{partition}] was not ended for {} s: nothing from offset {stable} \
             to {end} can be read; find and abort it with Kafka's own `kafka-transactions.sh \
             --bootstrap-server HOST:PORT find-hanging`, then `abort`",
            since.as_secs()
        ),
        value: None,
        limit: None,
        procedure: "hanging-transaction".to_owned(),
        cause_topic: topic.clone(),
        cause_partition: *partition,
        cause_offset: *stable,
        event_time: now,
        ingest_time: now,
        source: processor.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_since_when_and_what_to_do() {
        let hanging = HangingTransaction {
            topic: "market.quotes".to_owned(),
            partition: 2,
            stable: 17,
            end: 40,
            since: Duration::from_secs(130),
        };
        let one = alert(&hanging, "market", Micros(1));
        let text = &one.message;
        for part in [
            "market.quotes[2]",
            "130 s",
            "offset 17 to 40",
            "kafka-transactions.sh",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let later = HangingTransaction {
            end: 90,
            since: Duration::from_secs(500),
            ..hanging
        };
        assert_eq!(alert(&later, "risk", Micros(9)).alert_id, one.alert_id);
    }
}
