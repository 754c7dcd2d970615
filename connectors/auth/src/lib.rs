//! Logins without a human.
//!
//! [`Login`] decides: it is told what happened, and says what is to be done and told. It knows no
//! clock, no venue and no code. What it asks for is done at the edge.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod address;
pub mod callback;
mod category;
mod challenge;
mod flow;
pub mod flows;
mod keeper;
mod login;
mod meter;
pub mod metric_names;
pub mod mfa;
mod outside;
mod policy;
mod refusal;
mod retry_after;
mod saved_state;
mod session;
mod standing;

pub use category::remedy_of;
pub use challenge::{Challenge, Method, Wants};
pub use flow::{Answering, Approval, Flow, Proof, Reply};
pub use keeper::{AtVenue, Ended, Ends, Keeper, Word};
pub use login::{Action, Input, Login, Step};
pub use meter::measure;
pub use outside::{Clock, Lost, Outside, Transport, Travelling};
pub use policy::{BackOff, Policy};
pub use refusal::Refusal;
pub use saved_state::{Kept, Until};
pub use session::{
    Cache, CacheError, FileShelf, LEASE, LeasedShelf, Log, MemoryShelf, Seal, Session, Shelf,
    Shelving, Stored, place_of, sealed_in,
};
pub use standing::{About, Fact};
pub use tapeline_model::records::LoginCategory;
