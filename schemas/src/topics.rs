//! The topics, and the manifest of those that processors and logins keep their state in.

use std::sync::LazyLock;

use serde::Deserialize;

macro_rules! topics {
    ($(
        $event:ident [$type:ty] $record:literal $topic:ident $name:literal
        key $key:ident table $table:literal group $group:ident keep $keep:tt $($flag:ident)*;
    )*) => {
        /// A topic of the pipeline, without the deployment's prefix.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic { $($topic),* }

        impl Topic {
            pub const ALL: &[Topic] = &[$(Topic::$topic),*];

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Topic::$topic),)* _ => None }
            }

            pub const fn spec(self) -> &'static TopicSpec {
                match self {
                    $(Topic::$topic => &TopicSpec {
                        name: $name,
                        record: $record,
                        table: $table,
                        group: Group::$group,
                        retention: retention!($keep),
                    },)*
                }
            }
        }
    };
}

macro_rules! retention {
    (forever) => {
        Retention::Forever
    };
    ($days:literal) => {
        Retention::Days($days)
    };
}

crate::topic_records!(topics);

impl Topic {
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The table that holds its records.
    pub const fn table(self) -> &'static str {
        self.spec().table
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

#[derive(Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: &'static str,
    /// The record's name in the schema catalog.
    pub record: &'static str,
    pub table: &'static str,
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry;

    #[test]
    fn every_topic_has_a_known_record_and_names_of_its_own() {
        for topic in Topic::ALL {
            assert_eq!(Topic::from_name(topic.name()), Some(*topic));
            assert!(registry().newest(topic.spec().record).is_some(), "{topic}");
        }
        let count = |of: fn(&Topic) -> &'static str| {
            let names: BTreeSet<&str> = Topic::ALL.iter().map(of).collect();
            names.len()
        };
        assert_eq!(count(|topic| topic.name()), Topic::ALL.len());
        assert_eq!(count(|topic| topic.table()), Topic::ALL.len());
        assert_eq!(count(|topic| topic.spec().record), Topic::ALL.len());
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
