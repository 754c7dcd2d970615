//! Venues in, records out. Each record carries its connector's sequence number,
//! so that a restart goes on exactly where the topics end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tapeline_kafka::{KafkaSettings, Names, OwnedMessage, Publisher, tail};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;
use tapeline_venue::{Feed, FeedReceiver, Outgoing, Resume, Retry, Stop, Venue};

use super::{Part, Parts, Start};
use crate::failure::Failure;
use crate::publish::now;
use crate::registry::{self, MakeVenue};

/// `<connector>/<sequence number>` on every record a connector writes.
const SEQUENCE_HEADER: &str = "tapeline-seq";
/// Records that may wait between a venue and the publisher.
const FEED_CAPACITY: usize = 8192;
const BATCH: usize = 1024;
const FLUSH_WITHIN: Duration = Duration::from_secs(10);
/// How far back the newest record of a connector is looked for in a partition
/// that others write to as well.
const LOOK_BACK: [usize; 2] = [50, 20_000];

pub(crate) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    super::preflight::at_start(with)?;
    let kafka = with.config.kafka_settings()?;
    let mut parts = super::logins::start(with)?;
    if let Some(part) = super::preflight::start(with)? {
        parts.add(part);
    }
    for make in registry::venues(with.config) {
        let name = format!("venue {}", make()?.name());
        let (stop_sender, stop) = Stop::pair();
        let kafka = kafka.clone();
        let runtime = with.runtime.clone();
        parts.add(Part::spawn(name, Some(stop_sender), move |stopped| {
            let connector = Connector {
                kafka,
                runtime,
                make,
            };
            connector.run(stopped, &stop)
        })?);
    }
    Ok(parts)
}

struct Connector {
    kafka: KafkaSettings,
    runtime: tokio::runtime::Handle,
    make: MakeVenue,
}

impl Connector {
    /// Starts the venue, and again after failures that pass.
    fn run(&self, stopped: &AtomicBool, stop: &Stop) -> Result<(), Failure> {
        loop {
            let venue = (self.make)()?;
            let name = venue.name().to_owned();
            let published = PublishedSequences::find(&self.kafka, &*venue)?;
            let (feed, receiver) = Feed::channel(FEED_CAPACITY);
            let resume = Resume {
                up_to: published.highest(),
            };
            let running = self.runtime.spawn(venue.run(feed, resume, stop.clone()));
            published.publish_all(&self.kafka, &name, receiver)?;
            let error = match self.runtime.block_on(running) {
                Ok(Ok(())) if stopped.load(Ordering::Relaxed) => return Ok(()),
                Ok(Ok(())) => {
                    return Err(Failure::External(format!("venue {name} ended by itself")));
                }
                Ok(Err(error)) => error,
                Err(panic) => return Err(Failure::external(panic)),
            };
            let Retry::After(wait) = error.retry else {
                return Err(error.into());
            };
            tracing::warn!(venue = name, %error, ?wait, "the connector is started again");
            let until = Instant::now() + wait;
            while Instant::now() < until && !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
            if stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
}

/// How far a connector's records stand in each partition.
struct PublishedSequences {
    names: Names,
    partitions: BTreeMap<Topic, u32>,
    newest: BTreeMap<(Topic, u32), u64>,
}

impl PublishedSequences {
    fn find(kafka: &KafkaSettings, venue: &dyn Venue) -> Result<Self, Failure> {
        let names = kafka.names();
        let mut partitions = BTreeMap::new();
        let mut found = BTreeMap::new();
        for topic in venue.topics() {
            let count = kafka.partitions(topic.spec().group);
            partitions.insert(*topic, count);
            for partition in 0..count {
                let newest = newest_of(kafka, names.topic(*topic), partition as i32, venue.name())?;
                found.insert((*topic, partition), newest);
            }
        }
        let newest = found
            .into_iter()
            .map(|(partition, newest)| (partition, newest.unwrap_or(0)));
        let newest = newest.collect();
        Ok(Self {
            names,
            partitions,
            newest,
        })
    }

    fn highest(&self) -> u64 {
        self.newest.values().copied().max().unwrap_or(0)
    }

    /// Until the venue ends and everything it handed over is delivered.
    fn publish_all(
        &self,
        kafka: &KafkaSettings,
        venue: &str,
        mut receiver: FeedReceiver,
    ) -> Result<(), Failure> {
        let publisher = Publisher::new(kafka, venue)?;
        let mut outgoing = Vec::with_capacity(BATCH);
        let mut value = Vec::with_capacity(256);
        while receiver.blocking_next_many(&mut outgoing, BATCH) > 0 {
            let now = now();
            for Outgoing { seq, mut event } in outgoing.drain(..) {
                let key = event.key().as_bytes();
                if self.is_published(event.topic(), key, seq) {
                    continue;
                }
                event.set_ingest_time(now);
                event.encode(&mut value).map_err(Failure::external)?;
                let origin = format!("{venue}/{seq}");
                let headers = [(SEQUENCE_HEADER, origin.as_bytes())];
                let topic = self.names.topic(event.topic());
                publisher.publish(topic, event.key().as_bytes(), &value, &headers, None)?;
            }
            publisher.poll()?;
        }
        Ok(publisher.flush(FLUSH_WITHIN)?)
    }

    /// A restart hands over again what the topic holds already.
    fn is_published(&self, topic: Topic, key: &[u8], seq: u64) -> bool {
        let Some(count) = self.partitions.get(&topic) else {
            return false;
        };
        let partition = (topic, partition_of(key, *count));
        self.newest
            .get(&partition)
            .is_some_and(|newest| seq <= *newest)
    }
}

/// None when the partition holds nothing: new, or emptied by retention.
fn newest_of(
    kafka: &KafkaSettings,
    topic: &str,
    partition: i32,
    venue: &str,
) -> Result<Option<u64>, Failure> {
    for count in LOOK_BACK {
        let newest = tail(kafka, topic, partition, count)?;
        let found = newest
            .iter()
            .rev()
            .find_map(|message| sequence_of(message, venue));
        if found.is_some() || newest.is_empty() {
            return Ok(found);
        }
        if newest.len() < count {
            return Ok(None);
        }
    }
    Err(Failure::Usage(format!(
        "venue {venue} has no record among the newest {} of {topic}[{partition}], \
         so it cannot tell where to go on; give it topics of its own with another [kafka] topic_prefix",
        LOOK_BACK[1]
    )))
}

fn sequence_of(message: &OwnedMessage, venue: &str) -> Option<u64> {
    let (_, value) = message
        .headers
        .iter()
        .find(|(name, _)| name == SEQUENCE_HEADER)?;
    let (writer, seq) = std::str::from_utf8(value).ok()?.rsplit_once('/')?;
    if writer == venue {
        seq.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[(&str, &str)]) -> OwnedMessage {
        OwnedMessage {
            topic: "t".into(),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: None,
            value: None,
            headers: headers
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
                .collect(),
        }
    }

    #[test]
    fn only_the_connectors_own_numbers_count() {
        let of = |headers: &[(&str, &str)]| sequence_of(&message(headers), "demo");
        assert_eq!(of(&[(SEQUENCE_HEADER, "demo/42")]), Some(42));
        assert_eq!(of(&[(SEQUENCE_HEADER, "other/42")]), None);
        assert_eq!(of(&[(SEQUENCE_HEADER, "demo/x")]), None);
        assert_eq!(of(&[("traceparent", "demo/42")]), None);
    }

    #[test]
    fn what_a_partition_holds_already_is_dropped_there_and_only_there() {
        let there = partition_of(b"AAPL", 4);
        let published = PublishedSequences {
            names: Names::new("", "tapeline"),
            partitions: [(Topic::MarketQuotes, 4)].into(),
            newest: [((Topic::MarketQuotes, there), 10)].into(),
        };
        assert!(published.is_published(Topic::MarketQuotes, b"AAPL", 10));
        assert!(!published.is_published(Topic::MarketQuotes, b"AAPL", 11));
        let elsewhere = ["A", "B", "C", "D", "E", "F"]
            .into_iter()
            .find(|key| partition_of(key.as_bytes(), 4) != there)
            .unwrap();
        assert!(!published.is_published(Topic::MarketQuotes, elsewhere.as_bytes(), 3));
        assert!(!published.is_published(Topic::BrokerFills, b"AAPL", 3));
    }
}
