//! The processor and the tasks that a command names.

use tapeline_processors::Share;
use tapeline_schemas::topics::manifest;

use crate::config::{Config, processor_names};
use crate::failure::Failure;
use crate::registry::{self, MakeProcessor};

pub(super) fn processor(rules: &Config, name: &str) -> Result<MakeProcessor, Failure> {
    registry::processor(rules, name).ok_or_else(|| {
        let known = processor_names().join(", ");
        Failure::Usage(format!("`{name}` is no processor; there are {known}"))
    })
}

/// The wanted task of a processor, or all of them.
pub(super) fn tasks(
    config: &Config,
    processor: &str,
    wanted: Option<u32>,
) -> Result<impl Iterator<Item = Share> + use<>, Failure> {
    let kafka = config.kafka_settings()?;
    let mut specs = manifest().processors.iter();
    let spec = specs.find(|spec| spec.name == processor);
    let count = spec.map_or(0, |spec| kafka.partitions(spec.group));
    let tasks = match wanted {
        Some(task) if task >= count => {
            let message = format!("there is no task {task}; {processor} has {count}, from 0 on");
            return Err(Failure::Usage(message));
        }
        Some(task) => task..task + 1,
        None => 0..count,
    };
    Ok(tasks.map(move |task| Share::new(task, count)))
}
