//! Rebuilds and audits at every point of the way of a range into its table. The tests take the
//! sink's steps themselves, so that each point is met every time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tapeline_clickhouse::{AuditError, AuditOptions, Password, Store, StoreSettings, audit};
use tapeline_kafka::{BatchReader, GroupReader, Position};
use tapeline_model::Event;
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Namespace, eventually, shared};

use crate::records::quote;

const WITHIN: Duration = Duration::from_secs(60);
const QUOTES: usize = 60;

/// What became of the rows of the announced range before the rebuild.
#[derive(Debug, Clone, Copy)]
enum Rows {
    NotSentYet,
    InTheTable,
    /// Inserted, and then taken out of the table together with all others.
    Lost,
}

/// What happens after the rebuild.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The insert was acknowledged before, and that is committed now.
    Committed,
    /// The insert comes now, and is committed then.
    Sent,
    /// The sink is gone, and another one takes over.
    TakenOver,
}

/// The sink's group as one member of it, and the rows that a sink made of the topic.
struct Steps<'a> {
    namespace: &'a Namespace,
    topic: String,
    /// The offset behind the last record, by partition.
    ends: BTreeMap<i32, i64>,
    columns: String,
}

impl<'a> Steps<'a> {
    /// A real sink has written the topic, and its rows are kept.
    fn new(namespace: &'a Namespace) -> Self {
        let running = namespace.roles(&["sinks"]);
        for number in 0..QUOTES {
            let symbol = format!("S{}", number % 7);
            namespace.publish(&Event::Quote(quote(&symbol, "9", "11")));
        }
        namespace.query_until("SELECT count() FROM quotes", &QUOTES.to_string());
        running.stop().ok();
        namespace.query("CREATE TABLE kept ENGINE = Memory AS SELECT * FROM quotes");
        let columns = namespace.query(
            "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns \
             WHERE database = currentDatabase() AND table = 'quotes' AND name != '_inserted'",
        );
        let mut ends = BTreeMap::<i32, i64>::new();
        for message in namespace.read(Topic::MarketQuotes) {
            let end = ends.entry(message.partition).or_default();
            *end = (*end).max(message.offset + 1);
        }
        assert_eq!(ends.len(), 2, "both partitions have records");
        Self {
            namespace,
            topic: namespace
                .kafka
                .names()
                .topic(Topic::MarketQuotes)
                .to_owned(),
            ends,
            columns,
        }
    }

    fn join(&self) -> GroupReader {
        let kafka = &self.namespace.kafka;
        let group = kafka.names().group("sink");
        let topics = std::slice::from_ref(&self.topic);
        let mut member = GroupReader::join(kafka, &group, topics).unwrap();
        let mut gained = 0;
        eventually("all partitions are gained", WITHIN, || {
            let batch = member.fetch(1, Duration::from_millis(50)).unwrap();
            gained += batch.gained.len();
            (gained == self.ends.len()).then_some(())
        });
        member
    }

    /// Where the announced range begins: what is before it is done.
    fn start(end: i64) -> i64 {
        end / 2
    }

    /// As before a range is inserted.
    fn announce(&self, member: &GroupReader) {
        self.commit(member, |end| (Self::start(end), format!("end={}", end - 1)));
    }

    /// As when it is in the table.
    fn settle(&self, member: &GroupReader) {
        self.commit(member, |end| (end, String::new()));
    }

    fn commit(&self, member: &GroupReader, of: impl Fn(i64) -> (i64, String)) {
        let positions = self.ends.iter().map(|(partition, end)| {
            let (offset, note) = of(*end);
            (Position::new(&self.topic, *partition, offset), note)
        });
        member.commit(&positions.collect::<Vec<_>>()).unwrap();
    }

    /// Inserts rows under the token of their range, as a sink that does not look does.
    fn insert(&self, partition: i32, from: i64, end: i64) {
        let (topic, columns, last) = (&self.topic, &self.columns, end - 1);
        let rows = self.namespace.query(&format!(
            "SELECT {columns} FROM kept WHERE _partition = {partition} AND _offset BETWEEN {from} AND {last}"
        ));
        self.namespace.query(&format!(
            "INSERT INTO quotes ({columns}) SETTINGS async_insert = 0, insert_deduplicate = 1, \
             insert_deduplication_token = '{topic}:{partition}:{from}-{last}' FORMAT TabSeparated\n{rows}\n"
        ));
    }

    fn insert_announced(&self) {
        for (partition, end) in &self.ends {
            self.insert(*partition, Self::start(*end), *end);
        }
    }

    fn insert_done(&self) {
        for (partition, end) in &self.ends {
            self.insert(*partition, 0, Self::start(*end));
        }
    }

    fn take_over(&self) {
        let kafka = &self.namespace.kafka;
        let reader = BatchReader::new(kafka, &kafka.names().group("sink")).unwrap();
        let partitions: Vec<(String, i32)> = self
            .ends
            .keys()
            .map(|partition| (self.topic.clone(), *partition))
            .collect();
        let running = self.namespace.roles(&["sinks"]);
        eventually("the announced ranges are done", WITHIN, || {
            let committed = reader.committed(&partitions).unwrap();
            let is_done = |(at, note): &(Position, String)| {
                self.ends.get(&at.partition) == Some(&at.offset) && note.is_empty()
            };
            committed.iter().all(is_done).then_some(())
        });
        running.stop().ok();
    }

    fn run(&self, rows: Rows, then: Then) {
        let member = self.join();
        self.announce(&member);
        self.namespace.query("TRUNCATE TABLE quotes");
        if !matches!(rows, Rows::Lost) {
            self.insert_done();
        }
        if matches!(rows, Rows::InTheTable) {
            self.insert_announced();
        }
        let rebuild = self
            .namespace
            .program(["store", "rebuild", "quotes", "--json"]);
        let rebuilt = rebuild.run().ok().json();
        assert_eq!(
            rebuilt["rows"],
            json!(QUOTES),
            "{rows:?} {then:?}: {rebuilt}"
        );
        match then {
            Then::Committed => self.settle(&member),
            Then::Sent => {
                self.insert_announced();
                self.settle(&member);
            }
            Then::TakenOver => {
                drop(member);
                self.take_over();
            }
        }
        let audit = self
            .namespace
            .program(["audit", "--table", "quotes", "--json"]);
        let audit = audit.run();
        assert_eq!(audit.code(), 0, "{rows:?} {then:?}: {audit:?}");
        let audit = &audit.json()["topics"][0];
        assert_eq!(
            audit["store_rows"],
            json!(QUOTES),
            "{rows:?} {then:?}: {audit}"
        );
    }
}

#[test]
fn a_range_that_a_rebuild_meets_on_its_way_is_there_once() {
    let namespace = Namespace::new("midway", "");
    let steps = Steps::new(&namespace);
    for rows in [Rows::NotSentYet, Rows::InTheTable, Rows::Lost] {
        for then in [Then::Committed, Then::Sent, Then::TakenOver] {
            // What was not sent was not acknowledged.
            if !matches!((rows, then), (Rows::NotSentYet, Then::Committed)) {
                steps.run(rows, then);
            }
        }
    }
}

/// Its last row is there before others of it are.
#[test]
fn an_audit_waits_for_the_whole_of_a_range_that_is_under_way() {
    let namespace = Namespace::new("underway", "");
    let steps = Steps::new(&namespace);
    let member = steps.join();
    steps.announce(&member);
    namespace.query("TRUNCATE TABLE quotes");
    steps.insert_done();
    for (partition, end) in &steps.ends {
        steps.insert(*partition, Steps::start(*end) + 1, *end);
    }
    let settings = StoreSettings {
        url: shared().clickhouse.clone(),
        database: namespace.database.clone(),
        password: Password::new(&shared().password),
        ..StoreSettings::default()
    };
    let store = Store::connect(&settings).unwrap();
    let options = AuditOptions {
        only: Some(Topic::MarketQuotes),
        wait: Some(Duration::ZERO),
        ..AuditOptions::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let audited = || {
        audit(
            &namespace.kafka,
            &store,
            &options,
            runtime.handle(),
            |_, _| {},
        )
    };
    let early = audited();
    assert!(matches!(early, Err(AuditError::Behind { .. })), "{early:?}");
    for (partition, end) in &steps.ends {
        let start = Steps::start(*end);
        steps.insert(*partition, start, start + 1);
    }
    steps.settle(&member);
    let report = audited().unwrap();
    assert!(report.is_clean(), "{report:?}");
}
