//! The topics by name, and the manifest that says how each is kept.

use std::sync::LazyLock;

use serde::Deserialize;

macro_rules! topics {
    ($($variant:ident $name:literal)*) => {
        /// A topic of the pipeline, without the deployment's prefix.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic { $($variant),* }

        impl Topic {
            pub const ALL: &[Topic] = &[$(Topic::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Topic::$variant => $name),* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Topic::$variant),)* _ => None }
            }
        }
    };
}

topics! {
    MarketQuotes "market.quotes"
    MarketTrades "market.trades"
    MarketBars "market.bars"
    MarketMarks "market.marks"
    Signals "signals"
    BrokerFills "broker.fills"
    BrokerOrders "broker.orders"
    BrokerAccounts "broker.accounts"
    AuthEvents "auth.events"
    OrdersRequests "orders.requests"
    ControlCommands "control.commands"
    RiskPositions "risk.positions"
    RiskEquity "risk.equity"
    RiskVerdicts "risk.verdicts"
    Alerts "alerts"
    DeadLetters "deadletters"
}

impl Topic {
    pub fn spec(self) -> &'static TopicSpec {
        // A test holds that the manifest has one entry a variant, in this order.
        &manifest().topics[self as usize]
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of the topic that holds a processor's state and progress.
pub fn changelog(processor: &str) -> String {
    format!("tapeline.{processor}.changelog")
}

/// The name of the topic that holds what each transaction of a processor read.
pub fn journal(processor: &str) -> String {
    format!("tapeline.{processor}.journal")
}

/// The name of the topic that holds full states of a processor's tasks.
pub fn snapshots(processor: &str) -> String {
    format!("tapeline.{processor}.snapshots")
}

/// The topic that holds sealed sessions, and which process has the login of each account.
pub const AUTH_SESSIONS: &str = "tapeline.auth.sessions";

/// Topics of one group have the same number of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    Market,
    Portfolio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    Forever,
    Days(u32),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    pub name: String,
    /// The record's name in the schema catalog.
    pub record: String,
    /// What the key holds, in words.
    pub key: String,
    pub group: Group,
    pub retention: Retention,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessorSpec {
    pub name: String,
    pub group: Group,
    /// How long the journal and the snapshots are kept.
    pub journal: Retention,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedSpec {
    pub name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "topic")]
    pub topics: Vec<TopicSpec>,
    #[serde(rename = "processor")]
    pub processors: Vec<ProcessorSpec>,
    /// Compacted, of one partition.
    pub shared: Vec<SharedSpec>,
}

#[allow(
    clippy::expect_used,
    reason = "the manifest is compiled in; a test parses it"
)]
pub fn manifest() -> &'static Manifest {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
        toml::from_str(include_str!("../topics.toml")).expect("the topic manifest parses")
    });
    &MANIFEST
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "forever" {
            return Ok(Self::Forever);
        }
        text.strip_suffix('d')
            .and_then(|days| days.parse().ok())
            .map(Self::Days)
            .ok_or_else(|| {
                serde::de::Error::custom(format!("`{text}` is neither `forever` nor like `7d`"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn the_manifest_lists_every_topic_in_order_with_a_known_record() {
        let names: Vec<&str> = manifest().topics.iter().map(|t| t.name.as_str()).collect();
        let expected: Vec<&str> = Topic::ALL.iter().map(|t| t.name()).collect();
        assert_eq!(names, expected);
        for topic in Topic::ALL {
            assert_eq!(Topic::from_name(topic.name()), Some(*topic));
            assert!(registry().newest(&topic.spec().record).is_some(), "{topic}");
        }
    }

    #[test]
    fn the_manifest_has_the_topic_of_sessions() {
        let names: Vec<&str> = manifest().shared.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, [AUTH_SESSIONS]);
    }

    #[test]
    fn names_are_legal_for_kafka() {
        let own = manifest().processors.iter();
        let own = own.flat_map(|p| [changelog(&p.name), journal(&p.name), snapshots(&p.name)]);
        let shared = manifest().shared.iter().map(|shared| shared.name.clone());
        let own = own.chain(shared);
        for name in Topic::ALL.iter().map(|t| t.name().to_owned()).chain(own) {
            assert!(name.len() < 200);
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '.'),
                "{name}"
            );
        }
    }

    #[test]
    fn retention_is_days_or_forever() {
        #[derive(Deserialize)]
        struct Holder {
            retention: Retention,
        }
        let parse = |s: &str| toml::from_str::<Holder>(s).map(|h| h.retention);
        assert_eq!(parse("retention = '7d'").unwrap(), Retention::Days(7));
        assert_eq!(parse("retention = 'forever'").unwrap(), Retention::Forever);
        assert!(parse("retention = 'a week'").is_err());
    }
}
