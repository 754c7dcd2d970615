use super::{block_on, quiet_logs};
use crate::cli::Check;
use crate::config::{Config, Source, load};
use crate::console;
use crate::failure::Failure;
use crate::preflight::{self, Checked, Outcome};

pub(super) fn run(source: &Source, arguments: &Check) -> Result<(), Failure> {
    let config = match load(source) {
        Ok(config) => config,
        Err(error) if arguments.json => {
            let faults: Vec<_> = error
                .faults
                .iter()
                .map(|f| serde_json::json!({ "key": f.key, "message": f.message }))
                .collect();
            console::json(&serde_json::json!({ "configuration": error.origin, "faults": faults }))?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    quiet_logs(&config);
    if arguments.online {
        return online(&config, arguments.json);
    }
    // Secrets are looked up here, so that a missing one is found before the start.
    config.kafka_settings()?;
    config.store_settings()?;
    if arguments.json {
        console::json(&serde_json::json!({ "faults": [] }))?;
    } else {
        console::line("the configuration is fine");
    }
    Ok(())
}

/// Everything that a day of trading needs.
fn online(config: &Config, json: bool) -> Result<(), Failure> {
    let checked = block_on(async { Ok(preflight::all(config).await) })?;
    let is_failed = |checked: &&Checked| checked.outcome == Outcome::Fail;
    let problems: Vec<String> = checked
        .iter()
        .filter(is_failed)
        .map(Checked::problem)
        .collect();
    if json {
        let told = serde_json::json!({ "faults": [], "problems": problems, "checks": checked });
        console::json(&told)?;
    } else {
        preflight::show(&checked);
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::CheckFailed(problems.join("\n")))
}
