//! What can be wrong with a configuration: all of it at once, each with its
//! place and what to write instead.

use std::net::SocketAddr;

use super::fault::Fault;
use super::{Config, local, processor_names, secrets};

/// Everything that types cannot say. Pure: looks nothing up.
pub(super) fn validate(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, message) in config.kafka_settings_unresolved().faults() {
        faults.push(Fault::new(format!("kafka.{key}"), message));
    }
    for (key, message) in config.sink_settings().faults() {
        faults.push(Fault::new(format!("sink.{key}"), message));
    }
    clickhouse(config, &mut faults);
    processors(config, &mut faults);
    faults.extend(super::market::faults(config));
    faults.extend(super::risk::faults(config));
    faults.extend(local::faults(config));
    telemetry(config, &mut faults);
    faults.extend(secrets::faults(config));
    faults.extend(super::logins::faults(config));
    faults.extend(super::preflight::faults(config));
    faults
}

fn clickhouse(config: &Config, faults: &mut Vec<Fault>) {
    let store = &config.clickhouse;
    let mut fault = |key: &str, message: &str| {
        faults.push(Fault::new(format!("clickhouse.{key}"), message));
    };
    if !store.url.starts_with("http://") {
        fault(
            "url",
            "must begin with http://, like http://127.0.0.1:8123; this release is built without TLS",
        );
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if store.database.is_empty() || !store.database.chars().all(plain) {
        fault("database", "must be a name of letters, digits and `_`");
    }
    if store.user.is_empty() {
        fault("user", "must not be empty; the usual value is `default`");
    }
    for (table, problem) in config.retention().err().unwrap_or_default() {
        fault(&format!("retention.{table}"), &problem);
    }
}

fn processors(config: &Config, faults: &mut Vec<Fault>) {
    let known = processor_names();
    for name in &config.processors.run {
        if !known.contains(name) {
            let message = format!("`{name}` is no processor; there are {}", known.join(", "));
            faults.push(Fault::new("processors.run", message));
        }
    }
    if config.processors.commit_records == 0 {
        faults.push(Fault::new(
            "processors.commit_records",
            "must be at least 1",
        ));
    }
    if config.processors.snapshot_transactions < 1 {
        faults.push(Fault::new(
            "processors.snapshot_transactions",
            "must be at least 1; the usual value is 10000",
        ));
    }
    let interval = config.processors.commit_interval.0;
    if interval.is_zero() || interval > config.kafka.transaction_timeout.0 / 2 {
        let message = "must be above zero and at most half of kafka.transaction_timeout";
        faults.push(Fault::new("processors.commit_interval", message));
    }
    if config.processors.prompt_interval.0.is_zero() {
        let message = "must be above zero; the usual value is \"20ms\"";
        faults.push(Fault::new("processors.prompt_interval", message));
    }
    if config.processors.urgent_gap.0 > interval {
        let message = "must not be above processors.commit_interval";
        faults.push(Fault::new("processors.urgent_gap", message));
    }
}

fn telemetry(config: &Config, faults: &mut Vec<Fault>) {
    let telemetry = &config.telemetry;
    if telemetry.listen.parse::<SocketAddr>().is_err() {
        let message = format!("`{}` is no address like 127.0.0.1:9464", telemetry.listen);
        faults.push(Fault::new("telemetry.listen", message));
    }
    if let Err(error) = telemetry.log.parse::<tracing_subscriber::filter::Targets>() {
        let message = format!("`{}` is no filter like `info`: {error}", telemetry.log);
        faults.push(Fault::new("telemetry.log", message));
    }
}
