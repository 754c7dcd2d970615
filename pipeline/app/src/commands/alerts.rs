use std::time::Duration;

use tapeline_model::Event;
use tapeline_model::records::Alert;
use tapeline_schemas::topics::Topic;

use super::quiet_logs;
use super::tail::{Begin, EventTail};
use crate::cli::Alerts;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &Alerts) -> Result<(), Failure> {
    quiet_logs(config);
    let Alerts::Tail { all, count, json } = action;
    let begin = if *all { Begin::Oldest } else { Begin::Newest };
    let mut tail = EventTail::open(&config.kafka_settings()?, &[Topic::Alerts], begin)?;
    let mut seen = 0;
    loop {
        for alert in next_alerts(&mut tail, Duration::from_secs(1))? {
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
    let severity = console::severity(alert.severity, &format!("{:8}", alert.severity));
    format!("{clock}  {severity}  {}", alert.message)
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

/// The alerts that came within this time.
pub(crate) fn next_alerts(tail: &mut EventTail, wait: Duration) -> Result<Vec<Alert>, Failure> {
    let mut alerts = Vec::new();
    tail.next(wait, |event| {
        if let Event::Alert(alert) = event {
            alerts.push(alert);
        }
    })?;
    Ok(alerts)
}
