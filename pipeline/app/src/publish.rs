//! Records that this program writes itself, one at a time.

use std::time::{Duration, SystemTime};

use tapeline_kafka::Publisher;
use tapeline_model::{Event, Micros};

use crate::failure::Failure;

const DELIVER_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn now() -> Micros {
    SystemTime::now().into()
}

/// Publishes one event, and waits until it is there.
pub(crate) fn put(publisher: &Publisher, topic: &str, event: &Event<'_>) -> Result<(), Failure> {
    let mut value = Vec::new();
    event.encode(&mut value).map_err(Failure::external)?;
    publisher.publish(topic, event.key().as_bytes(), &value, &[], None)?;
    publisher.flush(DELIVER_WITHIN)?;
    Ok(())
}
