//! Codes in mails, by IMAP.

mod arrival;
mod authentic;
mod html;
mod letter;
mod mailbox;
mod place;
mod session;
mod wire;

pub use arrival::Arrival;
pub use letter::Trust;
pub use mailbox::{MailLogin, Mailbox, MailboxSettings};
pub use place::BadMailbox;
pub use session::MailError;
