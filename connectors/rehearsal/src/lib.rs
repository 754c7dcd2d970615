//! Venues on this machine: as strict as real ones, and more talkative to whoever tries a login
//! with them; and those who bring codes. Nothing here is part of a deployment.

mod challenges;
mod clock;
mod device;
mod faults;
pub mod gateway;
mod imap;
pub mod oauth;
mod serve;
mod settings;
mod twilio;
mod workflow;

pub use clock::Clock;
pub use device::{Asks, Book, Factor, NAME, PASSWORD, SEED, Venue};
pub use faults::{Fault, Faults};
pub use imap::{Imap, ImapBook, ImapFault, MAIL_PASSWORD, MAIL_USER};
pub use settings::{By, OnCode, Settings};
pub use twilio::{ACCOUNT_SID, AUTH_TOKEN, Delivery, Hook, Text, Twilio, TwilioBook};
pub use workflow::Workflow;
