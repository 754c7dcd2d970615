//! Second factors: where codes come from, and which of them count.

mod code;
mod code_router;
mod factors;
mod inbox;
pub mod mail;
mod message_metrics;
mod qr_image;
mod rate_limit;
mod skew;
pub mod sms;
mod totp;
pub mod twilio;

pub use code::{Code, CodeSearch, Expected, find};
pub use code_router::{CodeRouter, CodeRouters};
pub use factors::{CodeFuture, Factors, Messages, Person};
pub use inbox::{Inbox, Message, MessageOutcome, Pending};
pub use qr_image::{LARGEST_QR_IMAGE, QrImageError, read_qr_image};
pub use skew::Skew;
pub use totp::{Form, Seed, SeedError, Turn};
