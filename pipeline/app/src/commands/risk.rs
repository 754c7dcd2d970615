use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tapeline_kafka::{KafkaSettings, partition_of, tail};
use tapeline_model::Event;
use tapeline_model::money::Money;
use tapeline_model::records::{Equity, Outcome, Verdict};
use tapeline_schemas::topics::Topic;

use super::quiet_logs;
use crate::cli::Risk;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

/// The first look into a partition takes so many of its newest records ...
const FIRST_LOOK: usize = 1000;
/// ... and the last one at most so many.
const LAST_LOOK: usize = 1_000_000;

pub(super) fn run(config: &Config, action: &Risk) -> Result<(), Failure> {
    quiet_logs(config);
    let Risk::Status { portfolio, json } = action;
    let mut standings = standings(config)?;
    if let Some(wanted) = portfolio {
        standings.retain(|standing| standing.equity.portfolio.as_str() == wanted);
        if standings.is_empty() {
            let message = format!("nothing is known of portfolio {wanted}");
            return Err(Failure::NotSo(message));
        }
    }
    if *json {
        let all: Vec<_> = standings.iter().map(Standing::json).collect();
        console::json(&all)?;
    } else {
        show(&standings, &config.risk.currency);
    }
    match standings
        .iter()
        .filter(|standing| standing.is_beyond())
        .count()
    {
        0 => Ok(()),
        count => Err(Failure::NotSo(format!(
            "{} beyond a limit",
            console::count(count, "portfolio")
        ))),
    }
}

/// What is known of a portfolio: its newest figures and its last verdict.
struct Standing {
    equity: Equity,
    limit: Option<Money>,
    verdict: Option<Verdict>,
}

impl Standing {
    /// As the processor sees it, which has a portfolio well within before it says so.
    fn is_beyond(&self) -> bool {
        let verdict = self.verdict.as_ref();
        verdict.is_some_and(|verdict| verdict.outcome == Outcome::Breach)
    }

    fn state(&self) -> &'static str {
        match (self.is_beyond(), self.equity.equity) {
            (true, _) => "BEYOND",
            (false, None) => "UNKNOWN",
            (false, Some(_)) => "within",
        }
    }

    fn distance(&self) -> Option<Money> {
        self.limit?.checked_sub(self.equity.drawdown?).ok()
    }

    fn json(&self) -> serde_json::Value {
        let text = |money: Option<Money>| money.map(|money| money.to_string());
        json!({
            "portfolio": self.equity.portfolio.as_str(),
            "state": self.state().to_lowercase(),
            "equity": text(self.equity.equity),
            "drawdown": text(self.equity.drawdown),
            "limit": text(self.limit),
            "distance": text(self.distance()),
            "missing_prices": self.equity.missing_prices,
            "event_time": self.equity.event_time.to_string(),
            "verdict": self.verdict.as_ref().map(|verdict| json!({
                "reason": verdict.reason,
                "rule": verdict.rule,
                "value": verdict.value.to_string(),
                "limit": verdict.limit.to_string(),
                "cause": format!(
                    "{}/{}/{}",
                    verdict.cause_topic, verdict.cause_partition, verdict.cause_offset
                ),
                "event_time": verdict.event_time.to_string(),
            })),
        })
    }
}

fn standings(config: &Config) -> Result<Vec<Standing>, Failure> {
    let kafka = config.kafka_settings()?;
    let settings = config.risk_settings();
    let known: BTreeSet<String> = settings
        .accounts
        .values()
        .map(ToString::to_string)
        .collect();
    let equity = newest(&kafka, Topic::RiskEquity, &known, |event| match event {
        Event::Equity(equity) if equity.account.is_none() => {
            Some((equity.portfolio.to_string(), equity))
        }
        _ => None,
    })?;
    let mut verdicts = newest(&kafka, Topic::RiskVerdicts, &known, |event| match event {
        Event::Verdict(verdict) => Some((verdict.portfolio.to_string(), verdict)),
        _ => None,
    })?;
    let standing = |(id, equity): (String, Equity)| Standing {
        limit: settings.max_drawdown(&id),
        verdict: verdicts.remove(&id),
        equity,
    };
    Ok(equity.into_iter().map(standing).collect())
}

/// The newest record of each portfolio. Looks further back until all that are
/// known are found.
fn newest<T>(
    kafka: &KafkaSettings,
    topic: Topic,
    known: &BTreeSet<String>,
    pick: impl Fn(Event<'_>) -> Option<(String, T)>,
) -> Result<BTreeMap<String, T>, Failure> {
    let names = kafka.names();
    let count = kafka.partitions(topic.spec().group);
    let mut found = BTreeMap::new();
    for partition in 0..count {
        let is_here = |id: &&String| partition_of(id.as_bytes(), count) == partition;
        let wanted: Vec<&String> = known.iter().filter(is_here).collect();
        let mut look = FIRST_LOOK;
        loop {
            let records = tail(kafka, names.topic(topic), partition as i32, look)?;
            let complete = records.len() < look || look >= LAST_LOOK;
            for record in records {
                let event = Event::decode(topic, record.value.as_deref());
                if let Ok(Some((id, value))) = event.map(&pick) {
                    found.insert(id, value);
                }
            }
            if complete || wanted.iter().all(|id| found.contains_key(id.as_str())) {
                break;
            }
            look *= 10;
        }
    }
    Ok(found)
}

fn show(standings: &[Standing], currency: &str) {
    let amount = |money: Option<Money>| money.map_or("?".to_owned(), |money| money.to_string());
    let rows: Vec<Vec<String>> = standings
        .iter()
        .map(|standing| {
            let equity = &standing.equity;
            vec![
                equity.portfolio.to_string(),
                standing.state().to_owned(),
                amount(equity.equity),
                amount(equity.drawdown),
                standing
                    .limit
                    .map_or("none".to_owned(), |limit| limit.to_string()),
                amount(standing.distance()),
                equity.event_time.to_string().chars().take(19).collect(),
            ]
        })
        .collect();
    let heading = [
        "PORTFOLIO",
        "DRAWDOWN IS",
        "EQUITY",
        "DRAWDOWN",
        "LIMIT",
        "LEFT",
        "AS OF",
    ];
    console::table(&heading, &rows);
    for standing in standings {
        if standing.equity.missing_prices > 0 {
            let (id, count) = (&standing.equity.portfolio, standing.equity.missing_prices);
            console::line(format!(
                "{id}: {count} of its positions have no price, so its worth is not known"
            ));
        }
        if let Some(verdict) = &standing.verdict {
            console::line(sentence(verdict, currency));
        }
    }
}

fn sentence(verdict: &Verdict, currency: &str) -> String {
    let state = match verdict.outcome {
        Outcome::Breach => "went beyond",
        Outcome::Pass => "came back within",
    };
    let time = verdict.event_time.to_string();
    format!(
        "{}: {} {state} its limit of {} {currency} with {} at {}, because of {}/{}/{}",
        verdict.portfolio,
        verdict.rule,
        verdict.limit,
        verdict.value,
        time.get(..19).unwrap_or(&time),
        verdict.cause_topic,
        verdict.cause_partition,
        verdict.cause_offset
    )
}
