//! Venues on this machine: as strict as real ones, and more talkative to whoever tries a login
//! with them. Nothing here is part of a deployment.

mod device;

pub use device::{Book, NAME, PASSWORD, SEED, Venue};
