//! Codes in text messages, by way of Twilio: its webhook brings them, and where it does not, its
//! list of messages is asked for them.

mod incoming;
mod list;
mod poll;
mod seen;
mod self_test;
mod serve;
mod webhook;

use std::collections::BTreeMap;

use super::code_router::CodeRouters;

pub use poll::{Poll, PollSettings};
pub use self_test::{SelfTestError, self_test};
pub use serve::serve;
pub use webhook::Webhook;

/// The accounts behind each number, written as in `+15550100`.
pub type Numbers = BTreeMap<String, CodeRouters>;
