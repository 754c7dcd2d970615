//! What became of messages, for operators: counted, and told where somebody must act.

use std::time::Duration;

use super::inbox::MessageOutcome;
use super::rate_limit::RateLimit;
use crate::metric_names as names;

static STRANGERS: RateLimit = RateLimit::new(Duration::from_mins(1));
/// A sender may call itself anything.
const LONGEST_NAME: usize = 80;

/// A stranger is told while somebody waits, since the list of senders may lack one.
pub(super) fn note(channel: &'static str, taken: &MessageOutcome, sender: &str, is_wanted: bool) {
    count(channel, word(taken));
    if *taken == MessageOutcome::Stranger
        && is_wanted
        && let Some(more) = STRANGERS.turn()
    {
        let sender: String = sender.chars().take(LONGEST_NAME).collect();
        tracing::warn!(
            ?sender,
            more,
            "a message in {channel} came while a code is wanted, but its sender is on no list of senders"
        );
    }
}

pub(super) fn count(channel: &'static str, outcome: &'static str) {
    metrics::counter!(names::MESSAGES, "channel" => channel, "outcome" => outcome).increment(1);
}

fn word(taken: &MessageOutcome) -> &'static str {
    match taken {
        MessageOutcome::Code(_) => "code",
        MessageOutcome::Waits => "waits",
        MessageOutcome::Repeated => "repeated",
        MessageOutcome::Stranger => "stranger",
        MessageOutcome::OutOfTime => "out_of_time",
        MessageOutcome::Foreign => "foreign",
        MessageOutcome::Ambiguous => "ambiguous",
        MessageOutcome::NoCode => "no_code",
    }
}
