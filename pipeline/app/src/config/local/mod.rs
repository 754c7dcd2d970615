//! The sections `demo` and `local` of the configuration. The feature `local` builds them in;
//! `without_local.rs` stands in their place otherwise.

mod demo;
mod store_password;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_demo::DemoSettings;

use super::{Config, Fault};

pub(crate) use demo::with_demo;
pub(super) use store_password::store_password;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Demo {
    /// A made-up market and brokers, and logins to venues of its own.
    pub enabled: bool,
    pub settings: DemoSettings,
}

impl Demo {
    pub fn is_on(&self) -> bool {
        self.enabled
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Local {
    /// Where `tapeline up` keeps its data.
    pub data: PathBuf,
    /// Ports on loopback; 0 takes a free one.
    pub kafka_port: u16,
    pub clickhouse_port: u16,
    pub registry_port: u16,
    pub kafka_heap_mb: u32,
    /// `up` does not start with less free space than this.
    pub min_free_mb: u64,
    /// Pages that may ask the store from a browser, like http://localhost:3000.
    pub store_origins: Vec<String>,
}

impl Default for Local {
    fn default() -> Self {
        let ports = tapeline_local::Ports::default();
        Self {
            data: PathBuf::from(".tapeline"),
            kafka_port: ports.kafka,
            clickhouse_port: ports.clickhouse,
            registry_port: ports.registry,
            kafka_heap_mb: 512,
            min_free_mb: 512,
            store_origins: Vec::new(),
        }
    }
}

/// The template of the configuration.
pub(super) fn template(whole: &str) -> String {
    whole.to_owned()
}

/// What is wrong with both sections.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Err(invalid) = config.demo.settings.validate() {
        for fault in invalid.0 {
            let message = format!("{} {}", fault.value, fault.remedy);
            faults.push(Fault::new(format!("demo.settings.{}", fault.key), message));
        }
    }
    ports(&config.local, &mut faults);
    origins(&config.local, &mut faults);
    if !(128..=16_384).contains(&config.local.kafka_heap_mb) {
        faults.push(Fault::new(
            "local.kafka_heap_mb",
            "must be from 128 to 16384",
        ));
    }
    faults
}

fn ports(local: &Local, faults: &mut Vec<Fault>) {
    let ports = [
        ("kafka_port", local.kafka_port),
        ("clickhouse_port", local.clickhouse_port),
        ("registry_port", local.registry_port),
    ];
    for (index, (key, port)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..index].iter().find(|(_, p)| *port != 0 && p == port) {
            let message =
                format!("{port} is also local.{other}; every part needs a port of its own");
            faults.push(Fault::new(format!("local.{key}"), message));
        }
    }
}

fn origins(local: &Local, faults: &mut Vec<Fault>) {
    for (at, origin) in local.store_origins.iter().enumerate() {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
            faults.push(Fault::new(
                format!("local.store_origins[{at}]"),
                "must be like http://localhost:3000, as browsers write it: nothing behind the port",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::{parse, parse_text};

    #[test]
    fn a_port_that_is_taken_twice_is_told() {
        let error = parse_text("[local]\nkafka_port = 8123\n").unwrap_err();
        let [fault] = error.faults.as_slice() else {
            panic!("{error}");
        };
        assert_eq!(fault.key, "local.clickhouse_port");
        assert!(fault.message.contains("also local.kafka_port"), "{fault}");
    }

    #[test]
    fn the_environment_overrides_both_sections() {
        let variables = [
            ("TAPELINE__LOCAL__KAFKA_PORT", "19092"),
            ("TAPELINE__DEMO__ENABLED", "true"),
        ];
        let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let config = parse("test.toml", "", variables.into_iter()).unwrap();
        assert_eq!(config.local.kafka_port, 19092);
        assert!(config.demo.is_on());
    }
}
