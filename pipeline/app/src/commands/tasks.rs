use tapeline_processors::{Processor, Share};
use tapeline_runtime::progress::{
    Acceptance, Accepted, ProgressError, TaskProgress, accept_gap, progress,
};
use tapeline_schemas::topics::{Topic, manifest};

use super::quiet_logs;
use crate::cli::{AcceptGap, Tasks};
use crate::config::{Config, processor_names};
use crate::console;
use crate::failure::Failure;
use crate::publish::now;
use crate::registry;

pub(super) fn run(config: &Config, action: &Tasks) -> Result<(), Failure> {
    quiet_logs(config);
    match action {
        Tasks::List { processor, json } => list(config, processor.as_deref(), *json),
        Tasks::AcceptGap(arguments) => accept(config, arguments),
    }
}

/// Exit code 1 if a task cannot go on.
fn list(config: &Config, only: Option<&str>, json: bool) -> Result<(), Failure> {
    let kafka = config.kafka_settings()?;
    let mut found = Vec::new();
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => processor_names(),
    };
    for name in &names {
        let (processor, tasks) = sample(config, name)?;
        for task in 0..tasks {
            found.push(progress(
                &kafka,
                processor.name(),
                processor.inputs(),
                task,
            )?);
        }
    }
    if json {
        console::json(&found)?;
    } else {
        show(&found);
    }
    let gaps = found.iter().flat_map(|task| &task.inputs);
    match gaps.filter(|input| input.is_gap()).count() {
        0 => Ok(()),
        count => Err(Failure::CheckFailed(format!(
            "{} cannot be read on: the records that come next are gone; `tapeline tasks accept-gap` goes on behind them",
            console::count(count, "input")
        ))),
    }
}

fn show(tasks: &[TaskProgress]) {
    let mut rows = Vec::new();
    for task in tasks {
        for input in &task.inputs {
            let next = input.next.map_or("-".to_owned(), |next| next.to_string());
            let behind = if input.is_gap() {
                "GAP".to_owned()
            } else {
                input.behind().to_string()
            };
            rows.push(vec![
                task.processor.to_owned(),
                task.task.to_string(),
                task.transactions.to_string(),
                format!("{}/{}", input.topic, input.partition),
                next,
                format!("{} to {}", input.first, input.end),
                behind,
            ]);
        }
    }
    let heading = [
        "PROCESSOR",
        "TASK",
        "TRANSACTIONS",
        "INPUT",
        "NEXT",
        "HELD",
        "BEHIND",
    ];
    console::table(&heading, &rows);
}

fn accept(config: &Config, arguments: &AcceptGap) -> Result<(), Failure> {
    let kafka = config.kafka_settings()?;
    let (processor, tasks) = sample(config, &arguments.processor)?;
    if arguments.task >= tasks {
        let message = format!(
            "there is no task {}; the last one is {}",
            arguments.task,
            tasks - 1
        );
        return Err(Failure::Usage(message));
    }
    let Some(topic) = Topic::from_name(&arguments.topic) else {
        let message = format!(
            "`{}` is no topic; write it without the prefix, like market.marks",
            arguments.topic
        );
        return Err(Failure::Usage(message));
    };
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    let by = arguments.by.clone().or_else(user);
    let Some(by) = by else {
        return Err(Failure::Usage(
            "who accepts it? say so with --by".to_owned(),
        ));
    };
    let acceptance = Acceptance {
        topic,
        partition: arguments.partition,
        by: &by,
        reason: &arguments.reason,
        now: now(),
    };
    let accepted = accept_gap(
        &kafka,
        processor.name(),
        processor.inputs(),
        arguments.task,
        &acceptance,
    )?;
    print_accepted(&accepted, arguments.json)
}

fn print_accepted(accepted: &Accepted, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(accepted);
    }
    let Accepted {
        processor,
        task,
        topic,
        partition,
        from,
        to,
    } = accepted;
    console::line(format!(
        "{processor} task {task} goes on at offset {to} of {topic}[{partition}] instead of {from}; an alert says so"
    ));
    Ok(())
}

/// A processor and the number of its tasks.
fn sample(config: &Config, name: &str) -> Result<(Box<dyn Processor>, u32), Failure> {
    let specs = &manifest().processors;
    let spec = specs.iter().find(|spec| spec.name == name);
    let make = registry::processor(config, name);
    let (Some(spec), Some(make)) = (spec, make) else {
        let known = processor_names().join(", ");
        let message = format!("`{name}` is no processor; there are {known}");
        return Err(Failure::Usage(message));
    };
    Ok((
        make(Share::ALL),
        config.kafka_settings()?.partitions(spec.group),
    ))
}

impl From<ProgressError> for Failure {
    fn from(error: ProgressError) -> Self {
        match error {
            ProgressError::Kafka(error) => error.into(),
            ProgressError::NotBegun(_) | ProgressError::NotRead { .. } | ProgressError::Reason => {
                Self::Usage(error.to_string())
            }
            ProgressError::NoGap { .. } => Self::CheckFailed(error.to_string()),
            ProgressError::Transaction(_)
            | ProgressError::Decode { .. }
            | ProgressError::Encode(_) => Self::external(error),
        }
    }
}
