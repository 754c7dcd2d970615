use tapeline_clickhouse::Store;
use tapeline_kafka::{Admin, KafkaSettings};

use super::{block_on, quiet_logs};
use crate::cli::Check;
use crate::config::{Config, Source, load};
use crate::console;
use crate::failure::Failure;

pub(super) fn run(source: &Source, arguments: &Check) -> Result<(), Failure> {
    let config = match load(source) {
        Ok(config) => config,
        Err(error) if arguments.json => {
            let faults: Vec<_> = error
                .faults
                .iter()
                .map(|f| serde_json::json!({ "key": f.key, "message": f.message }))
                .collect();
            console::json(&serde_json::json!({ "configuration": error.place, "faults": faults }))?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    // Secrets are looked up here, so that a missing one is found before the start.
    let kafka = config.kafka_settings()?;
    config.store_settings()?;
    quiet_logs(&config);
    let problems = if arguments.online {
        online(&config, &kafka)?
    } else {
        Vec::new()
    };
    if arguments.json {
        console::json(&serde_json::json!({ "faults": [], "problems": problems }))?;
    }
    if problems.is_empty() {
        if !arguments.json {
            console::line("the configuration is fine");
        }
        return Ok(());
    }
    Err(Failure::NotSo(problems.join("\n")))
}

/// Whether Kafka and ClickHouse answer and are as this release needs them.
fn online(config: &Config, kafka: &KafkaSettings) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    match Admin::new(kafka).and_then(|admin| admin.plan()) {
        Ok(changes) if changes.is_empty() => {}
        Ok(changes) => problems.push(format!(
            "{} topics or settings differ; `tapeline topics plan` shows them",
            changes.len()
        )),
        Err(error) => problems.push(error.to_string()),
    }
    let settings = config.store_settings()?;
    let plan = block_on(async {
        let store = Store::connect(&settings)?;
        Ok(tapeline_clickhouse::plan(&store).await?)
    });
    match plan {
        Ok(plan) if plan.is_current() => {}
        Ok(_) => problems.push("the tables differ; `tapeline store plan` shows how".to_owned()),
        Err(failure) => problems.push(failure.to_string()),
    }
    Ok(problems)
}
