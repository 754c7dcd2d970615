//! What the members are told.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tapeline_kafka::KafkaSettings;

use super::feed;
use super::world::{BROKERS, DATABASE};
use super::{PARTITIONS, REQUEST_TIMEOUT, SESSION_TIMEOUT, TRANSACTION_TIMEOUT};

/// A configuration file with only what a former release knows, too: a run may begin with one.
pub(crate) fn text(kafka: &KafkaSettings, store_port: u16, store: &Path) -> String {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let mut text = format!(
        "[kafka]\nbootstrap = '{}'\nreplication = {BROKERS}\nmarket_partitions = {PARTITIONS}\n\
         portfolio_partitions = {PARTITIONS}\ntransaction_timeout = '{}'\nrequest_timeout = '{}'\n\
         [kafka.properties]\n'session.timeout.ms' = '{}'\n\
         [clickhouse]\nurl = 'http://127.0.0.1:{store_port}'\ndatabase = '{DATABASE}'\n\
         password = 'secret://file/{}'\n\
         [risk]\nmax_drawdown = '200'\n[sink]\nbatch_age = '300ms'\n\
         [telemetry]\nlisten = '127.0.0.1:0'\n",
        kafka.bootstrap,
        seconds(TRANSACTION_TIMEOUT),
        seconds(REQUEST_TIMEOUT),
        SESSION_TIMEOUT.as_millis(),
        tapeline_local::password_file(store).display(),
    );
    for (account, portfolio) in feed::accounts(PARTITIONS) {
        let _fits = writeln!(
            text,
            "[[accounts]]\nid = '{account}'\nportfolio = '{portfolio}'"
        );
    }
    text
}
