//! How to reach the cluster, and what every client is given.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use tapeline_schemas::topics::Group;

use crate::names::Names;

/// Properties that the pipeline's promises rest on: the crate alone sets them.
const OURS: &[&str] = &[
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "metadata.broker.list",
    "partitioner",
    "transaction.timeout.ms",
    "transactional.id",
];

/// How to reach the cluster. Plain data, built from the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Before every topic, group and transactional id; may be empty.
    pub topic_prefix: String,
    pub app_id: String,
    pub market_partitions: u32,
    pub portfolio_partitions: u32,
    pub replication: u16,
    /// After this long without its owner, the broker aborts a transaction.
    pub transaction_timeout: Duration,
    /// The longest that one call waits for the cluster.
    pub request_timeout: Duration,
    /// Names this process among the members of its groups: a restart under the
    /// same name takes its partitions back at once, instead of after the session.
    pub instance: Option<String>,
    /// Further librdkafka properties.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            bootstrap: "127.0.0.1:9092".to_owned(),
            topic_prefix: String::new(),
            app_id: "tapeline".to_owned(),
            market_partitions: 4,
            portfolio_partitions: 4,
            replication: 1,
            transaction_timeout: Duration::from_mins(1),
            request_timeout: Duration::from_secs(10),
            instance: None,
            properties: BTreeMap::new(),
        }
    }
}

impl KafkaSettings {
    pub fn names(&self) -> Names {
        Names::new(&self.topic_prefix, &self.app_id)
    }

    /// How many partitions each topic of a group has.
    pub fn partitions(&self, group: Group) -> u32 {
        match group {
            Group::Market => self.market_partitions,
            Group::Portfolio => self.portfolio_partitions,
        }
    }

    /// Every fault of the settings, as (key, what is wrong and what to write).
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, text: &str| faults.push((key.to_owned(), text.to_owned()));
        if self
            .bootstrap
            .split(',')
            .any(|address| !is_address(address))
        {
            fault(
                "bootstrap",
                "must be `host:port`, several separated by commas",
            );
        }
        for (key, name) in [
            ("topic_prefix", &self.topic_prefix),
            ("app_id", &self.app_id),
        ] {
            if name.len() > 100 || !name.chars().all(is_name_char) {
                fault(
                    key,
                    "may hold at most 100 letters, digits, `.`, `_` and `-`",
                );
            }
        }
        if self.app_id.is_empty() {
            fault("app_id", "must not be empty; the usual value is `tapeline`");
        }
        for (key, count) in [
            ("market_partitions", self.market_partitions),
            ("portfolio_partitions", self.portfolio_partitions),
        ] {
            if !(1..=1000).contains(&count) {
                fault(key, "must be from 1 to 1000");
            }
        }
        if !(1..=9).contains(&self.replication) {
            fault(
                "replication",
                "must be from 1 to 9, and at most the number of brokers",
            );
        }
        if !(Duration::from_secs(1)..=Duration::from_mins(15)).contains(&self.transaction_timeout) {
            fault(
                "transaction_timeout",
                "must be from 1 s to 15 minutes, the broker's usual maximum",
            );
        }
        if !(Duration::from_millis(100)..=Duration::from_mins(5)).contains(&self.request_timeout) {
            fault("request_timeout", "must be from 100 ms to 5 minutes");
        }
        if self.request_timeout > self.transaction_timeout {
            fault(
                "request_timeout",
                "must not be longer than transaction_timeout",
            );
        }
        for property in ["security.protocol", "sasl.mechanism", "sasl.mechanisms"] {
            let value = self.properties.get(property);
            if value.is_some_and(|value| !value.eq_ignore_ascii_case("plaintext")) {
                fault(
                    &format!("properties.\"{property}\""),
                    "needs TLS or SASL, which this release is built without; remove it, \
                     and reach the brokers over a network that needs neither",
                );
            }
        }
        for property in self
            .properties
            .keys()
            .filter(|p| OURS.contains(&p.as_str()))
        {
            fault(
                &format!("properties.\"{property}\""),
                "is set by the pipeline itself, because exactly-once rests on it; remove it",
            );
        }
        faults
    }

    /// What all clients share. `tuned` are defaults that the user's own
    /// properties override; `fixed` always win.
    pub(crate) fn client(
        &self,
        role: &str,
        tuned: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> ClientConfig {
        let mut config = ClientConfig::new();
        let shared = [
            ("statistics.interval.ms", "5000"),
            ("log.connection.close", "false"),
            ("socket.keepalive.enable", "true"),
            ("socket.nagle.disable", "true"),
            // How long an unknown topic may be one that was only just created.
            ("topic.metadata.propagation.max.ms", "5000"),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
        ];
        for (key, value) in shared.iter().chain(tuned) {
            config.set(*key, *value);
        }
        for (key, value) in self
            .properties
            .iter()
            .filter(|(p, _)| !OURS.contains(&p.as_str()))
        {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        config.set(
            "client.id",
            format!("{}{}-{role}", self.topic_prefix, self.app_id),
        );
        for (key, value) in fixed {
            config.set(*key, *value);
        }
        config
    }

    pub(crate) fn request_timeout_ms(&self) -> String {
        self.request_timeout.as_millis().to_string()
    }
}

fn is_address(text: &str) -> bool {
    text.trim()
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Only these extra properties are shown; any other may hold a secret.
fn is_harmless(property: &str) -> bool {
    matches!(
        property,
        "security.protocol" | "sasl.mechanism" | "sasl.mechanisms" | "debug"
    ) || matches!(property.rsplit_once('.'), Some((_, "ms" | "bytes")))
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<&str, &str> = self
            .properties
            .iter()
            .map(|(key, value)| (key.as_str(), if is_harmless(key) { value } else { "***" }))
            .collect();
        f.debug_struct("KafkaSettings")
            .field("bootstrap", &self.bootstrap)
            .field("topic_prefix", &self.topic_prefix)
            .field("app_id", &self.app_id)
            .field("market_partitions", &self.market_partitions)
            .field("portfolio_partitions", &self.portfolio_partitions)
            .field("replication", &self.replication)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("instance", &self.instance)
            .field("properties", &properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_fault() {
        assert_eq!(KafkaSettings::default().faults(), []);
    }

    #[test]
    fn every_fault_is_listed_at_once() {
        let settings = KafkaSettings {
            bootstrap: "localhost".to_owned(),
            topic_prefix: "a b".to_owned(),
            market_partitions: 0,
            properties: BTreeMap::from([("acks".to_owned(), "0".to_owned())]),
            ..KafkaSettings::default()
        };
        let faults = settings.faults();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "bootstrap",
                "topic_prefix",
                "market_partitions",
                "properties.\"acks\""
            ]
        );
    }

    #[test]
    fn a_request_must_not_outlive_its_transaction() {
        let settings = KafkaSettings {
            transaction_timeout: Duration::from_secs(5),
            ..KafkaSettings::default()
        };
        assert_eq!(settings.faults()[0].0, "request_timeout");
    }

    #[test]
    fn secrets_are_masked_and_promises_are_not_overridden() {
        let settings = KafkaSettings {
            properties: BTreeMap::from([
                ("sasl.password".to_owned(), "hunter2".to_owned()),
                ("acks".to_owned(), "0".to_owned()),
                ("linger.ms".to_owned(), "7".to_owned()),
            ]),
            ..KafkaSettings::default()
        };
        let shown = format!("{settings:?}");
        assert!(
            !shown.contains("hunter2") && shown.contains("***"),
            "{shown}"
        );
        let config = settings.client("test", &[("linger.ms", "1")], &[("acks", "all")]);
        assert_eq!(config.get("acks"), Some("all"));
        assert_eq!(config.get("linger.ms"), Some("7"));
    }
}
