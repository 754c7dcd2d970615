//! Venues on this machine: as strict as real ones, and more talkative to whoever tries a login
//! with them; and those who bring codes. They listen on 127.0.0.1 alone. Nothing here is part of a
//! deployment: only a demo starts any of it.

mod challenges;
mod clock;
mod device;
mod faults;
pub mod gateway;
mod imap;
pub mod oauth;
mod request;
mod serve;
mod settings;
mod twilio;
mod venue;

pub use clock::Clock;
pub use device::{Factor, NAME, PASSWORD, SEED, SecondFactor, Venue, VenueState, Workflow};
pub use faults::{Fault, Faults};
pub use imap::{Imap, ImapFault, ImapState, MAIL_PASSWORD, MAIL_USER};
pub use settings::{CodeChannel, OnCode, OnSession, SavedSession, Settings};
pub use twilio::{ACCOUNT_SID, AUTH_TOKEN, Delivery, Hook, Text, Twilio, TwilioState};
pub use venue::Simulator;
