//! What portfolios are worth, and how far they are from their limits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tapeline_kafka::{KafkaSettings, tail};
use tapeline_model::Event;
use tapeline_model::money::Money;
use tapeline_model::records::{Equity, Grade, GuardState, LimitStanding, Verdict};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use crate::config::Config;
use crate::console;
use crate::failure::Failure;

/// The first look into a partition takes so many of its newest records ...
const FIRST_READ: usize = 1000;
/// (of verdicts, where some hold a guard up and may be old, so many) ...
const READ_IF_HELD: usize = 20_000;
/// ... and the last one at most so many.
const MAX_READ: usize = 1_000_000;

pub(super) fn run(config: &Config, portfolio: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut statuses = statuses(config)?;
    if let Some(wanted) = portfolio {
        statuses.retain(|status| status.equity.portfolio.as_str() == wanted);
        if statuses.is_empty() {
            let message = format!("nothing is known of portfolio {wanted}");
            return Err(Failure::CheckFailed(message));
        }
    }
    if json {
        let all: Vec<_> = statuses.iter().map(PortfolioStatus::json).collect();
        console::json(&all)?;
    } else {
        show(&statuses);
    }
    let stopped = statuses.iter().filter(|status| status.is_stopped());
    match stopped.count() {
        0 => Ok(()),
        count => Err(Failure::CheckFailed(format!(
            "{} beyond a limit or stopped",
            console::count(count, "portfolio")
        ))),
    }
}

/// Every portfolio that the configuration knows.
pub(super) fn portfolios(config: &Config) -> BTreeSet<String> {
    let settings = config.risk_settings();
    settings
        .accounts
        .values()
        .map(ToString::to_string)
        .collect()
}

/// The verdicts that hold the guard of a portfolio up, with what they say.
pub(super) fn holds(config: &Config, portfolio: &str) -> Result<Vec<(String, String)>, Failure> {
    let statuses = statuses(config)?.into_iter();
    let mut own = statuses.filter(|status| status.equity.portfolio.as_str() == portfolio);
    let Some(status) = own.next() else {
        let message = format!("nothing is known of portfolio {portfolio}");
        return Err(Failure::CheckFailed(message));
    };
    let said = |id: &String| {
        let verdict = status.holds.get(id);
        let message = verdict.map_or("(not found any more)", |verdict| &*verdict.message);
        (id.clone(), message.to_owned())
    };
    Ok(status.equity.held_by.iter().map(said).collect())
}

/// What is known of a portfolio: its newest figures, and the verdicts behind them.
struct PortfolioStatus {
    equity: Equity,
    /// That hold the guard up, by id.
    holds: BTreeMap<String, Verdict>,
    newest: Option<Verdict>,
}

impl PortfolioStatus {
    fn is_beyond(&self) -> bool {
        let mut limits = self.equity.limits.iter();
        limits.any(|limit| limit.grade == Grade::Breach)
    }

    fn is_stopped(&self) -> bool {
        self.is_beyond() || self.equity.guard != GuardState::Active
    }

    fn state(&self) -> &'static str {
        match (self.is_beyond(), self.equity.equity) {
            (true, _) => "beyond",
            (false, None) => "unknown",
            (false, Some(_)) => "within",
        }
    }

    fn json(&self) -> serde_json::Value {
        let equity = &self.equity;
        json!({
            "portfolio": equity.portfolio.as_str(),
            "state": self.state(),
            "guard": equity.guard.as_str(),
            "currency": equity.currency,
            "equity": text(equity.equity),
            "high_water": text(equity.high_water),
            "drawdown": text(equity.drawdown),
            "gross": text(equity.gross),
            "net": text(equity.net),
            "limits": equity.limits.iter().map(limit_json).collect::<Vec<_>>(),
            "held_by": equity.held_by.iter().map(|id| json!({
                "verdict": id,
                "message": self.holds.get(id).map(|verdict| &verdict.message),
            })).collect::<Vec<_>>(),
            "missing_prices": equity.missing_prices,
            "missing_rates": equity.missing_rates,
            "stale_prices": equity.stale_prices,
            "event_time": equity.event_time.to_string(),
            "verdict": self.newest.as_ref().map(verdict_json),
        })
    }
}

fn text(money: Option<Money>) -> Option<String> {
    money.map(|money| money.to_string())
}

fn distance(limit: &LimitStanding) -> Option<Money> {
    limit.level.checked_sub(limit.value?).ok()
}

fn limit_json(limit: &LimitStanding) -> serde_json::Value {
    json!({
        "limit": limit.limit,
        "rule": limit.rule,
        "group": limit.group,
        "grade": limit.grade.as_str(),
        "value": text(limit.value),
        "level": limit.level.to_string(),
        "distance": text(distance(limit)),
        "unit": limit.unit,
    })
}

pub(super) fn verdict_json(verdict: &Verdict) -> serde_json::Value {
    let Verdict {
        cause_topic,
        cause_partition,
        cause_offset,
        ..
    } = verdict;
    json!({
        "verdict": verdict.verdict_id.to_string(),
        "portfolio": verdict.portfolio.as_str(),
        "grade": verdict.grade.as_str(),
        "guard": verdict.guard.as_str(),
        "reason": verdict.reason,
        "rule": verdict.rule,
        "limit_name": verdict.limit_name,
        "group": verdict.group,
        "message": verdict.message,
        "value": verdict.value.to_string(),
        "limit": verdict.limit.to_string(),
        "unit": verdict.unit,
        "author": verdict.author,
        "cause": format!("{cause_topic}/{cause_partition}/{cause_offset}"),
        "event_time": verdict.event_time.to_string(),
    })
}

fn statuses(config: &Config) -> Result<Vec<PortfolioStatus>, Failure> {
    let kafka = config.kafka_settings()?;
    let equity = newest_equity(&kafka, &portfolios(config))?;
    let held = equity.values().flat_map(|equity| equity.held_by.clone());
    let held: BTreeSet<String> = held.collect();
    let mut verdicts = Verdicts::default();
    let count_back = if held.is_empty() {
        FIRST_READ
    } else {
        READ_IF_HELD
    };
    for partition in 0..kafka.partitions(Topic::RiskVerdicts.spec().group) {
        each_of_newest(
            &kafka,
            Topic::RiskVerdicts,
            partition,
            count_back,
            |event| {
                verdicts.insert(event, &held);
            },
        )?;
    }
    let status = |(id, equity): (String, Equity)| PortfolioStatus {
        holds: verdicts.of(&equity.held_by),
        newest: verdicts.newest.get(&id).cloned(),
        equity,
    };
    Ok(equity.into_iter().map(status).collect())
}

#[derive(Default)]
struct Verdicts {
    /// By portfolio.
    newest: BTreeMap<String, Verdict>,
    /// By id.
    held: BTreeMap<String, Verdict>,
}

impl Verdicts {
    fn insert(&mut self, event: Event<'_>, held: &BTreeSet<String>) {
        let Event::Verdict(verdict) = event else {
            return;
        };
        let id = verdict.verdict_id.to_string();
        if held.contains(&id) {
            self.held.insert(id, verdict.clone());
        }
        self.newest.insert(verdict.portfolio.to_string(), verdict);
    }

    fn of(&self, ids: &[String]) -> BTreeMap<String, Verdict> {
        let found = ids.iter().filter_map(|id| self.held.get_key_value(id));
        found
            .map(|(id, verdict)| (id.clone(), verdict.clone()))
            .collect()
    }
}

/// The newest figures of each portfolio. Looks further back until all that are known are
/// found.
fn newest_equity(
    kafka: &KafkaSettings,
    known: &BTreeSet<String>,
) -> Result<BTreeMap<String, Equity>, Failure> {
    let topic = Topic::RiskEquity;
    let count = kafka.partitions(topic.spec().group);
    let mut found = BTreeMap::new();
    for partition in 0..count {
        let is_here = |id: &&String| partition_of(id.as_bytes(), count) == partition;
        let wanted: Vec<&String> = known.iter().filter(is_here).collect();
        let mut count_back = FIRST_READ;
        loop {
            let seen = each_of_newest(kafka, topic, partition, count_back, |event| match event {
                Event::Equity(equity) if equity.account.is_none() => {
                    found.insert(equity.portfolio.to_string(), equity);
                }
                _ => {}
            })?;
            let is_all = seen < count_back || count_back >= MAX_READ;
            if is_all || wanted.iter().all(|id| found.contains_key(id.as_str())) {
                break;
            }
            count_back *= 10;
        }
    }
    Ok(found)
}

/// Shows the newest records of a partition, oldest first, and tells how many there were.
fn each_of_newest(
    kafka: &KafkaSettings,
    topic: Topic,
    partition: u32,
    most: usize,
    mut each: impl FnMut(Event<'_>),
) -> Result<usize, Failure> {
    let names = kafka.names();
    let records = tail(kafka, names.topic(topic), partition as i32, most)?;
    for record in &records {
        if let Ok(event) = Event::decode(topic, record.value.as_deref()) {
            each(event);
        }
    }
    Ok(records.len())
}

fn show(statuses: &[PortfolioStatus]) {
    let amount = |money: Option<Money>| money.map_or("?".to_owned(), |money| money.to_string());
    let rows: Vec<Vec<String>> = statuses
        .iter()
        .map(|status| {
            let equity = &status.equity;
            vec![
                equity.portfolio.to_string(),
                equity.guard.to_string(),
                amount(equity.equity),
                amount(equity.drawdown),
                equity.event_time.to_string().chars().take(19).collect(),
            ]
        })
        .collect();
    console::table(
        &["PORTFOLIO", "GUARD", "EQUITY", "DRAWDOWN", "AS OF"],
        &rows,
    );
    console::line("");
    let limits = statuses.iter().flat_map(|status| {
        let of = &status.equity.portfolio;
        status.equity.limits.iter().map(move |limit| (of, limit))
    });
    let rows: Vec<Vec<String>> = limits
        .map(|(portfolio, limit)| {
            vec![
                portfolio.to_string(),
                name(limit),
                limit.grade.to_string(),
                amount(limit.value),
                limit.level.to_string(),
                amount(distance(limit)),
                limit.unit.clone(),
            ]
        })
        .collect();
    let heading = ["PORTFOLIO", "LIMIT", "IS", "VALUE", "LEVEL", "LEFT", "IN"];
    console::table(&heading, &rows);
    console::line("");
    statuses.iter().for_each(explain);
}

fn name(limit: &LimitStanding) -> String {
    if limit.group.is_empty() {
        limit.limit.clone()
    } else {
        format!("{} of {}", limit.limit, limit.group)
    }
}

/// In sentences: what is missing, what holds the guard up, what was decided last.
fn explain(status: &PortfolioStatus) {
    let equity = &status.equity;
    let id = &equity.portfolio;
    if equity.missing_prices > 0 {
        let count = equity.missing_prices;
        console::line(format!(
            "{id}: {count} of its positions have no price, so its worth is not known"
        ));
    }
    for held in &equity.held_by {
        let said = status.holds.get(held);
        let said = said.map_or("(not found any more)", |verdict| &*verdict.message);
        console::line(format!(
            "{id} is {} because of {held}: {said}",
            equity.guard
        ));
    }
    if let Some(verdict) = &status.newest {
        let time = verdict.event_time.to_string();
        let time = time.get(..19).unwrap_or(&time);
        console::line(format!(
            "{id}: {} at {time}: {}",
            verdict.grade, verdict.message
        ));
    }
}
