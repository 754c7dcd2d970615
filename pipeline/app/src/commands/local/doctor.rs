//! What this machine has for the embedded stack.

use tapeline_local::{Ports, doctor as examine};

use crate::config::{Source, load};
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(source: &Source) -> Result<(), Failure> {
    let local = load(source)?.local;
    let ports = Ports {
        kafka: local.kafka_port,
        clickhouse: local.clickhouse_port,
        registry: local.registry_port,
        ..Ports::default()
    };
    let findings = examine(ports, &local.data, local.min_free_mb);
    let mut lacking = 0;
    for finding in &findings {
        let mark = if finding.ok { "ok  " } else { "LACK" };
        console::line(format!("{mark} {}: {}", finding.name, finding.found));
        if !finding.ok {
            lacking += 1;
            console::line(format!("     {}", finding.remedy));
        }
    }
    if lacking == 0 {
        return Ok(());
    }
    Err(Failure::CheckFailed(format!(
        "{lacking} things are lacking for `tapeline up`"
    )))
}

pub(crate) fn fetch() -> Result<(), Failure> {
    Ok(tapeline_local::fetch()?)
}
