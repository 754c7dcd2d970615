//! What metrics say of logins.

use metrics::{counter, gauge, histogram};
use tapeline_model::records::AuthEventKind;

use crate::login::Step;
use crate::metric_names::{LOGIN_ANSWER, LOGIN_SESSION, LOGIN_STEPS, LOGIN_UNTIL};

/// Counts a step, and keeps what it says of the session.
pub fn measure(account: &str, venue: &str, step: &Step) {
    let of = [("account", account.to_owned()), ("venue", venue.to_owned())];
    let category = step.category.map_or("", |category| category.as_str());
    let what = [
        ("kind", step.kind.to_string()),
        ("category", category.to_owned()),
    ];
    counter!(LOGIN_STEPS, &[of.as_slice(), what.as_slice()].concat()).increment(1);
    if let Some(latency) = step.latency {
        histogram!(LOGIN_ANSWER, &of).record(latency);
    }
    if let Some(is_there) = has_session(step) {
        gauge!(LOGIN_SESSION, &of).set(if is_there { 1.0 } else { 0.0 });
    }
    if let Some(until) = step.expires {
        gauge!(LOGIN_UNTIL, &of).set(until.0 as f64 / 1e6);
    }
}

/// None where the step says nothing of it.
fn has_session(step: &Step) -> Option<bool> {
    match step.kind {
        AuthEventKind::LoginSucceeded | AuthEventKind::Healthy => Some(true),
        AuthEventKind::SessionLost | AuthEventKind::Expired => Some(false),
        _ => step.stopped.then_some(false),
    }
}
