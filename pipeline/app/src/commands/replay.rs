use std::collections::BTreeMap;

use serde::Serialize;
use tapeline_model::Event;
use tapeline_model::records::Verdict;
use tapeline_runtime::replay::{Range, ReplayError, Report, replay};
use tapeline_schemas::topics::Topic;

use super::processor_tasks::{processor, tasks};
use super::recording::{self, Replayed};
use super::{backtest, quiet_logs};
use crate::cli::Replay;
use crate::config::{Config, Source, load, with_demo};
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: Config, arguments: &Replay) -> Result<(), Failure> {
    quiet_logs(&config);
    if !arguments.backtest.history.is_empty() {
        return backtest::run(&config, &arguments.backtest, arguments.json);
    }
    let demo = arguments.demo || config.demo.is_on();
    let config = with_demo(config, demo)?;
    match &arguments.with {
        None => verify(&config, arguments),
        Some(file) => {
            let other = with_demo(load(&Source::File(file.clone()))?, demo)?;
            compare(&config, &other, arguments)
        }
    }
}

/// Every output and every snapshot against what was recorded.
fn verify(config: &Config, arguments: &Replay) -> Result<(), Failure> {
    let done = replay_tasks(config, config, arguments, |_| {})?;
    let reports = &done.reports;
    if arguments.json {
        console::json(reports)?;
    } else {
        show(reports);
    }
    let count: u64 = reports.iter().map(|report| report.differences).sum();
    match (done.fault, count) {
        (Some(fault), _) => Err(fault),
        (None, 0) => Ok(()),
        (None, _) => {
            let hint = done.hint.unwrap_or_default();
            let message = format!("{count} transactions came out differently{hint}");
            Err(Failure::CheckFailed(message))
        }
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
        if report.former > 0 {
            let count = console::count(report.former as usize, "transaction");
            console::line(format!(
                "task {}: {count} left out, made before this release took the task over",
                report.task
            ));
        }
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
        let done = replay_tasks(config, rules, arguments, |verdict| {
            let decision = decision(verdict);
            made.insert(
                (verdict.verdict_id.to_string(), decision.reason.clone()),
                decision,
            );
        })?;
        done.fault.map_or(Ok(made), Err)
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
) -> Result<Replayed, Failure> {
    let range = Range {
        from: arguments.from,
        to: arguments.to,
    };
    let mut output = |topic: Topic, value: &[u8]| {
        if topic == Topic::RiskVerdicts
            && let Ok(Event::Verdict(verdict)) = Event::decode(topic, Some(value))
        {
            each(&verdict);
        }
    };
    if let Some(file) = &arguments.recording {
        return recording::replay(file, rules, arguments.task, range, &mut output);
    }
    let kafka = config.kafka_settings()?;
    let name = arguments.processor.as_deref().unwrap_or_default();
    let make = processor(rules, name)?;
    let reports = tasks(config, name, arguments.task)?.map(|share| {
        let processor = make(share);
        Ok(replay(&kafka, processor, share.task(), range, &mut output)?)
    });
    Ok(Replayed {
        reports: reports.collect::<Result<_, Failure>>()?,
        ..Replayed::default()
    })
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Kafka(error) => error.into(),
            ReplayError::NoStart { .. }
            | ReplayError::InputsGone { .. }
            | ReplayError::NoSuchTask { .. }
            | ReplayError::Recording(_) => Self::CheckFailed(error.to_string()),
            ReplayError::Task(_) | ReplayError::Decode { .. } => Self::external(error),
        }
    }
}
