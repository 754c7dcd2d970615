use tapeline_clickhouse::{Sink, Store};

use super::{Part, Parts, Start, audits};
use crate::failure::Failure;

pub(crate) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let kafka = with.config.kafka_settings()?;
    let store = Store::connect(&with.config.store_settings()?)?;
    let settings = with.config.sink_settings();
    let sink =
        Sink::new(&kafka, store, settings, with.runtime.clone()).map_err(Failure::outside)?;
    let progress = sink.progress();
    with.health
        .add("sink", move || progress.failing().is_none());
    let mut parts = Parts::default();
    parts.add(Part::spawn("sink", None, move |stop| {
        sink.run(|| stop.load(std::sync::atomic::Ordering::Relaxed))
            .map_err(Failure::outside)
    })?);
    if let Some(audits) = audits::start(with)? {
        parts.add(audits);
    }
    Ok(parts)
}
