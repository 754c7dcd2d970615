//! What the topics should be, and what must change for that: pure.

use std::collections::BTreeMap;
use std::fmt;

use tapeline_schemas::topics::{Group, Retention, Topic, manifest};

use crate::settings::KafkaSettings;

/// A step from the topics there are to the topics there should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    Create {
        topic: String,
        partitions: u32,
        replication: u16,
        settings: Vec<(String, String)>,
    },
    SetConfig {
        topic: String,
        setting: String,
        from: Option<String>,
        to: String,
    },
    /// Nothing repairs this without moving keys: a person must decide.
    Conflict {
        topic: String,
        found: u32,
        wanted: u32,
        key: &'static str,
    },
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create {
                topic,
                partitions,
                replication,
                settings,
            } => {
                write!(
                    f,
                    "create {topic}: {partitions} partitions, replication {replication}"
                )?;
                settings
                    .iter()
                    .try_for_each(|(key, value)| write!(f, ", {key}={value}"))
            }
            Self::SetConfig {
                topic,
                setting,
                from: Some(from),
                to,
            } => {
                write!(f, "set {setting} of {topic} from {from} to {to}")
            }
            Self::SetConfig {
                topic,
                setting,
                from: None,
                to,
            } => {
                write!(f, "set {setting} of {topic} to {to}")
            }
            Self::Conflict {
                topic,
                found,
                wanted,
                key,
            } => {
                let (topic, key) = (topic.clone(), *key);
                let conflict = crate::KafkaError::PartitionCount {
                    topic,
                    found: *found,
                    wanted: *wanted,
                    key,
                };
                write!(f, "{conflict}")
            }
        }
    }
}

/// A topic as it should be.
pub(crate) struct Wanted {
    pub(crate) topic: String,
    pub(crate) partitions: u32,
    /// What the number comes from. Without one, more partitions than wanted do no harm.
    pub(crate) key: Option<&'static str>,
    pub(crate) settings: Vec<(String, String)>,
}

/// A topic as it is; settings are the ones in force, defaults included.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) partitions: u32,
    pub(crate) settings: BTreeMap<String, String>,
}

pub(crate) fn wanted(settings: &KafkaSettings) -> Vec<Wanted> {
    let names = settings.names();
    let topics = Topic::ALL.iter().map(|topic| {
        let spec = topic.spec();
        wanted_topic(
            settings,
            names.topic(*topic),
            spec.group,
            retention_config(spec.retention),
        )
    });
    let own = manifest().processors.iter().flat_map(|processor| {
        let (name, group) = (&processor.name, processor.group);
        let history = || retention_config(processor.journal);
        [
            wanted_topic(settings, &names.changelog(name), group, compacted()),
            wanted_topic(settings, &names.journal(name), group, history()),
            wanted_topic(settings, &names.snapshots(name), group, history()),
        ]
    });
    let shared = manifest().shared.iter().map(|shared| Wanted {
        topic: format!("{}{}", names.prefix(), shared.name),
        partitions: 1,
        key: None,
        settings: with_replicas(settings, compacted()),
    });
    topics.chain(own).chain(shared).collect()
}

fn wanted_topic(
    settings: &KafkaSettings,
    topic: &str,
    group: Group,
    own: Vec<(&'static str, String)>,
) -> Wanted {
    let key = match group {
        Group::Market => "[kafka] market_partitions",
        Group::Portfolio => "[kafka] portfolio_partitions",
    };
    Wanted {
        topic: topic.to_owned(),
        partitions: settings.partitions(group),
        key: Some(key),
        settings: with_replicas(settings, own),
    }
}

fn with_replicas(
    settings: &KafkaSettings,
    own: Vec<(&'static str, String)>,
) -> Vec<(String, String)> {
    // With three replicas one may be down and no acknowledged record is lost.
    let in_sync = if settings.replication >= 3 { 2 } else { 1 };
    let all = own
        .into_iter()
        .chain([("min.insync.replicas", in_sync.to_string())]);
    all.map(|(key, value)| (key.to_owned(), value)).collect()
}

fn retention_config(retention: Retention) -> Vec<(&'static str, String)> {
    let millis = match retention {
        Retention::Forever => -1,
        Retention::Days(days) => i64::from(days) * 24 * 60 * 60 * 1000,
    };
    vec![
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", millis.to_string()),
    ]
}

/// Settings that keep a restore short: compaction never touches the newest
/// segment, so segments are small, and dirty parts do not wait for long.
fn compacted() -> Vec<(&'static str, String)> {
    [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "16777216"),
        ("segment.ms", "600000"),
        ("min.cleanable.dirty.ratio", "0.1"),
        ("max.compaction.lag.ms", "600000"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

/// What must change, in the order in which it should.
pub(crate) fn changes(
    settings: &KafkaSettings,
    wanted: Vec<Wanted>,
    found: &BTreeMap<String, Found>,
) -> Vec<TopicChange> {
    let mut changes = Vec::new();
    for want in wanted {
        let Some(is) = found.get(&want.topic) else {
            changes.push(TopicChange::Create {
                topic: want.topic,
                partitions: want.partitions,
                replication: settings.replication,
                settings: want.settings,
            });
            continue;
        };
        if let Some(key) = want.key.filter(|_| is.partitions != want.partitions) {
            changes.push(TopicChange::Conflict {
                topic: want.topic.clone(),
                found: is.partitions,
                wanted: want.partitions,
                key,
            });
        }
        for (setting, to) in want.settings {
            let from = is.settings.get(&setting).cloned();
            if from.as_deref() != Some(to.as_str()) {
                changes.push(TopicChange::SetConfig {
                    topic: want.topic.clone(),
                    setting,
                    from,
                    to,
                });
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> KafkaSettings {
        KafkaSettings {
            topic_prefix: "t.".to_owned(),
            market_partitions: 3,
            portfolio_partitions: 2,
            ..KafkaSettings::default()
        }
    }

    /// The cluster after everything was created as wanted.
    fn applied(settings: &KafkaSettings) -> BTreeMap<String, Found> {
        let as_wanted = |want: Wanted| {
            let found = Found {
                partitions: want.partitions,
                settings: want.settings.into_iter().collect(),
            };
            (want.topic, found)
        };
        wanted(settings).into_iter().map(as_wanted).collect()
    }

    #[test]
    fn an_empty_cluster_gets_every_topic_and_changelog() {
        let plan = changes(&settings(), wanted(&settings()), &BTreeMap::new());
        assert_eq!(
            plan.len(),
            Topic::ALL.len() + 3 * manifest().processors.len() + 1
        );
        let words: Vec<String> = plan.iter().map(ToString::to_string).collect();
        assert!(
            words.contains(
                &"create t.market.quotes: 3 partitions, replication 1, cleanup.policy=delete, \
                  retention.ms=604800000, min.insync.replicas=1"
                    .to_owned()
            ),
            "{words:#?}"
        );
        assert!(words.iter().any(|w| w.starts_with(
            "create t.tapeline.risk.changelog: 2 partitions, replication 1, cleanup.policy=compact"
        )));
        assert!(words.iter().any(|w| w.starts_with(
            "create t.tapeline.auth.sessions: 1 partitions, replication 1, cleanup.policy=compact"
        )));
    }

    #[test]
    fn a_cluster_as_wanted_needs_nothing() {
        let settings = settings();
        assert_eq!(
            changes(&settings, wanted(&settings), &applied(&settings)),
            []
        );
    }

    #[test]
    fn a_changed_setting_is_set_and_a_changed_count_is_a_conflict() {
        let settings = settings();
        let mut cluster = applied(&settings);
        let alerts = cluster.get_mut("t.alerts").unwrap();
        alerts.partitions = 7;
        alerts
            .settings
            .insert("retention.ms".to_owned(), "5".to_owned());
        let plan = changes(&settings, wanted(&settings), &cluster);
        assert_eq!(plan.len(), 2);
        let conflict = plan[0].to_string();
        assert!(
            conflict.contains("t.alerts has 7 partitions and must have 2"),
            "{conflict}"
        );
        assert!(conflict.contains("portfolio_partitions to 7"), "{conflict}");
        assert_eq!(
            plan[1].to_string(),
            "set retention.ms of t.alerts from 5 to 7776000000"
        );
    }

    #[test]
    fn a_shared_topic_may_have_more_partitions() {
        let settings = settings();
        let mut cluster = applied(&settings);
        let sessions = cluster.get_mut("t.tapeline.auth.sessions").unwrap();
        sessions.partitions = 4;
        assert_eq!(changes(&settings, wanted(&settings), &cluster), []);
    }

    #[test]
    fn three_replicas_need_two_in_sync() {
        let settings = KafkaSettings {
            replication: 3,
            ..settings()
        };
        let all_in_sync = wanted(&settings).iter().all(|want| {
            want.settings
                .contains(&("min.insync.replicas".to_owned(), "2".to_owned()))
        });
        assert!(all_in_sync);
    }
}
