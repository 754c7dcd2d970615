//! The demo venue: a market and two brokers, made up from a seed.
//!
//! [`Simulation`] is the whole of it and is pure: the same settings give the
//! same records in the same order, bit for bit, on any machine. Only the times
//! come from outside. [`DemoVenue`] runs it against the wall clock behind the
//! same contract that real venues implement.
//!
//! **Invariant:** no floats, no clock and no library's random numbers in here;
//! the runner alone reads the time.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod accounts;
mod broker;
mod market;
mod names;
mod outbox;
mod pace;
mod random;
mod runner;
mod settings;
mod simulation;
mod steps;
mod units;

pub use accounts::venue_accounts;
pub use runner::DemoVenue;
pub use settings::{DemoSettings, InvalidSettings, SCRIPT, SettingFault};
pub use simulation::Simulation;
pub use steps::{STEP, STEPS_PER_SECOND};

/// The connector's name, and the source of every record it makes.
pub const NAME: &str = "demo";
