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
pub mod samples;
mod stack;

pub use http::{get, post, query, query_as_default, query_bytes};
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

/// Whether a code of digits stands in a text by itself. Fractions of seconds are none.
pub fn shows_code(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + code.len()..]);
        let mut before = before.chars().rev();
        let (last, last_but_one) = (before.next(), before.next());
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let is_fraction = last == Some('.') && is_digit(last_but_one);
        !is_digit(last) && !is_fraction && !is_digit(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::shows_code;

    #[test]
    fn a_code_is_seen_and_a_moment_is_none() {
        for text in ["123456", "it is 123456.", "\"123456\"", "a123456b"] {
            assert!(shows_code(text, "123456"), "{text}");
        }
        for text in ["12:00:03.123456Z", "0123456", "1234567", "12345"] {
            assert!(!shows_code(text, "123456"), "{text}");
        }
    }
}
