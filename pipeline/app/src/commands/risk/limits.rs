//! The limits in force, and changing them.

use std::time::Duration;

use tapeline_kafka::{KafkaError, Message, read_to_end};
use tapeline_model::Event;
use tapeline_model::records::{Command, CommandKind};
use tapeline_processors::limits::{Limit, LimitChange, LimitDefinition, Limits};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use super::order::{ALL_PORTFOLIOS, command, print_verdicts, send};
use crate::cli::RiskLimit;
use crate::config::{Config, with_demo};
use crate::console;
use crate::failure::Failure;

const READ_WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run(config: &Config, action: RiskLimit) -> Result<(), Failure> {
    match action {
        RiskLimit::List { demo: true, json } => {
            show(&in_force(&with_demo(config.clone(), true)?)?, json)
        }
        RiskLimit::List { json, .. } => show(&in_force(config)?, json),
        RiskLimit::Set { definition, author } => {
            let limit = parse(config, &definition)?;
            let mut command = command(CommandKind::SetLimit, ALL_PORTFOLIOS, &author)?;
            command.limit = Some(limit.name);
            command.definition = Some(definition);
            let verdicts = send(&config.kafka_settings()?, &command, author.wait.0)?;
            print_verdicts(&verdicts, author.json)
        }
        RiskLimit::Remove { name, author } => {
            let mut command = command(CommandKind::RemoveLimit, ALL_PORTFOLIOS, &author)?;
            command.limit = Some(name);
            let verdicts = send(&config.kafka_settings()?, &command, author.wait.0)?;
            print_verdicts(&verdicts, author.json)
        }
    }
}

/// A definition without faults; the processor looks at it again.
fn parse(config: &Config, definition: &str) -> Result<LimitDefinition, Failure> {
    let usage = |fault: &dyn std::fmt::Display| Failure::Usage(fault.to_string());
    let limit = LimitDefinition::from_json(definition).map_err(|fault| usage(&fault))?;
    let settings = config.risk_settings();
    limit.parse(&settings.calendars, "", 1).map_err(|faults| {
        let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
        usage(&all.join("; "))
    })?;
    Ok(limit)
}

/// What the configuration says, and what commands made of it: as the processor sees it.
fn in_force(config: &Config) -> Result<Limits, Failure> {
    let settings = config.risk_settings();
    let mut limits = settings.limits.clone();
    for command in commands(config)? {
        let kind = command.kind;
        if !matches!(kind, CommandKind::SetLimit | CommandKind::RemoveLimit) {
            continue;
        }
        if let Ok(change) = LimitChange::from_command(&command, &limits, &settings.calendars) {
            // What has a fault was refused by the processor, too.
            let _refused = change.apply(&mut limits, &settings.calendars);
        }
    }
    Ok(limits)
}

/// All commands for everybody, oldest first.
fn commands(config: &Config) -> Result<Vec<Command>, Failure> {
    let kafka = config.kafka_settings()?;
    let topic = Topic::ControlCommands;
    let count = kafka.partitions(topic.spec().group);
    let partition = partition_of(ALL_PORTFOLIOS.as_bytes(), count) as i32;
    let mut commands = Vec::new();
    let name = kafka.names().topic(topic).to_owned();
    let within = READ_WITHIN;
    read_to_end(
        &kafka,
        &name,
        partition,
        None,
        within,
        |message: &Message<'_>| {
            if let Ok(Event::Command(command)) = Event::decode(topic, message.value)
                && command.portfolio.as_str() == ALL_PORTFOLIOS
            {
                commands.push(command);
            }
            Ok::<(), KafkaError>(())
        },
    )?;
    Ok(commands)
}

fn show(limits: &Limits, json: bool) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = limits.iter().map(|limit| as_json(limit)).collect();
        return console::json(&all);
    }
    let rows: Vec<Vec<String>> = limits.iter().map(|limit| row(limit)).collect();
    let heading = [
        "LIMIT", "RULE", "MODE", "OF", "WARN", "BREACH", "ACTION", "VERSION", "BY",
    ];
    console::table(&heading, &rows);
    Ok(())
}

fn level_texts(limit: &Limit) -> (Option<String>, Option<String>) {
    let levels = limit.levels.as_ref();
    let warn = levels.and_then(|levels| levels.warn);
    (
        warn.map(|level| level.at.to_string()),
        levels.map(|levels| levels.breach.at.to_string()),
    )
}

fn row(limit: &Limit) -> Vec<String> {
    let (warn, breach) = level_texts(limit);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        limit.name.clone(),
        limit.rule.name().to_owned(),
        or_dash(Some(limit.rule.mode()).filter(|mode| !mode.is_empty())),
        limit.scope.to_string(),
        or_dash(warn),
        or_dash(breach),
        limit.action.to_string(),
        limit.version.to_string(),
        limit.author.clone(),
    ]
}

fn as_json(limit: &Limit) -> serde_json::Value {
    let (warn, breach) = level_texts(limit);
    serde_json::json!({
        "name": limit.name,
        "rule": limit.rule.name(),
        "mode": limit.rule.mode(),
        "scope": limit.scope.to_string(),
        "warn": warn,
        "breach": breach,
        "action": limit.action.as_str(),
        "version": limit.version,
        "author": limit.author,
    })
}
