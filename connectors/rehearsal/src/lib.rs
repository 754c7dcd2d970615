//! Venues on this machine: as strict as real ones, and more talkative to whoever tries a login
//! with them. Nothing here is part of a deployment.

mod challenges;
mod clock;
mod device;
mod faults;
pub mod gateway;
pub mod oauth;
mod serve;
mod settings;
mod workflow;

pub use clock::Clock;
pub use device::{Asks, Book, Factor, NAME, PASSWORD, SEED, Venue};
pub use faults::{Fault, Faults};
pub use settings::{By, OnCode, Settings};
pub use workflow::Workflow;
