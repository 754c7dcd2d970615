use std::collections::BTreeMap;

use serde::Serialize;
use tapeline_model::Event;
use tapeline_model::records::Verdict;
use tapeline_runtime::replay::{Range, ReplayError, Report, replay};
use tapeline_schemas::topics::{Topic, manifest};

use super::quiet_logs;
use crate::cli::Replay;
use crate::config::{Config, Source, load};
use crate::console;
use crate::failure::Failure;
use crate::registry;

pub(super) fn run(config: Config, arguments: &Replay) -> Result<(), Failure> {
    quiet_logs(&config);
    let demo = arguments.demo || config.demo.enabled;
    let complete = |config: Config| if demo { config.with_demo() } else { config };
    let config = complete(config);
    match &arguments.with {
        None => verify(&config, arguments),
        Some(file) => {
            let other = complete(load(&Source::File(file.clone()))?);
            compare(&config, &other, arguments)
        }
    }
}

/// Every output and every snapshot against what was recorded.
fn verify(config: &Config, arguments: &Replay) -> Result<(), Failure> {
    let reports = replay_tasks(config, config, arguments, |_| {})?;
    if arguments.json {
        console::json(&reports)?;
    } else {
        show(&reports);
    }
    match reports.iter().map(|report| report.differences).sum() {
        0_u64 => Ok(()),
        count => Err(Failure::NotSo(format!(
            "{count} transactions came out differently"
        ))),
    }
}

fn show(reports: &[Report]) {
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|r| {
            let range = format!("{} to {}", r.from, r.to);
            vec![
                r.task.to_string(),
                range,
                r.transactions.to_string(),
                r.differences.to_string(),
            ]
        })
        .collect();
    console::table(&["TASK", "TRANSACTIONS", "COUNT", "DIFFERENCES"], &rows);
    for report in reports {
        for difference in &report.shown {
            let (transaction, what) = (difference.transaction, &difference.what);
            console::line(format!(
                "task {} transaction {transaction}: {what}",
                report.task
            ));
            difference
                .inputs
                .iter()
                .for_each(|input| console::line(format!("  {input}")));
        }
    }
}

/// A decision, by what makes it the same one under other limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Decision {
    cause: String,
    portfolio: String,
    rule: String,
    reason: String,
    value: String,
    limit: String,
}

/// The verdicts under both configurations, from the same recorded inputs.
fn compare(config: &Config, other: &Config, arguments: &Replay) -> Result<(), Failure> {
    let decisions = |rules: &Config| {
        let mut made: BTreeMap<(String, String), Decision> = BTreeMap::new();
        replay_tasks(config, rules, arguments, |verdict| {
            let decision = decision(verdict);
            made.insert(
                (verdict.verdict_id.to_string(), decision.reason.clone()),
                decision,
            );
        })?;
        Ok::<_, Failure>(made)
    };
    let (now, then) = (decisions(config)?, decisions(other)?);
    let only = |a: &BTreeMap<_, Decision>, b: &BTreeMap<_, Decision>| -> Vec<Decision> {
        a.iter()
            .filter(|(id, _)| !b.contains_key(*id))
            .map(|(_, d)| d.clone())
            .collect()
    };
    let (gone, new) = (only(&now, &then), only(&then, &now));
    if arguments.json {
        return console::json(&serde_json::json!({
            "verdicts": now.len(),
            "with": then.len(),
            "gone": gone,
            "new": new,
        }));
    }
    console::line(format!(
        "{} verdicts as configured, {} with the other limits",
        now.len(),
        then.len()
    ));
    for (mark, decisions) in [("-", &gone), ("+", &new)] {
        for d in decisions {
            console::line(format!(
                "{mark} {} {} {}: {} against {}, because of {}",
                d.portfolio, d.rule, d.reason, d.value, d.limit, d.cause
            ));
        }
    }
    Ok(())
}

fn decision(verdict: &Verdict) -> Decision {
    let (topic, partition, offset) = (
        &verdict.cause_topic,
        verdict.cause_partition,
        verdict.cause_offset,
    );
    Decision {
        cause: format!("{topic}/{partition}/{offset}"),
        portfolio: verdict.portfolio.to_string(),
        rule: verdict.rule.clone(),
        reason: verdict.reason.clone(),
        value: verdict.value.to_string(),
        limit: verdict.limit.to_string(),
    }
}

/// Replays each task with the processor that `rules` makes.
fn replay_tasks(
    config: &Config,
    rules: &Config,
    arguments: &Replay,
    mut each: impl FnMut(&Verdict),
) -> Result<Vec<Report>, Failure> {
    let kafka = config.kafka_settings()?;
    let spec = manifest()
        .processors
        .iter()
        .find(|p| p.name == arguments.processor);
    let entry = registry::processor(rules, &arguments.processor);
    let (Some(spec), Some(make)) = (spec, entry) else {
        let known = registry::processor_names().join(", ");
        let message = format!(
            "`{}` is no processor; there are {known}",
            arguments.processor
        );
        return Err(Failure::Usage(message));
    };
    let count = kafka.partitions(spec.group);
    let tasks = match arguments.task {
        Some(task) if task >= count => {
            let message = format!("there is no task {task}; the last one is {}", count - 1);
            return Err(Failure::Usage(message));
        }
        Some(task) => task..task + 1,
        None => 0..count,
    };
    let range = Range {
        from: arguments.from,
        to: arguments.to,
    };
    tasks
        .map(|task| {
            let report = replay(&kafka, make(), task, range, |topic, value| {
                if topic == Topic::RiskVerdicts
                    && let Ok(Event::Verdict(verdict)) = Event::decode(topic, Some(value))
                {
                    each(&verdict);
                }
            })?;
            Ok(report)
        })
        .collect()
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Kafka(error) => error.into(),
            ReplayError::NoStart { .. } => Self::NotSo(error.to_string()),
            ReplayError::Task(_) | ReplayError::Decode { .. } => Self::outside(error),
        }
    }
}
