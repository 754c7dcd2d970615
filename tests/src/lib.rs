//! What the end-to-end tests share: the program as a user runs it, one real
//! stack for all scenarios, and a namespace of topics and tables for each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::return_self_not_must_use
)]

pub mod chaos;
mod http;
mod namespace;
mod peer;
mod program;
mod stack;

pub use http::{get, post, query, query_bytes};
pub use namespace::Namespace;
pub use peer::Peer;
pub use program::{Finished, Program, Running, path as program_path, scratch};
pub use stack::shared;

use std::time::{Duration, Instant};

/// Asks again until the answer is there; panics with what was waited for.
pub fn eventually<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
