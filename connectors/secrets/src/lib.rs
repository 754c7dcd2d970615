//! Secrets by reference: `secret://env/…`, `file`, `local`, `vault`, `aws`, `age`.
//!
//! [`Secrets`] looks references up, keeps what it found for a while, and tells
//! watchers when a secret changes. No message, log line or metric of this crate
//! holds a secret.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod backends;
mod document;
mod entry;
mod error;
mod fetch;
mod file_stamp;
mod http;
pub mod http_client;
pub mod metric_names;
mod random;
mod reference;
mod resolver;
mod retry;
mod secret;
mod timing;

pub use backends::local::LocalFile;
pub use backends::os::keep_in_os;
pub use backends::*;
pub use error::{Category, SecretError};
pub use reference::{Kind, Kinds, Reference, ReferenceError};
pub use resolver::Secrets;
pub use secret::{Secret, Value};
pub use timing::Timing;
