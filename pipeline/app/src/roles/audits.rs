//! The store compared with the topics from time to time; what is wrong becomes an alert.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tapeline_clickhouse::{AuditOptions, AuditReport, Store, audit};
use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::output_id;
use tapeline_model::records::{Alert, Severity};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tokio::runtime::Handle;

use super::{Part, Start};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::store_audit::{ago_ms, problem};

const POLL_INTERVAL: Duration = Duration::from_millis(200);
const RULE: &str = "store_audit";

/// None where it is switched off.
pub(super) fn start(with: &Start<'_>) -> Result<Option<Part>, Failure> {
    let every = with.config.sink.audit_every.0;
    if every.is_zero() {
        return Ok(None);
    }
    let auditor = Auditor {
        kafka: with.config.kafka_settings()?,
        store: Store::connect(&with.config.store_settings()?)?,
        options: with.config.audit_options(),
        runtime: with.runtime.clone(),
        every,
        was_clean: true,
    };
    Part::spawn("audit", None, move |stop| {
        auditor.run(stop);
        Ok(())
    })
    .map(Some)
}

struct Auditor {
    kafka: KafkaSettings,
    store: Store,
    options: AuditOptions,
    runtime: Handle,
    every: Duration,
    was_clean: bool,
}

impl Auditor {
    fn run(mut self, stop: &AtomicBool) {
        let mut last_audit = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if last_audit.elapsed() < self.every {
                std::thread::sleep(POLL_INTERVAL.min(self.every));
                continue;
            }
            last_audit = Instant::now();
            self.audit();
        }
    }

    /// What came since the audit before the last, so that nothing falls between two of them.
    fn audit(&mut self) {
        let options = AuditOptions {
            since_ms: Some(ago_ms(self.every * 2)),
            ..self.options.clone()
        };
        let audited = audit(&self.kafka, &self.store, &options, &self.runtime, |_, _| ());
        let report = match audited {
            Ok(report) => report,
            Err(error) => {
                tracing::warn!(%error, "the store was not audited; the next audit is tried in its turn");
                return;
            }
        };
        report.measure();
        let is_clean = report.is_clean();
        if !is_clean || !self.was_clean {
            self.report(&report);
        }
        self.was_clean = is_clean;
    }

    fn report(&self, report: &AuditReport) {
        let alert = alert(report, now());
        if report.is_clean() {
            tracing::info!("{}", alert.message);
        } else {
            tracing::error!("{}", alert.message);
        }
        if let Err(failure) = self.publish(alert) {
            tracing::error!(%failure, "the alert could not be written");
        }
    }

    fn publish(&self, alert: Alert) -> Result<(), Failure> {
        let publisher = Publisher::new(&self.kafka, "audit")?;
        let names = self.kafka.names();
        put(&publisher, names.topic(Topic::Alerts), &Event::Alert(alert))
    }
}

fn alert(report: &AuditReport, now: Micros) -> Alert {
    let wrong = |topic: &&tapeline_clickhouse::TopicAudit| {
        topic.lost + topic.duplicated + topic.extra + topic.differing > 0
    };
    let tables: Vec<&str> = report
        .topics
        .iter()
        .filter(wrong)
        .map(|topic| topic.table)
        .collect();
    let (severity, message) = if report.is_clean() {
        let message = "the store holds every record of the audited time once, again".to_owned();
        (Severity::Info, message)
    } else {
        let message = format!(
            "{}; tables: {}; `tapeline audit` names the offsets, `tapeline store rebuild TABLE` fills one anew",
            problem(report),
            tables.join(", ")
        );
        (Severity::Critical, message)
    };
    Alert {
        alert_id: output_id(RULE, 0, now.0 as u64, "alert/store_audit", 0),
        key: format!("store/{RULE}"),
        subject: "store".to_owned(),
        rule: RULE.to_owned(),
        severity,
        message,
        value: None,
        limit: None,
        procedure: "store-audit".to_owned(),
        cause_topic: Topic::Alerts.name().to_owned(),
        cause_partition: 0,
        cause_offset: 0,
        event_time: now,
        ingest_time: now,
        source: "audit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_is_wrong_and_what_to_do() {
        let mut report = AuditReport::default();
        let clean = alert(&report, Micros(1));
        assert_eq!(clean.severity, Severity::Info);
        report.lost = 3;
        let told = alert(&report, Micros(1));
        assert_eq!(told.severity, Severity::Critical);
        assert!(told.message.contains("3 lost"), "{}", told.message);
        assert!(told.message.contains("store rebuild"), "{}", told.message);
        assert_eq!(told.key, clean.key);
    }
}
