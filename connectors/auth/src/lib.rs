//! Logins without a human.
//!
//! [`Login`] decides: it is told what happened, and says what is to be done and told. It knows no
//! clock, no venue and no code. What it asks for is done at the edge.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod category;
mod clock;
mod flow;
pub mod flows;
mod keeper;
mod login;
pub mod metric_names;
pub mod mfa;
mod policy;
mod session;

pub use category::Category;
pub use flow::{Answering, Challenge, Flow, Reply};
pub use keeper::{Ends, Keeper, Word};
pub use login::{Action, Input, Kept, Login, Refusal, Step, Until};
pub use policy::{BackOff, Policy};
pub use session::{Cache, CacheError, Session, Stored};
