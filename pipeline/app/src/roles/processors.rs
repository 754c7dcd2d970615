use std::sync::Arc;

use tapeline_runtime::ProcessorService;

use super::{Part, Parts, Start};
use crate::failure::Failure;
use crate::registry;

pub(crate) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let kafka = with.config.kafka_settings()?;
    let mut parts = Parts::default();
    for (name, make) in registry::processors(with.config) {
        let service = ProcessorService::new(kafka.clone(), with.config.run_settings(), make);
        let status = service.status();
        let seen = Arc::clone(&status);
        with.health
            .add(format!("processor {name}"), move || seen.is_ready());
        parts.add(Part::spawn(
            format!("processor {name}"),
            None,
            move |stop| Ok(service.run(stop)?),
        )?);
    }
    Ok(parts)
}
