//! Topics of the deployment: plan and apply; and whether the cluster answers.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic,
    OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::KafkaError as Native;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::batch::EventQueue;
use crate::context::Context;
use crate::error::KafkaError;
use crate::plan::{self, Found, TopicChange};
use crate::settings::KafkaSettings;

/// Between two looks at a cluster that is not ready yet.
const RETRY: Duration = Duration::from_millis(100);

pub struct Admin {
    // Dropped before its client.
    events: EventQueue,
    client: AdminClient<Context>,
    settings: KafkaSettings,
}

impl Admin {
    pub fn new(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let timeout = settings.request_timeout_ms();
        let fixed = [
            ("statistics.interval.ms", "0"),
            ("socket.timeout.ms", timeout.as_str()),
        ];
        let client: AdminClient<Context> = settings
            .client("admin", &[], &fixed)
            .create_with_context(Context::new("admin"))
            .map_err(|error| KafkaError::creation(&error))?;
        let events = EventQueue::of_producer(client.inner()).ok_or_else(|| KafkaError::Client {
            reason: "it has no queue".to_owned(),
        })?;
        Ok(Self {
            events,
            client,
            settings: settings.clone(),
        })
    }

    /// Whether the cluster answers; the error says where nothing does.
    pub fn ping(&self) -> Result<(), KafkaError> {
        self.metadata(None, self.settings.request_timeout).map(drop)
    }

    /// Waits until the cluster answers.
    pub fn wait_ready(&self, within: Duration) -> Result<(), KafkaError> {
        let started = Instant::now();
        loop {
            let left = within.saturating_sub(started.elapsed());
            let asked = self.metadata(None, left.clamp(RETRY, Duration::from_secs(2)));
            match asked {
                Ok(_) => return Ok(()),
                Err(error) if !error.retryable() => return Err(error),
                Err(_) if started.elapsed() < within => thread::sleep(RETRY.min(left)),
                Err(KafkaError::Unreachable {
                    bootstrap, reason, ..
                }) => {
                    return Err(KafkaError::Unreachable {
                        bootstrap,
                        waited: within,
                        reason,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What must change for the topics to be as the manifest says.
    pub fn plan(&self) -> Result<Vec<TopicChange>, KafkaError> {
        let wanted = plan::wanted(&self.settings);
        let counts = self.metadata(None, self.settings.request_timeout)?;
        let names = wanted.iter().map(|want| want.topic.as_str());
        let existing: Vec<&str> = names.filter(|name| counts.contains_key(*name)).collect();
        let mut found = BTreeMap::new();
        for resource in self.describe(&existing)? {
            let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
                continue;
            };
            let entries = resource.entries.iter();
            let settings = entries
                .filter_map(|e| Some((e.name.clone(), e.value.clone()?)))
                .collect();
            found.insert(
                topic.clone(),
                Found {
                    partitions: counts[topic],
                    settings,
                },
            );
        }
        Ok(plan::changes(&self.settings, wanted, &found))
    }

    /// Makes the changes and waits until the cluster shows them. A conflict
    /// refuses all of them before anything is done.
    pub fn apply(&self, changes: &[TopicChange]) -> Result<(), KafkaError> {
        for change in changes {
            if let TopicChange::Conflict {
                topic,
                found,
                wanted,
                key,
            } = change
            {
                let (found, wanted, key) = (*found, *wanted, *key);
                return Err(KafkaError::PartitionCount {
                    topic: topic.clone(),
                    found,
                    wanted,
                    key,
                });
            }
        }
        self.create(changes)?;
        self.set_configs(changes)?;
        self.wait_created(changes)
    }

    pub fn partition_count(&self, topic: &str) -> Result<u32, KafkaError> {
        let counts = self.metadata(Some(topic), self.settings.request_timeout)?;
        let count = counts.get(topic).copied().filter(|count| *count > 0);
        count.ok_or_else(|| KafkaError::TopicMissing {
            topic: topic.to_owned(),
        })
    }

    fn metadata(
        &self,
        topic: Option<&str>,
        timeout: Duration,
    ) -> Result<HashMap<String, u32>, KafkaError> {
        let answer = self.client.inner().fetch_metadata(topic, timeout);
        let metadata = answer.map_err(|error| self.failed("asking for the topics", &error))?;
        let topics = metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none());
        Ok(topics
            .map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32))
            .collect())
    }

    fn describe(&self, topics: &[&str]) -> Result<Vec<ConfigResource>, KafkaError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let what = "asking for the settings of topics";
        let resources: Vec<ResourceSpecifier<'_>> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(topic))
            .collect();
        let answer = block_on(self.client.describe_configs(&resources, &self.options()));
        let each = answer
            .map_err(|error| self.failed(what, &error))?
            .into_iter();
        each.map(|one| one.map_err(|code| KafkaError::coded(what, code)))
            .collect()
    }

    fn create(&self, changes: &[TopicChange]) -> Result<(), KafkaError> {
        let new: Vec<NewTopic<'_>> = changes.iter().filter_map(new_topic).collect();
        if new.is_empty() {
            return Ok(());
        }
        let answer = block_on(self.client.create_topics(&new, &self.options()));
        for outcome in answer.map_err(|error| self.failed("creating topics", &error))? {
            match outcome {
                // Somebody else applied the same plan meanwhile.
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((topic, Code::InvalidReplicationFactor)) => {
                    return Err(KafkaError::Admin {
                        what: format!("creating topic {topic}"),
                        reason: format!(
                            "there are fewer brokers than replicas ({}); lower [kafka] replication or add brokers",
                            self.settings.replication
                        ),
                        retryable: false,
                    });
                }
                Err((topic, code)) => {
                    return Err(KafkaError::coded(&format!("creating topic {topic}"), code));
                }
            }
        }
        Ok(())
    }

    fn set_configs(&self, changes: &[TopicChange]) -> Result<(), KafkaError> {
        let mut wanted: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for change in changes {
            if let TopicChange::SetConfig {
                topic, setting, to, ..
            } = change
            {
                wanted.entry(topic).or_default().insert(setting, to);
            }
        }
        let topics: Vec<&str> = wanted.keys().copied().collect();
        let current = self.describe(&topics)?;
        let altered: Vec<AlterConfig<'_>> = current
            .iter()
            .filter_map(|resource| altered(resource, &wanted))
            .collect();
        if altered.is_empty() {
            return Ok(());
        }
        let answer = block_on(self.client.alter_configs(&altered, &self.options()));
        for outcome in answer.map_err(|error| self.failed("setting topics", &error))? {
            outcome.map_err(|(at, code)| KafkaError::coded(&format!("setting {at:?}"), code))?;
        }
        Ok(())
    }

    /// The controller has a new topic before every broker knows it.
    fn wait_created(&self, changes: &[TopicChange]) -> Result<(), KafkaError> {
        let started = Instant::now();
        for topic in changes.iter().filter_map(new_topic).map(|new| new.name) {
            while self.partition_count(topic).is_err() {
                if started.elapsed() >= self.settings.request_timeout {
                    let what = format!("waiting for the new topic {topic}");
                    return Err(KafkaError::Timeout {
                        what,
                        waited: started.elapsed(),
                    });
                }
                thread::sleep(RETRY / 4);
            }
        }
        Ok(())
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.settings.request_timeout))
            .operation_timeout(Some(self.settings.request_timeout))
    }

    fn failed(&self, what: &str, error: &Native) -> KafkaError {
        let context = self.client.inner().context();
        self.events.serve_ready(context);
        KafkaError::request(&self.settings, what, error, &context.last_error())
    }
}

fn new_topic(change: &TopicChange) -> Option<NewTopic<'_>> {
    let TopicChange::Create {
        topic,
        partitions,
        replication,
        settings,
    } = change
    else {
        return None;
    };
    let replication = TopicReplication::Fixed(i32::from(*replication));
    let new = NewTopic::new(topic, i32::try_from(*partitions).ok()?, replication);
    Some(
        settings
            .iter()
            .fold(new, |new, (key, value)| new.set(key, value)),
    )
}

/// Altering replaces all settings of a topic, so the ones somebody made stay in.
fn altered<'a>(
    resource: &'a ConfigResource,
    wanted: &BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
) -> Option<AlterConfig<'a>> {
    let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
        return None;
    };
    let own = resource
        .entries
        .iter()
        .filter(|entry| entry.source == ConfigSource::DynamicTopic);
    let kept = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
    let set = wanted
        .get(topic.as_str())?
        .iter()
        .map(|(key, value)| (*key, *value));
    let start = AlterConfig::new(ResourceSpecifier::Topic(topic));
    Some(
        kept.chain(set)
            .fold(start, |config, (key, value)| config.set(key, value)),
    )
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an admin request, whose own options bound it.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Cluster, nobody_listens};

    #[test]
    fn a_cluster_answers_and_tells_partitions() {
        let cluster = Cluster::with_topic("t", 2);
        let admin = Admin::new(&cluster.settings).unwrap();
        admin.wait_ready(Duration::from_secs(20)).unwrap();
        assert_eq!(admin.partition_count("t").unwrap(), 2);
    }

    #[test]
    fn a_cluster_that_is_not_there_is_named_within_the_bound() {
        let settings = nobody_listens();
        let admin = Admin::new(&settings).unwrap();
        let started = Instant::now();
        for outcome in [
            admin.ping(),
            admin.wait_ready(Duration::from_secs(1)),
            admin.plan().map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
            let text = error.to_string();
            assert!(
                text.contains(&settings.bootstrap) && text.contains("[kafka] bootstrap"),
                "{text}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_conflict_refuses_the_whole_plan() {
        let admin = Admin::new(&nobody_listens()).unwrap();
        let conflict = TopicChange::Conflict {
            topic: "t".to_owned(),
            found: 3,
            wanted: 4,
            key: "[kafka] market_partitions",
        };
        let error = admin.apply(&[conflict]).unwrap_err();
        assert!(
            matches!(
                error,
                KafkaError::PartitionCount {
                    found: 3,
                    wanted: 4,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}
