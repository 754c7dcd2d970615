//! Transactions that the brokers committed on some partitions and aborted on
//! others: the next owner of the task completes them.

use std::time::{Duration, SystemTime};

use tapeline_kafka::{KafkaError, OwnedMessage, TaskProducer, read_to_end};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::market::Market;
use tapeline_runtime::{InputRecord, SnapshotPolicy, Task, TaskError, Write};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;
use tapeline_tests::Namespace;

use crate::bad_input::{MARKET, alerts};
use crate::records::quote;

const WITHIN: Duration = Duration::from_secs(60);
const SYMBOL: &str = "S0";
const CHANGELOG: &str = "tapeline.market.changelog";
const JOURNAL: &str = "tapeline.market.journal";
const MARKS: &str = "market.marks";

struct Part {
    topic: String,
    partition: i32,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

fn publish(namespace: &Namespace, count: usize) {
    for _ in 0..count {
        namespace.publish(&Event::Quote(quote(SYMBOL, "10", "10.02")));
    }
}

fn partition(namespace: &Namespace) -> i32 {
    partition_of(SYMBOL.as_bytes(), namespace.kafka.market_partitions) as i32
}

fn committed(namespace: &Namespace, topic: &str) -> Vec<OwnedMessage> {
    let topic = format!("{}{topic}", namespace.kafka.topic_prefix);
    let mut all = Vec::new();
    let partition = partition(namespace);
    read_to_end(
        &namespace.kafka,
        &topic,
        partition,
        None,
        WITHIN,
        |message| {
            all.push(OwnedMessage::from(message));
            Ok::<(), KafkaError>(())
        },
    )
    .unwrap();
    all
}

/// What the right owner would write next, and when.
fn next_transaction(namespace: &Namespace) -> (Vec<Part>, i64) {
    let mut task = Task::new(Box::new(Market::default()), SnapshotPolicy::NEVER);
    for message in committed(namespace, CHANGELOG) {
        task.restore(&message.key.unwrap(), message.value.as_deref())
            .unwrap();
    }
    task.restored().unwrap();
    let partition = partition(namespace);
    let now = Micros::from(SystemTime::now());
    let next = task.next_offset(Topic::MarketQuotes, partition as u32);
    for message in committed(namespace, "market.quotes") {
        let origin = Origin {
            topic: Topic::MarketQuotes,
            partition: partition as u32,
            offset: message.offset as u64,
        };
        let record = InputRecord {
            key: message.key.as_deref(),
            value: message.value.as_deref(),
        };
        if next.is_none_or(|next| next <= origin.offset) {
            task.process(origin, record, now).unwrap();
        }
    }
    let mut parts = Vec::new();
    task.seal(now, |write| {
        let (topic, key, value) = match write {
            Write::Output {
                topic, key, value, ..
            } => (topic.name(), key.as_bytes(), Some(value)),
            Write::State { key, value } => (CHANGELOG, key, value),
            Write::Journal { key, value } => (JOURNAL, key, Some(value)),
            Write::Snapshot { .. } => panic!("no snapshot is due"),
        };
        parts.push(Part {
            topic: format!("{}{topic}", namespace.kafka.topic_prefix),
            partition,
            key: key.to_vec(),
            value: value.map(<[u8]>::to_vec),
        });
        Ok::<(), TaskError>(())
    })
    .unwrap();
    (parts, now.millis())
}

/// Commits what goes to these topics, and aborts the rest.
fn tear(namespace: &Namespace, commit: &[&str]) {
    let (parts, time) = next_transaction(namespace);
    let producer = TaskProducer::new(&namespace.kafka, "tearing").unwrap();
    producer.fence().unwrap();
    let taken = |part: &&Part| commit.iter().any(|topic| part.topic.ends_with(topic));
    let (kept, aborted): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(taken);
    for (group, commits) in [(kept, true), (aborted, false)] {
        if group.is_empty() {
            continue;
        }
        producer.begin().unwrap();
        for part in &group {
            let (partition, value) = (Some(part.partition), part.value.as_deref());
            producer
                .send(&part.topic, partition, &part.key, value, &[], Some(time))
                .unwrap();
        }
        if commits {
            producer.commit().unwrap();
        } else {
            // Aborting drops what was not sent yet.
            producer.deliver().unwrap();
            producer.abort().unwrap();
        }
    }
}

/// How many quotes each mark counted.
fn counts(namespace: &Namespace) -> Vec<i64> {
    let all = committed(namespace, MARKS);
    let counts = all.iter().map(|message| {
        match Event::decode(Topic::MarketMarks, message.value.as_deref()).unwrap() {
            Event::Mark(mark) => mark.quotes,
            other => panic!("{other:?}"),
        }
    });
    counts.collect()
}

#[test]
fn a_torn_transaction_is_completed_and_a_whole_one_left_alone() {
    let namespace = Namespace::new("torn", MARKET);
    publish(&namespace, 1);
    work_until_counted(&namespace, 1);
    let mut published = 1;
    let mut told = 0;
    let torn: [&[&str]; 6] = [
        &[CHANGELOG],
        &[JOURNAL],
        &[MARKS],
        &[CHANGELOG, JOURNAL],
        &[JOURNAL, MARKS],
        &[CHANGELOG, MARKS],
    ];
    let whole: [&[&str]; 2] = [&[], &[CHANGELOG, JOURNAL, MARKS]];
    for commit in torn.into_iter().chain(whole) {
        publish(&namespace, 2);
        published += 2;
        tear(&namespace, commit);
        work_until_counted(&namespace, published);
        told += usize::from((1..3).contains(&commit.len()));
        assert_eq!(
            alerts(&namespace, "torn_transaction").len(),
            told,
            "{commit:?}"
        );
    }
    let counts = counts(&namespace);
    assert!(
        counts.is_sorted_by(|a, b| a < b),
        "one mark a transaction: {counts:?}"
    );
    let verified = namespace
        .program(["replay", "--processor", "market", "--verify", "--json"])
        .run();
    let reports = verified.ok().json();
    let tasks = reports.as_array().unwrap();
    for task in tasks {
        assert_eq!(task["differences"], 0, "{reports}");
    }
    let transactions: Option<u64> = tasks.iter().map(|it| it["transactions"].as_u64()).sum();
    assert!(transactions >= Some(counts.len() as u64), "{reports}");
}

/// Until the newest mark stands for every quote, and counts each once.
fn work_until_counted(namespace: &Namespace, quotes: i64) {
    let running = namespace.roles(&["processors"]);
    let counted = tapeline_tests::eventually("the newest mark", WITHIN, || {
        let last = *counts(namespace).last()?;
        (last >= quotes).then_some(last)
    });
    assert_eq!(counted, quotes);
    running.stop().ok();
}
