use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A venue that asks for more waits for a person.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long the server asks to be left alone.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
