//! Codes in mails, by IMAP.

mod arrival;
mod authentic;
mod html;
mod imap_session;
mod mail_server;
mod mailbox;
mod parsed_mail;
mod wire;

pub use arrival::Arrival;
pub use imap_session::MailError;
pub use mail_server::BadMailbox;
pub use mailbox::{MailLogin, Mailbox, MailboxSettings};
pub use parsed_mail::Trust;
