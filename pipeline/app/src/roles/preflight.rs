//! Looks before it leaps: what connectors cannot do without at their start, everything before the
//! market opens. What fails becomes an alert, and another when it is well again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::ids::output_id;
use tapeline_model::records::{Alert, Severity};
use tapeline_model::{Event, Micros};
use tapeline_processors::limits::{Calendar, Calendars};
use tapeline_schemas::topics::Topic;
use tapeline_venue::Stop;

use super::{Part, Start};
use crate::config::Config;
use crate::failure::Failure;
use crate::preflight::{self, Checked, Outcome};
use crate::publish::{now, put};

const SOURCE: &str = "preflight";
const RULE: &str = "preflight";
/// A look at the clock this often: it may be set, and a machine may sleep.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// Fails with all that keeps connectors from starting.
pub(super) fn at_start(with: &Start<'_>) -> Result<(), Failure> {
    if !with.config.preflight.at_start {
        return Ok(());
    }
    let checked = blocked_on(with, preflight::at_start(with.config));
    let blocking: Vec<&Checked> = checked.iter().filter(|one| one.is_blocking()).collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let told = alert_writer(with.config).and_then(|mut alert_writer| alert_writer.report(&checked));
    if let Err(failure) = told {
        tracing::error!(%failure, "the alerts could not be written");
    }
    let problems: Vec<String> = blocking.iter().map(|one| one.problem()).collect();
    let problems = problems.join("\n");
    Err(Failure::External(format!(
        "connectors do not start:\n{problems}\n`tapeline check --online` shows all; \
         preflight.at_start = false starts them all the same"
    )))
}

fn blocked_on<T: Send>(with: &Start<'_>, work: impl Future<Output = T> + Send) -> T {
    // Also from a thread of a runtime.
    std::thread::scope(|scope| {
        let working = scope.spawn(|| with.runtime.block_on(work));
        match working.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// None where it is switched off.
pub(super) fn start(with: &Start<'_>) -> Result<Option<Part>, Failure> {
    let before = with.config.preflight.before_open.0;
    let calendars = Calendars::built_in().map_err(Failure::external)?;
    let calendar = calendars.get(&with.config.preflight.calendar);
    let (Some(calendar), false) = (calendar.cloned(), before.is_zero()) else {
        return Ok(None);
    };
    let (stop_sender, stop) = Stop::pair();
    let config = with.config.clone();
    let runtime = with.runtime.clone();
    Part::spawn("preflight", Some(stop_sender), move |_| {
        runtime.block_on(before_each_opening(config, calendar, before, stop))
    })
    .map(Some)
}

async fn before_each_opening(
    config: Config,
    calendar: Arc<Calendar>,
    before: Duration,
    mut stop: Stop,
) -> Result<(), Failure> {
    let mut alert_writer = alert_writer(&config)?;
    let mut due = due_after(&calendar, before, now());
    loop {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        if due.is_none_or(|due| now() < due) {
            continue;
        }
        let checked = tokio::select! {
            () = stop.wanted() => return Ok(()),
            checked = preflight::all(&config) => checked,
        };
        alert_writer.report(&checked)?;
        due = due_after(&calendar, before, now());
    }
}

/// The first time behind `now` at which everything is looked at.
fn due_after(calendar: &Calendar, before: Duration, now: Micros) -> Option<Micros> {
    let ahead = i64::try_from(before.as_micros()).ok()?;
    // An opening whose time to look has passed is followed by another.
    let from = Micros(now.0.saturating_add(ahead));
    let opens = calendar.session_of(from)?.next_opens;
    Some(Micros(opens.0.saturating_sub(ahead)))
}

struct AlertWriter {
    kafka: KafkaSettings,
    /// What was told as failing.
    failing: BTreeSet<String>,
}

fn alert_writer(config: &Config) -> Result<AlertWriter, Failure> {
    Ok(AlertWriter {
        kafka: config.kafka_settings()?,
        failing: BTreeSet::new(),
    })
}

impl AlertWriter {
    fn report(&mut self, checked: &[Checked]) -> Result<(), Failure> {
        let mut alerts = Vec::new();
        for one in checked {
            let is_failing = one.outcome == Outcome::Fail;
            if is_failing {
                tracing::error!("{}", one.problem());
                self.failing.insert(one.name.clone());
            }
            if is_failing || self.failing.remove(&one.name) {
                alerts.push(alert(one, now()));
            }
        }
        let publisher = Publisher::new(&self.kafka, SOURCE)?;
        let topic = self.kafka.names().topic(Topic::Alerts).to_owned();
        for alert in alerts {
            put(&publisher, &topic, &Event::Alert(alert))?;
        }
        Ok(())
    }
}

fn alert(checked: &Checked, now: Micros) -> Alert {
    let severity = match checked.outcome {
        Outcome::Fail if checked.must => Severity::Critical,
        Outcome::Fail => Severity::Warning,
        Outcome::Pass | Outcome::Warn => Severity::Info,
    };
    let message = match checked.outcome {
        Outcome::Fail => checked.problem(),
        Outcome::Pass | Outcome::Warn => format!("{} is well again", checked.name),
    };
    let place = format!("alert/{RULE}/{}", checked.name);
    Alert {
        alert_id: output_id(RULE, 0, now.0 as u64, &place, 0),
        key: format!("{RULE}/{}", checked.name),
        subject: checked.name.clone(),
        rule: RULE.to_owned(),
        severity,
        message,
        value: None,
        limit: None,
        procedure: "preflight".to_owned(),
        cause_topic: Topic::Alerts.name().to_owned(),
        cause_partition: 0,
        cause_offset: 0,
        event_time: now,
        ingest_time: now,
        source: SOURCE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    /// Monday 2026-11-23, 09:30 in New York.
    const OPENS: i64 = 1_795_444_200_000_000;

    #[test]
    fn it_is_due_before_each_opening_once() {
        let calendars = Calendars::built_in().unwrap();
        let new_york = calendars.get("XNYS").unwrap();
        let half_an_hour = Duration::from_mins(30);
        let due = |at: i64| due_after(new_york, half_an_hour, Micros(at)).unwrap().0;
        let monday = OPENS - 30 * MINUTE;
        let saturday = OPENS - 47 * 60 * MINUTE;
        assert_eq!(due(saturday), monday);
        assert_eq!(due(monday - 1), monday);
        let tuesday = monday + 24 * 60 * MINUTE;
        assert_eq!(due(monday), tuesday, "not twice");
        assert_eq!(due(OPENS + MINUTE), tuesday);
    }

    #[test]
    fn an_alert_says_what_failed_and_what_to_do() {
        let mut checked = Checked {
            name: "codes of a1".to_owned(),
            outcome: Outcome::Fail,
            must: true,
            ms: 1,
            found: "no seed".to_owned(),
            remedy: "put one there".to_owned(),
        };
        let failed = alert(&checked, Micros(1));
        assert_eq!(failed.severity, Severity::Critical);
        assert_eq!(failed.message, "codes of a1: no seed; put one there");
        checked.outcome = Outcome::Pass;
        let well = alert(&checked, Micros(2));
        assert_eq!((well.severity, &well.key), (Severity::Info, &failed.key));
        assert_eq!(well.message, "codes of a1 is well again");
    }
}
