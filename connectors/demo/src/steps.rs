//! How time passes in the simulation.

use std::time::Duration;

pub const STEPS_PER_SECOND: u64 = 200;
/// The time that one step stands for.
pub const STEP: Duration = Duration::from_millis(1000 / STEPS_PER_SECOND);
