use std::time::Instant;

use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};

use super::*;
use crate::batch::Message;
use crate::tail::{OwnedMessage, read_to_end, tail};
use crate::testing::{Cluster, nobody_listens, until};

const WAIT: Duration = Duration::from_millis(500);

fn values(batch: &Batch) -> Vec<String> {
    batch
        .messages()
        .map(|m| String::from_utf8_lossy(m.value.unwrap()).into_owned())
        .collect()
}

#[test]
fn batches_hold_every_record_once_and_in_order() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 5000);
    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader
        .assign(&[Position::new("t", 0, Position::BEGINNING)])
        .unwrap();
    let mut read = Vec::new();
    let end = until(|| {
        let batch = reader.fetch(700, WAIT).unwrap();
        read.extend(values(&batch));
        batch
            .eofs()
            .map(|(topic, partition, next)| (topic.to_owned(), partition, next))
            .next()
    });
    assert_eq!(end, ("t".to_owned(), 0, 5000));
    let expected: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    assert!(read == expected, "{} records read", read.len());
}

/// As after a broker came back: it does not know yet the epoch that the client heard of. Any of
/// the requests may meet the change, so that each is refused in turn.
#[test]
fn a_range_is_asked_for_again_while_its_leader_changes() {
    let cluster = Cluster::with_topic("t", 2);
    cluster.fill("t", 3);
    let reader = BatchReader::new(&cluster.settings, "g").unwrap();
    let full = reader.ranges("t").unwrap();
    assert_eq!(
        full.iter().map(|(_, first, end)| end - first).sum::<i64>(),
        3
    );
    for refused in [
        Answer::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        Answer::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
        Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    ] {
        for before in 0..4 {
            let mut answers = vec![Answer::RD_KAFKA_RESP_ERR_NO_ERROR; before];
            answers.push(refused);
            cluster.mock.request_errors(Api::ListOffsets, &answers);
            assert_eq!(
                reader.ranges("t").unwrap(),
                full,
                "{refused:?} after {before}"
            );
            cluster.mock.clear_request_errors(Api::ListOffsets);
        }
    }
}

#[test]
fn records_are_found_by_their_time_while_a_leader_changes() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 3);
    let reader = BatchReader::new(&cluster.settings, "g").unwrap();
    let moved = [Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
    cluster.mock.request_errors(Api::ListOffsets, &moved);
    let missing = reader.since(&[("t".to_owned(), 7)], 0).unwrap_err();
    assert!(
        matches!(missing, KafkaError::PartitionMissing { partition: 7, .. }),
        "{missing}"
    );
    // The cluster inside this process knows no times: nothing is later.
    assert_eq!(reader.since(&[("t".to_owned(), 0)], 0).unwrap(), []);
    assert_eq!(reader.since(&[], 0).unwrap(), []);
}

#[test]
fn closing_does_not_wait_for_records_nobody_read() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 5000);
    for _ in 0..10 {
        let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
        reader.assign(&[Position::new("t", 0, 0)]).unwrap();
        let batch =
            until(|| Some(reader.fetch(1, WAIT).unwrap()).filter(|batch| !batch.is_empty()));
        drop(reader);
        let started = Instant::now();
        drop(batch);
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_full_batch_is_not_waited_for() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 1);
    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader.assign(&[Position::new("t", 0, 0)]).unwrap();
    let started = Instant::now();
    let batch = reader.fetch(1000, Duration::from_secs(25)).unwrap();
    assert_eq!(values(&batch), ["0"]);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_batch_outlives_its_reader_and_messages_show_all_they_hold() {
    let cluster = Cluster::with_topic("t", 1);
    let publisher = crate::Publisher::new(&cluster.settings, "p").unwrap();
    let headers: [(&str, &[u8]); 2] = [("traceparent", b"00-1"), ("empty", b"")];
    publisher
        .publish("t", b"k", b"v", &headers, Some(1_700_000_000_000))
        .unwrap();
    publisher.replay("t", None, None, &[]).unwrap();
    publisher.flush(Duration::from_secs(20)).unwrap();

    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader.assign(&[Position::new("t", 0, 0)]).unwrap();
    let mut batches = Vec::new();
    until(|| {
        batches.push(reader.fetch(10, WAIT).unwrap());
        let read: usize = batches.iter().map(|batch| batch.messages().count()).sum();
        (read == 2).then_some(())
    });
    drop(reader);
    let messages: Vec<Message<'_>> = batches.iter().flat_map(Batch::messages).collect();
    let first = OwnedMessage::from(&messages[0]);
    assert_eq!(first.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(first.timestamp_ms, Some(1_700_000_000_000));
    let expected = [
        ("traceparent".to_owned(), b"00-1".to_vec()),
        ("empty".to_owned(), Vec::new()),
    ];
    assert_eq!(first.headers, expected);
    assert_eq!(
        messages[0].topic,
        crate::TopicRef {
            index: 0,
            name: "t"
        }
    );
    assert_eq!(
        (messages[1].key, messages[1].value, messages[1].offset),
        (None, None, 1)
    );
    assert_eq!(messages[1].headers(), []);
}

#[test]
fn two_topics_keep_their_names_and_indexes() {
    let cluster = Cluster::with_topic("a", 1);
    cluster.mock.create_topic("b", 1, 1).unwrap();
    cluster.fill("a", 3);
    cluster.fill("b", 3);
    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader.assign(&[Position::new("a", 0, 0)]).unwrap();
    reader
        .assign(&[Position::new("b", 0, 1), Position::new("a", 0, 2)])
        .unwrap();
    let mut seen = Vec::new();
    until(|| {
        let batch = reader.fetch(10, WAIT).unwrap();
        seen.extend(
            batch
                .messages()
                .map(|m| (m.topic.index, m.topic.name.to_owned(), m.offset)),
        );
        (seen.len() == 3).then_some(())
    });
    seen.sort();
    assert_eq!(
        seen,
        [
            (0, "a".to_owned(), 2),
            (1, "b".to_owned(), 1),
            (1, "b".to_owned(), 2)
        ]
    );
}

#[test]
fn partitions_are_added_and_removed_without_disturbing_the_others() {
    let cluster = Cluster::with_topic("a", 1);
    cluster.mock.create_topic("b", 1, 1).unwrap();
    cluster.fill("a", 2);
    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader.add(&[Position::new("a", 0, 0)]).unwrap();
    let mut seen = Vec::new();
    let mut read = |reader: &mut BatchReader, count: usize| {
        until(|| {
            let batch = reader.fetch(10, WAIT).unwrap();
            seen.extend(
                batch
                    .messages()
                    .map(|m| (m.topic.name.to_owned(), m.offset)),
            );
            (seen.len() >= count).then_some(())
        });
        seen.clone()
    };
    read(&mut reader, 2);
    reader
        .add(&[Position::new("b", 0, Position::BEGINNING)])
        .unwrap();
    cluster.fill("b", 1);
    read(&mut reader, 3);
    reader.remove(&[("a".to_owned(), 0)]).unwrap();
    cluster.fill("a", 1);
    cluster.fill("b", 1);
    let all = read(&mut reader, 4);
    let expected = [("a", 0), ("a", 1), ("b", 0), ("b", 1)].map(|(t, o)| (t.to_owned(), o));
    assert_eq!(all, expected);
}

#[test]
fn an_offset_that_is_gone_is_an_error_that_says_so() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 3);
    let mut reader = BatchReader::new(&cluster.settings, "g").unwrap();
    reader.assign(&[Position::new("t", 0, 99)]).unwrap();
    let error = until(|| reader.fetch(10, WAIT).err());
    assert!(
        matches!(
            error,
            KafkaError::OffsetGone {
                offset: 99,
                held: Some((0, 3)),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("offset 99 of t[0]"), "{error}");
    assert!(!error.retryable());
}

#[test]
fn reading_to_the_end_stops_there_and_tells_where() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 300);
    let within = Duration::from_secs(20);
    let mut offsets = Vec::new();
    let mut collect = |message: &Message<'_>| {
        offsets.push(message.offset);
        Ok::<(), KafkaError>(())
    };
    assert_eq!(
        read_to_end(&cluster.settings, "t", 0, Some(298), within, &mut collect).unwrap(),
        300
    );
    assert_eq!(
        read_to_end(&cluster.settings, "t", 0, Some(300), within, &mut collect).unwrap(),
        300
    );
    assert_eq!(offsets, [298, 299]);
    let gone = read_to_end(&cluster.settings, "t", 0, Some(301), within, |_| {
        Ok::<(), KafkaError>(())
    });
    assert!(matches!(
        gone,
        Err(KafkaError::OffsetGone { offset: 301, .. })
    ));
}

#[test]
fn the_tail_is_the_newest_records_oldest_first() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.fill("t", 50);
    let newest = tail(&cluster.settings, "t", 0, 3).unwrap();
    let offsets: Vec<i64> = newest.iter().map(|message| message.offset).collect();
    assert_eq!(offsets, [47, 48, 49]);
    assert_eq!(tail(&cluster.settings, "t", 0, 100).unwrap().len(), 50);
    assert_eq!(tail(&cluster.settings, "t", 0, 0).unwrap(), []);
}

#[test]
fn a_cluster_that_is_not_there_is_named_within_the_bound() {
    let settings = nobody_listens();
    let started = Instant::now();
    let error = tail(&settings, "t", 0, 1).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&settings.bootstrap), "{error}");
}
