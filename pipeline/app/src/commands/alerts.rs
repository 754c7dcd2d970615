use std::time::Duration;

use tapeline_kafka::{BatchReader, KafkaSettings, Position};
use tapeline_model::Event;
use tapeline_model::records::Alert;
use tapeline_schemas::topics::Topic;

use super::quiet_logs;
use crate::cli::Alerts;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &Alerts) -> Result<(), Failure> {
    quiet_logs(config);
    let Alerts::Tail { all, count, json } = action;
    let mut tail = AlertTail::open(&config.kafka_settings()?, *all)?;
    let mut seen = 0;
    loop {
        for alert in tail.next(Duration::from_secs(1))? {
            show(&alert, *json)?;
            seen += 1;
            if count.is_some_and(|most| seen >= most) {
                return Ok(());
            }
        }
    }
}

fn show(alert: &Alert, json: bool) -> Result<(), Failure> {
    if json {
        console::json(&as_json(alert))
    } else {
        console::line(sentence(alert));
        Ok(())
    }
}

pub(crate) fn sentence(alert: &Alert) -> String {
    let time = alert.event_time.to_string();
    let clock = time.get(11..19).unwrap_or(&time);
    format!("{clock}  {:8}  {}", alert.severity, alert.message)
}

fn as_json(alert: &Alert) -> serde_json::Value {
    let text = |money: Option<tapeline_model::money::Money>| money.map(|m| m.to_string());
    serde_json::json!({
        "alert_id": alert.alert_id.to_string(),
        "key": alert.key,
        "subject": alert.subject,
        "rule": alert.rule,
        "severity": alert.severity.as_str(),
        "message": alert.message,
        "value": text(alert.value),
        "limit": text(alert.limit),
        "procedure": alert.procedure,
        "cause": {
            "topic": alert.cause_topic,
            "partition": alert.cause_partition,
            "offset": alert.cause_offset,
        },
        "event_time": alert.event_time.to_string(),
        "source": alert.source,
    })
}

/// Reads the alert topic as any other consumer would: committed records only.
pub(crate) struct AlertTail {
    reader: BatchReader,
}

impl AlertTail {
    pub fn open(kafka: &KafkaSettings, from_the_oldest: bool) -> Result<Self, Failure> {
        let names = kafka.names();
        let topic = names.topic(Topic::Alerts);
        let mut reader = BatchReader::new(kafka, &names.group("alert-tail"))?;
        let mut positions = Vec::new();
        for partition in 0..kafka.partitions(Topic::Alerts.spec().group) as i32 {
            let (low, end) = reader.range(topic, partition)?;
            let offset = if from_the_oldest { low } else { end };
            positions.push(Position::new(topic, partition, offset));
        }
        reader.assign(&positions)?;
        Ok(Self { reader })
    }

    /// What came within this time.
    pub fn next(&mut self, wait: Duration) -> Result<Vec<Alert>, Failure> {
        let batch = self.reader.fetch(256, wait)?;
        let alerts = batch.messages().filter_map(|message| {
            match Event::decode(Topic::Alerts, message.value) {
                Ok(Event::Alert(alert)) => Some(alert),
                Ok(_) => None,
                Err(refusal) => {
                    let (partition, offset) = (message.partition, message.offset);
                    tracing::warn!(
                        partition,
                        offset,
                        "an alert cannot be read: {}",
                        refusal.message
                    );
                    None
                }
            }
        });
        Ok(alerts.collect())
    }
}
