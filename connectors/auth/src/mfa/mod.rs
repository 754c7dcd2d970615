//! Second factors: where codes come from, and which of them count.

mod code;
mod factors;
mod heard;
mod inbox;
pub mod mail;
mod picture;
mod post;
mod seldom;
mod skew;
pub mod sms;
mod totp;
pub mod twilio;

pub use code::{Code, Expected, Found, find};
pub use factors::{Answer, Factors, Messages, Person};
pub use inbox::{Inbox, Message, Pending, Taken};
pub use picture::{LARGEST_PICTURE, PictureError, read_picture};
pub use post::{Post, Posts};
pub use skew::Skew;
pub use totp::{Form, Seed, SeedError, Turn};
