//! What the members are told.

use std::fmt::Write;
use std::path::Path;

use tapeline_kafka::KafkaSettings;

use crate::chaos::pipeline::feed;

/// How soon the group gives a dead sink's partitions to another.
const SESSION_TIMEOUT_MS: u32 = 5_000;

pub(crate) fn text(
    kafka: &KafkaSettings,
    app: &str,
    (store_port, store): (u16, &Path),
    database: &str,
) -> String {
    let partitions = kafka.portfolio_partitions;
    let mut text = format!(
        "[kafka]\nbootstrap = '{}'\napp_id = '{app}'\nmarket_partitions = {}\n\
         portfolio_partitions = {partitions}\n\
         [kafka.properties]\n'session.timeout.ms' = '{SESSION_TIMEOUT_MS}'\n\
         [clickhouse]\nurl = 'http://127.0.0.1:{store_port}'\ndatabase = '{database}'\n\
         password = 'secret://file/{}'\n\
         [risk]\nmax_drawdown = '200'\n[sink]\nbatch_age = '200ms'\n\
         [telemetry]\nlisten = '127.0.0.1:0'\n",
        kafka.bootstrap,
        kafka.market_partitions,
        tapeline_local::password_file(store).display(),
    );
    for (account, portfolio) in feed::accounts(partitions) {
        let _fits = writeln!(
            text,
            "[[accounts]]\nid = '{account}'\nportfolio = '{portfolio}'"
        );
    }
    text
}
