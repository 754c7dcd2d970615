use super::*;
use crate::tail::read_to_end;
use crate::testing::{Cluster, nobody_listens};

fn values(cluster: &Cluster) -> Vec<String> {
    let mut values = Vec::new();
    read_to_end(
        &cluster.settings,
        "t",
        0,
        None,
        Duration::from_secs(20),
        |message| {
            values.push(String::from_utf8_lossy(message.value.unwrap()).into_owned());
            Ok::<(), KafkaError>(())
        },
    )
    .unwrap();
    values
}

fn producer(cluster: &Cluster) -> TaskProducer {
    let producer = TaskProducer::new(&cluster.settings, "task-0").unwrap();
    producer.fence().unwrap();
    producer
}

fn send(producer: &TaskProducer, value: &str) -> Result<(), TxError> {
    producer.send("t", Some(0), b"k", Some(value.as_bytes()), &[], None)
}

/// rdkafka's own flush would make every commit take 100 ms.
#[test]
fn a_commit_has_no_floor_of_100_ms() {
    let cluster = Cluster::with_topic("t", 1);
    let producer = producer(&cluster);
    let mut took: Vec<Duration> = (0..20)
        .map(|n| {
            producer.begin().unwrap();
            let started = Instant::now();
            send(&producer, &n.to_string()).unwrap();
            producer.commit().unwrap();
            started.elapsed()
        })
        .collect();
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_millis(50), "{took:?}");
    assert_eq!(
        values(&cluster),
        (0..20).map(|n| n.to_string()).collect::<Vec<_>>()
    );
}

#[test]
fn an_aborted_transaction_is_over_at_once_and_the_next_one_commits() {
    let cluster = Cluster::with_topic("t", 1);
    let producer = producer(&cluster);
    producer.begin().unwrap();
    (0..1000).for_each(|n| send(&producer, &n.to_string()).unwrap());
    let started = Instant::now();
    producer.abort().unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    producer.begin().unwrap();
    send(&producer, "committed").unwrap();
    producer.commit().unwrap();
    // The mock keeps aborted records, so only the newest one is certain.
    assert_eq!(values(&cluster).last().unwrap(), "committed");
}

/// The mock never fences by itself: it is told to answer as a broker would.
#[test]
fn the_former_owner_learns_that_it_is_fenced() {
    use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};
    for answer in [
        Answer::RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
        Answer::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
    ] {
        let cluster = Cluster::with_topic("t", 1);
        let zombie = producer(&cluster);
        zombie.begin().unwrap();
        send(&zombie, "zombie").unwrap();
        cluster.mock.request_errors(Api::EndTxn, &[answer]);
        assert_eq!(zombie.commit(), Err(TxError::Fenced));
        assert_eq!(zombie.begin(), Err(TxError::Fenced));
    }
}

#[test]
fn a_refused_record_aborts_and_its_transaction_can_be_done_again() {
    use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};
    let cluster = Cluster::with_topic("t", 1);
    let producer = producer(&cluster);
    producer.begin().unwrap();
    cluster
        .mock
        .request_errors(Api::Produce, &[Answer::RD_KAFKA_RESP_ERR_INVALID_RECORD]);
    send(&producer, "refused").unwrap();
    let Err(TxError::Abort(reason)) = producer.commit() else {
        panic!("it was committed")
    };
    assert!(reason.contains("for t"), "{reason}");
    // The refused record leaves a gap in librdkafka's sequence numbers: the
    // next transaction may fail once, and starts a new epoch by that.
    let attempts = (1..=3).find(|_| {
        producer.abort().unwrap();
        producer.begin().unwrap();
        send(&producer, "again").unwrap();
        producer.commit().is_ok()
    });
    assert!(
        attempts.is_some_and(|attempts| attempts <= 2),
        "{attempts:?}"
    );
}

#[test]
fn a_record_too_large_is_refused_with_its_size() {
    let cluster = Cluster::with_topic("t", 1);
    let producer = producer(&cluster);
    producer.begin().unwrap();
    let Err(TxError::Refused(reason)) = send(&producer, &"x".repeat(2_000_000)) else {
        panic!("it was taken");
    };
    assert!(
        reason.contains("2000000 bytes") && reason.contains(" t;"),
        "{reason}"
    );
}

#[test]
fn a_cluster_that_went_away_loses_the_producer_within_the_bound() {
    let mut cluster = Cluster::with_topic("t", 1);
    cluster.settings.request_timeout = Duration::from_secs(2);
    let producer = producer(&cluster);
    producer.begin().unwrap();
    cluster.mock.broker_down(-1).unwrap();
    send(&producer, "never").unwrap();
    let started = Instant::now();
    let outcome = producer.commit();
    assert!(matches!(outcome, Err(TxError::Lost(_))), "{outcome:?}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn taking_a_task_without_a_cluster_names_the_address() {
    let settings = nobody_listens();
    let producer = TaskProducer::new(&settings, "task-0").unwrap();
    let Err(TxError::Lost(reason)) = producer.fence() else {
        panic!("it was taken")
    };
    assert!(
        reason.contains(&settings.bootstrap) && reason.contains("[kafka] bootstrap"),
        "{reason}"
    );
}

#[test]
fn a_broker_without_transactions_is_refused_with_what_is_needed() {
    use rdkafka::types::RDKafkaApiKey as Api;
    let mut cluster = Cluster::with_topic("t", 1);
    cluster.settings.request_timeout = Duration::from_secs(5);
    let disabled = cluster.mock.apiversion(Api::InitProducerId, None, None);
    disabled.unwrap();
    let producer = TaskProducer::new(&cluster.settings, "task-0").unwrap();
    let Err(TxError::Refused(reason)) = producer.fence() else {
        panic!("it was taken")
    };
    assert!(
        reason.contains("has no transactions") && reason.contains("Apache Kafka 2.5"),
        "{reason}"
    );
}
