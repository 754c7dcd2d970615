//! Venues on this machine: as strict as real ones, and more talkative to whoever tries a login
//! with them; and those who bring codes. Nothing here is part of a deployment.

mod device;
mod imap;
mod twilio;

pub use device::{Book, NAME, PASSWORD, SEED, Venue};
pub use imap::{Imap, ImapBook, ImapFault, MAIL_PASSWORD, MAIL_USER};
pub use twilio::{ACCOUNT_SID, AUTH_TOKEN, Delivery, Hook, Text, Twilio, TwilioBook};
