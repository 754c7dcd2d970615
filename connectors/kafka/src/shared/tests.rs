use std::time::Instant;

use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};

use super::*;
use crate::testing::{Cluster, nobody_listens};

fn owner(cluster: &Cluster, key: &str) -> SharedKey {
    let mut owner = SharedKey::new(&cluster.settings, "t", key);
    owner.fence().unwrap();
    owner.newest().unwrap();
    owner
}

fn newest(key: &mut SharedKey) -> Option<String> {
    let newest = key.newest().unwrap();
    newest.map(|value| String::from_utf8(value).unwrap())
}

/// The owner's first record is there; whether its second is, it does not know.
fn unsure(cluster: &mut Cluster) -> SharedKey {
    let patience = Duration::from_secs(1);
    let mut owner = SharedKey {
        settings: KafkaSettings {
            request_timeout: patience,
            transaction_timeout: patience,
            ..cluster.settings.clone()
        },
        ..SharedKey::new(&cluster.settings, "t", "a")
    };
    owner.fence().unwrap();
    owner.newest().unwrap();
    owner.append(b"first").unwrap();
    cluster.mock.broker_down(-1).unwrap();
    let started = Instant::now();
    let outcome = owner.append(b"second");
    assert!(
        matches!(outcome, Err(SharedError::Unknown(_))),
        "{outcome:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    owner.settings = cluster.settings.clone();
    cluster.mock.broker_up(-1).unwrap();
    owner
}

#[test]
fn the_newest_value_of_its_own_key_is_seen_from_elsewhere() {
    let cluster = Cluster::with_topic("t", 1);
    let mut watching = SharedKey::new(&cluster.settings, "t", "a");
    assert_eq!(newest(&mut watching), None);
    let (mut a, mut b) = (owner(&cluster, "a"), owner(&cluster, "b"));
    a.append(b"1").unwrap();
    b.append(b"other").unwrap();
    assert_eq!(newest(&mut watching).as_deref(), Some("1"));
    assert_eq!(newest(&mut watching).as_deref(), Some("1"));
    a.append(b"2").unwrap();
    a.append(b"3").unwrap();
    assert_eq!(newest(&mut watching).as_deref(), Some("3"));
    let mut later = SharedKey::new(&cluster.settings, "t", "b");
    assert_eq!(newest(&mut later).as_deref(), Some("other"));
}

#[test]
fn who_never_fenced_appends_nothing() {
    let cluster = Cluster::with_topic("t", 1);
    let mut key = SharedKey::new(&cluster.settings, "t", "a");
    assert!(matches!(key.append(b"1"), Err(SharedError::Fenced)));
    assert_eq!(newest(&mut key), None);
}

#[test]
fn who_was_fenced_appends_nothing_more_until_it_fences() {
    let cluster = Cluster::with_topic("t", 1);
    let mut former = owner(&cluster, "a");
    former.append(b"1").unwrap();
    let fenced = [Answer::RD_KAFKA_RESP_ERR_PRODUCER_FENCED];
    cluster.mock.request_errors(Api::EndTxn, &fenced);
    for _ in 0..2 {
        let outcome = former.append(b"2");
        assert!(matches!(outcome, Err(SharedError::Fenced)), "{outcome:?}");
    }
    former.fence().unwrap();
    former.append(b"3").unwrap();
    assert_eq!(newest(&mut former).as_deref(), Some("3"));
}

#[test]
fn an_owner_goes_on_after_an_outcome_it_does_not_know() {
    let mut cluster = Cluster::with_topic("t", 1);
    let mut owner = unsure(&mut cluster);
    owner.append(b"third").unwrap();
    let mut watching = SharedKey::new(&cluster.settings, "t", "a");
    assert_eq!(newest(&mut watching).as_deref(), Some("third"));
}

/// The mock never fences: what is asserted is that it looks before it fences again.
#[test]
fn an_owner_that_does_not_know_never_takes_it_back_from_another() {
    let mut cluster = Cluster::with_topic("t", 1);
    let mut former = unsure(&mut cluster);
    let mut other = owner(&cluster, "a");
    other.append(b"others").unwrap();
    let outcome = former.append(b"late");
    assert!(matches!(outcome, Err(SharedError::Fenced)), "{outcome:?}");
    assert_eq!(newest(&mut former).as_deref(), Some("others"));
}

#[test]
fn a_cluster_that_is_not_there_fails_every_call_within_its_bound() {
    let mut key = SharedKey::new(&nobody_listens(), "t", "a");
    let started = Instant::now();
    assert!(key.newest().unwrap_err().retryable());
    assert!(matches!(key.fence(), Err(SharedError::Unknown(_))));
    assert!(matches!(key.append(b"1"), Err(SharedError::Fenced)));
    assert!(started.elapsed() < Duration::from_secs(10));
}
