use tapeline_clickhouse::{Sink, Store};

use super::{Part, Parts, Start, audits};
use crate::failure::Failure;

pub(crate) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let kafka = with.config.kafka_settings()?;
    let store = Store::connect(&with.config.store_settings()?)?;
    let settings = with.config.sink_settings();
    let sink = Sink::new(&kafka, store, settings, with.runtime.clone())?;
    let progress = sink.progress();
    with.health
        .add("sink", move || progress.failing().is_none());
    let mut parts = Parts::default();
    parts.add(Part::spawn("sink", None, move |stop| {
        Ok(sink.run(|| stop.load(std::sync::atomic::Ordering::Relaxed))?)
    })?);
    if let Some(audits) = audits::start(with)? {
        parts.add(audits);
    }
    Ok(parts)
}
