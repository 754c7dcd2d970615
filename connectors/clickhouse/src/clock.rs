use std::time::SystemTime;

use tapeline_model::Micros;

/// The wall clock's time.
pub(crate) fn wall() -> Micros {
    SystemTime::now().into()
}
