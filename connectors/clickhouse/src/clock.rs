use std::time::{SystemTime, UNIX_EPOCH};

use tapeline_model::Micros;

/// The wall clock's time.
pub(crate) fn wall() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Micros(since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(Micros::MAX.0)
    }))
}
