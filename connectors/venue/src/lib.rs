//! What every venue connector implements: market data, brokers and logins alike.
//!
//! A connector knows one venue's protocol and nothing of Kafka. It is given a
//! [`Feed`] to put records in, a [`Resume`] that says how far its records
//! already stand in the topics, and a [`Stop`] that says when to leave.
//!
//! # To write one
//!
//! 1. Implement [`Venue`] on a value that holds the checked settings.
//! 2. Number everything handed over, from 1, strictly increasing, across all
//!    topics. The number travels with the record and is what a restart goes by,
//!    so the same record must get the same number again.
//! 3. Hand records with the same key over in the order they happened in.
//! 4. Fill in `event_time` as the venue says it and `source` with the
//!    connector's name; `ingest_time` may be set again by the publisher.
//! 5. Return `Ok(())` soon after [`Stop::wanted`], and a [`VenueError`] for all
//!    else. Reconnecting within a session is the connector's business; starting
//!    it anew after an error is the caller's, as [`Retry`] says.
//!
//! ```
//! use tapeline_model::Event;
//! use tapeline_schemas::topics::Topic;
//! use tapeline_venue::{Feed, Resume, Running, Stop, Venue, VenueAccount, VenueError};
//!
//! /// A venue that plays back what it was given.
//! struct Recorded(Vec<Event<'static>>);
//!
//! impl Venue for Recorded {
//!     fn name(&self) -> &str {
//!         "recorded"
//!     }
//!
//!     fn topics(&self) -> &'static [Topic] {
//!         &[Topic::MarketQuotes]
//!     }
//!
//!     fn accounts(&self) -> Vec<VenueAccount> {
//!         Vec::new()
//!     }
//!
//!     fn run(self: Box<Self>, feed: Feed, _: Resume, stop: Stop) -> Running {
//!         Box::pin(async move {
//!             for (seq, event) in (1..).zip(self.0) {
//!                 if stop.is_wanted() {
//!                     break;
//!                 }
//!                 let handed = feed.publish(seq, event).await;
//!                 handed.map_err(|error| VenueError::feed("recorded", error))?;
//!             }
//!             Ok(())
//!         })
//!     }
//! }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod error;
mod feed;
mod stop;

use std::future::Future;
use std::pin::Pin;

use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_schemas::topics::Topic;

pub use error::{Retry, VenueError};
pub use feed::{Feed, FeedError, FeedReceiver, Outgoing};
pub use stop::{Stop, StopSender};

/// A connector at work.
pub type Running = Pin<Box<dyn Future<Output = Result<(), VenueError>> + Send>>;

pub trait Venue: Send + 'static {
    /// Short, stable and unique among the connectors of an installation: it
    /// stands in `source` and names the connector's place in the topics.
    fn name(&self) -> &str;

    /// Every topic it may write to.
    fn topics(&self) -> &'static [Topic];

    /// The accounts it speaks for; none for market data alone.
    fn accounts(&self) -> Vec<VenueAccount>;

    /// Works until `stop` is wanted or something fails for good. May be dropped
    /// at any await point: what was not published then counts as never seen.
    fn run(self: Box<Self>, feed: Feed, resume: Resume, stop: Stop) -> Running;
}

/// An account at a venue and the portfolio whose limits it shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueAccount {
    pub account: AccountId,
    pub portfolio: PortfolioId,
    /// The broker that holds the account.
    pub venue: String,
}

/// How far this connector's records already stand in the topics.
///
/// A deterministic connector starts its sequence anew and hands everything over
/// again; whatever is at or below a partition's mark is dropped by the
/// publisher, so a restart neither loses nor repeats. A connector whose venue
/// has history asks it for what came after, and goes on counting from here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume {
    /// The highest sequence number found in any partition; 0 if there is none.
    pub up_to: u64,
}
