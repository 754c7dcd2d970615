//! Logins without a human.
//!
//! [`Login`] decides: it is told what happened, and says what is to be done and told. It knows no
//! clock, no venue and no code. What it asks for is done at the edge.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod account_facts;
mod address;
pub mod callback;
mod category;
mod challenge;
mod driver;
mod environment;
mod flow;
pub mod flows;
mod login;
mod meter;
pub mod metric_names;
pub mod mfa;
mod policy;
mod refusal;
mod retry_after;
mod saved_state;
mod session;

pub use account_facts::{AccountFact, FactKind};
pub use category::remedy_of;
pub use challenge::{Challenge, Method, Wants};
pub use driver::{DriverEnd, LoginChannels, LoginCommand, LoginDriver, LogoutOutcome};
pub use environment::{Clock, Environment, SendError, Sending, Transport};
pub use flow::{Approval, Flow, FlowFuture, Proof, Reply};
pub use login::{Action, Input, Login, Step};
pub use meter::measure;
pub use policy::{BackOff, Policy};
pub use refusal::Refusal;
pub use saved_state::{SavedState, Validity};
pub use session::{
    Cache, CacheError, FileSessionStore, LEASE, LeasedSessionStore, Log, MemorySessionStore, Seal,
    Session, SessionStore, StoreFuture, Stored, place_of, sealed_in,
};
pub use tapeline_model::records::LoginCategory;
