//! Full names under a deployment's prefix, and back.

use std::sync::Arc;

use tapeline_schemas::topics::{self, Topic};

/// The names of one deployment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Names {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    prefix: String,
    app: String,
    /// In the order of `Topic::ALL`.
    topics: Vec<String>,
}

impl Names {
    pub fn new(prefix: &str, app: &str) -> Self {
        let topics = Topic::ALL
            .iter()
            .map(|topic| format!("{prefix}{}", topic.name()))
            .collect();
        let inner = Inner {
            prefix: prefix.to_owned(),
            app: app.to_owned(),
            topics,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    pub fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    pub fn topic(&self, topic: Topic) -> &str {
        &self.inner.topics[topic as usize]
    }

    /// The topic with this full name, if it is one of this deployment.
    pub fn resolve(&self, full_name: &str) -> Option<Topic> {
        Topic::from_name(full_name.strip_prefix(self.prefix())?)
    }

    /// The topic that holds a processor's state and progress.
    pub fn changelog(&self, processor: &str) -> String {
        format!("{}{}", self.prefix(), topics::changelog(processor))
    }

    /// The topic that holds what each transaction of a processor read.
    pub fn journal(&self, processor: &str) -> String {
        format!("{}{}", self.prefix(), topics::journal(processor))
    }

    /// The topic that holds full states of a processor's tasks.
    pub fn snapshots(&self, processor: &str) -> String {
        format!("{}{}", self.prefix(), topics::snapshots(processor))
    }

    /// The topic that holds sealed sessions.
    pub fn auth_sessions(&self) -> String {
        format!("{}{}", self.prefix(), topics::AUTH_SESSIONS)
    }

    /// The consumer group of a role.
    pub fn group(&self, role: &str) -> String {
        format!("{}{}-{role}", self.prefix(), self.inner.app)
    }

    /// The id that fences every other producer of the same task.
    pub fn transactional_id(&self, processor: &str, partition: u32) -> String {
        format!(
            "{}{}-{processor}-{partition}",
            self.prefix(),
            self.inner.app
        )
    }

    /// The id that fences every other process that appends to this key of this topic.
    pub fn owner_id(&self, topic: &str, key: &str) -> String {
        let topic = topic.strip_prefix(self.prefix()).unwrap_or(topic);
        format!("{}{}-{topic}-{key}", self.prefix(), self.inner.app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_prefix_and_lead_back() {
        let names = Names::new("t1.", "tapeline");
        for topic in Topic::ALL {
            assert_eq!(names.resolve(names.topic(*topic)), Some(*topic));
        }
        assert_eq!(names.topic(Topic::MarketQuotes), "t1.market.quotes");
        assert_eq!(names.changelog("market"), "t1.tapeline.market.changelog");
        assert_eq!(names.group("sink"), "t1.tapeline-sink");
        assert_eq!(names.transactional_id("market", 3), "t1.tapeline-market-3");
        let sessions = names.auth_sessions();
        assert_eq!(sessions, "t1.tapeline.auth.sessions");
        let owner = names.owner_id(&sessions, "alpha-k");
        assert_eq!(owner, "t1.tapeline-tapeline.auth.sessions-alpha-k");
    }

    #[test]
    fn another_deployments_topic_is_not_ours() {
        let names = Names::new("t1.", "tapeline");
        assert_eq!(names.resolve("t2.market.quotes"), None);
        assert_eq!(names.resolve("market.quotes"), None);
        assert_eq!(names.resolve("t1.market.quotez"), None);
    }
}
