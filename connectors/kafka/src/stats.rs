//! librdkafka's statistics as metrics.

use metrics::{counter, gauge};
use rdkafka::statistics::{Broker, Partition, Statistics};

use crate::metric_names as names;

pub(crate) fn record(client: &str, stats: &Statistics) {
    if stats.client_type == "producer" {
        gauge!(names::PRODUCE_QUEUE_RECORDS, "client" => client.to_owned())
            .set(stats.msg_cnt as f64);
        gauge!(names::PRODUCE_QUEUE_BYTES, "client" => client.to_owned())
            .set(stats.msg_size as f64);
    }
    if let Some(group) = &stats.cgrp {
        counter!(names::REBALANCES, "client" => client.to_owned())
            .absolute(to_u64(group.rebalance_cnt));
    }
    // Bootstrap entries and logical brokers have negative ids and repeat real ones.
    for broker in stats.brokers.values().filter(|b| b.nodeid >= 0) {
        record_broker(client, broker);
    }
    if stats.client_type == "consumer" {
        for (topic, partition) in read_partitions(stats) {
            record_partition(client, topic, partition);
        }
    }
}

fn read_partitions(stats: &Statistics) -> impl Iterator<Item = (&str, &Partition)> {
    stats.topics.values().flat_map(|topic| {
        let partitions = topic.partitions.values();
        let read = partitions.filter(|p| p.desired && p.partition >= 0);
        read.map(|partition| (topic.topic.as_str(), partition))
    })
}

/// Topic, partition, end of what is committed and end of what is written, where known.
pub(crate) fn committed_ends(stats: &Statistics) -> impl Iterator<Item = (&str, i32, i64, i64)> {
    let known = |p: &Partition| p.ls_offset >= 0 && p.hi_offset >= 0;
    let partitions = read_partitions(stats).filter(move |(_, p)| known(p));
    partitions.map(|(topic, p)| (topic, p.partition, p.ls_offset, p.hi_offset))
}

fn record_broker(client: &str, broker: &Broker) {
    let labels = [
        ("client", client.to_owned()),
        ("broker", broker.nodeid.to_string()),
    ];
    if let Some(rtt) = &broker.rtt {
        gauge!(names::BROKER_RTT_SECONDS, &labels).set(rtt.p99 as f64 / 1e6);
    }
    counter!(names::SEND_ERRORS, &labels).absolute(broker.txerrs);
    counter!(names::SEND_RETRIES, &labels).absolute(broker.txretries);
    counter!(names::REQUEST_TIMEOUTS, &labels).absolute(broker.req_timeouts);
}

fn record_partition(client: &str, topic: &str, partition: &Partition) {
    let labels = [
        ("client", client.to_owned()),
        ("topic", topic.to_owned()),
        ("partition", partition.partition.to_string()),
    ];
    gauge!(names::FETCH_QUEUE_RECORDS, &labels).set(partition.fetchq_cnt as f64);
    // Negative means not known yet; a gauge of -1 would look like a number.
    if partition.consumer_lag >= 0 {
        gauge!(names::CONSUMER_LAG, &labels).set(partition.consumer_lag as f64);
    }
    if partition.ls_offset >= 0 && partition.hi_offset >= 0 {
        let unstable = (partition.hi_offset - partition.ls_offset).max(0);
        gauge!(names::UNSTABLE_RECORDS, &labels).set(unstable as f64);
    }
}

fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
