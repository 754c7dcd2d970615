//! Commands to the risk processor, and what came of them.

use std::time::{Duration, Instant};

use tapeline_kafka::{KafkaSettings, Publisher, tail};
use tapeline_model::Event;
use tapeline_model::ids::{PortfolioId, output_id};
use tapeline_model::records::{Command, CommandKind, DeadLetter, Verdict};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use super::status;
use crate::cli::{Author, RiskReset, RiskStop};
use crate::commands::tail::{Begin, EventTail};
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::publish::{now, put};

/// In a command: every portfolio.
pub(super) const ALL_PORTFOLIOS: &str = "*";
const SOURCE: &str = "cli";
/// So many of a partition's newest commands may have come since ours.
const READ_BACK: usize = 256;
const POLL: Duration = Duration::from_millis(200);
/// Of many verdicts, no more come once none came for so long.
const SETTLED_AFTER: Duration = Duration::from_millis(800);

#[derive(Debug, Clone, Copy)]
pub(super) enum StopKind {
    Halt,
    Reduce,
}

pub(super) fn stop(config: &Config, arguments: RiskStop, how: StopKind) -> Result<(), Failure> {
    let RiskStop {
        portfolio,
        all,
        author,
    } = arguments;
    let portfolio = match portfolio {
        Some(portfolio) => portfolio,
        None if all => ALL_PORTFOLIOS.to_owned(),
        None => {
            let message = "name a portfolio, or say --all".to_owned();
            return Err(Failure::Usage(message));
        }
    };
    let kind = match how {
        StopKind::Halt => CommandKind::Halt,
        StopKind::Reduce => CommandKind::Reduce,
    };
    let command = command(kind, &portfolio, &author)?;
    let verdicts = send(&config.kafka_settings()?, &command, author.wait.0)?;
    print_verdicts(&verdicts, author.json)
}

pub(super) fn reset(config: &Config, arguments: RiskReset) -> Result<(), Failure> {
    let RiskReset {
        portfolio,
        verdict,
        author,
    } = arguments;
    if verdict.is_empty() {
        return Err(ask_for_verdicts(config, &portfolio));
    }
    let mut command = command(CommandKind::Reset, &portfolio, &author)?;
    command.overrides = verdict;
    let verdicts = send(&config.kafka_settings()?, &command, author.wait.0)?;
    print_verdicts(&verdicts, author.json)
}

/// Nobody resets what nobody looked at.
fn ask_for_verdicts(config: &Config, portfolio: &str) -> Failure {
    let holds = match status::holds(config, portfolio) {
        Ok(holds) => holds,
        Err(failure) => return failure,
    };
    if holds.is_empty() {
        let message = format!("the guard of {portfolio} is ACTIVE: nothing is to be reset");
        return Failure::CheckFailed(message);
    }
    console::line(format!("What holds the guard of {portfolio} up:"));
    for (id, message) in &holds {
        console::line(format!("  {id}  {message}"));
    }
    let named: Vec<String> = holds
        .iter()
        .map(|(id, _)| format!("--verdict {id}"))
        .collect();
    Failure::Usage(format!(
        "look at these verdicts, then set them aside by name: tapeline risk reset {portfolio} {} --reason '…'",
        named.join(" ")
    ))
}

/// A command that says nothing yet but who wants what, and why.
pub(super) fn command(
    kind: CommandKind,
    portfolio: &str,
    author: &Author,
) -> Result<Command, Failure> {
    let by = author.author.clone().filter(|name| !name.trim().is_empty());
    let Some(by) = by else {
        let message = "say who wants it: --author NAME".to_owned();
        return Err(Failure::Usage(message));
    };
    Ok(new_command(kind, portfolio, &by, &author.reason, SOURCE))
}

pub(crate) fn new_command(
    kind: CommandKind,
    portfolio: &str,
    author: &str,
    reason: &str,
    source: &str,
) -> Command {
    let now = now();
    let id = output_id(source, std::process::id(), now.0 as u64, kind.as_str(), 0);
    Command {
        command_id: id.to_string(),
        portfolio: PortfolioId::new(portfolio),
        kind,
        author: author.to_owned(),
        reason: reason.to_owned(),
        overrides: Vec::new(),
        limit: None,
        definition: None,
        event_time: now,
        ingest_time: now,
        source: source.to_owned(),
    }
}

/// Publishes a command, and waits for what the processor makes of it: a verdict, or one for
/// each portfolio if it is for everybody; or why it was refused.
pub(crate) fn send(
    kafka: &KafkaSettings,
    command: &Command,
    wait: Duration,
) -> Result<Vec<Verdict>, Failure> {
    let is_for_all = command.portfolio.as_str() == ALL_PORTFOLIOS;
    let outcomes = [Topic::RiskVerdicts, Topic::DeadLetters];
    let mut outcome = EventTail::open(kafka, &outcomes, Begin::Newest)?;
    let origin = publish(kafka, command)?;
    let until = Instant::now() + wait;
    let mut verdicts = Vec::new();
    let mut newest = Instant::now();
    let mut refused = None;
    while Instant::now() < until {
        outcome.next(POLL, |event| match event {
            Event::Verdict(verdict) if is_about(&verdict, origin) => {
                newest = Instant::now();
                verdicts.push(verdict);
            }
            Event::DeadLetter(letter) if is_refusal_of(&letter, origin) => refused = Some(letter),
            _ => {}
        })?;
        if let Some(letter) = refused {
            let message = format!("{}: {}", letter.reason, letter.message);
            return Err(Failure::CheckFailed(message));
        }
        let settled = !is_for_all || newest.elapsed() > SETTLED_AFTER;
        if !verdicts.is_empty() && settled {
            return Ok(verdicts);
        }
    }
    if verdicts.is_empty() {
        return Err(Failure::External(format!(
            "the command is in {}, but no verdict came within {wait:?}: is the processor `risk` running? \
             It will be carried out once it is",
            Topic::ControlCommands
        )));
    }
    Ok(verdicts)
}

type CommandOffset = (i32, i64);

fn is_about(verdict: &Verdict, (partition, offset): CommandOffset) -> bool {
    verdict.cause_topic == Topic::ControlCommands.name()
        && (verdict.cause_partition, verdict.cause_offset) == (partition, offset)
}

fn is_refusal_of(letter: &DeadLetter, (partition, offset): CommandOffset) -> bool {
    letter.topic == Topic::ControlCommands.name()
        && (letter.partition, letter.offset) == (partition, offset)
}

/// Where the command stands in its topic.
fn publish(kafka: &KafkaSettings, command: &Command) -> Result<CommandOffset, Failure> {
    let topic = Topic::ControlCommands;
    let name = kafka.names().topic(topic).to_owned();
    let event = Event::Command(command.clone());
    put(&Publisher::new(kafka, SOURCE)?, &name, &event)?;
    let count = kafka.partitions(topic.spec().group);
    let partition = partition_of(event.key().as_bytes(), count) as i32;
    let newest = tail(kafka, &name, partition, READ_BACK)?;
    let ours = |record: &&tapeline_kafka::OwnedMessage| {
        let found = Event::decode(topic, record.value.as_deref());
        matches!(found, Ok(Event::Command(found)) if found.command_id == command.command_id)
    };
    let found = newest.iter().rev().find(ours);
    let found = found.ok_or_else(|| {
        Failure::External(format!("the command was sent, but {name} does not show it"))
    })?;
    Ok((partition, found.offset))
}

pub(super) fn print_verdicts(verdicts: &[Verdict], json: bool) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = verdicts.iter().map(status::verdict_json).collect();
        return console::json(&all);
    }
    for verdict in verdicts {
        let Verdict {
            portfolio,
            guard,
            message,
            verdict_id,
            ..
        } = verdict;
        let state = if portfolio.as_str() == ALL_PORTFOLIOS {
            String::new()
        } else {
            format!("{portfolio} is {guard}: ")
        };
        console::line(format!("{state}{message} (verdict {verdict_id})"));
    }
    Ok(())
}
