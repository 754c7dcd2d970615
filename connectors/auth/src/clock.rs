use std::time::{SystemTime, UNIX_EPOCH};

use tapeline_model::Micros;

/// The wall clock's time; the machine itself is given it.
pub(crate) fn now() -> Micros {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(Micros::MAX.0))
}
