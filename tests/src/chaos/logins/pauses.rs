//! Nobody pauses for a lock that no venue can be near.

use tapeline_auth::LoginCategory;
use tapeline_model::records::AuthEventKind;

use super::check::{Findings, REFUSALS, SECOND};
use super::logbook::{Asked, Entry, Exchange};

/// What the policy remembers refusals for, and what a clock may be set by.
const REMEMBERED: i64 = 35 * 60 * SECOND;

pub(super) fn pauses(findings: &mut Findings, entries: &[Entry]) {
    let mut feared: Vec<i64> = Vec::new();
    let mut ended = None;
    let mut last = 0;
    for entry in entries {
        match entry {
            Entry::Exchange(exchange) => {
                last = exchange.ended;
                feared.extend(Some(last).filter(|_| is_feared(exchange)));
            }
            // A process may have ended between what it kept of a request and the request.
            Entry::Began { .. } => ended = Some(last),
            // What a person brings is bounded as if it were counted, so that asking has an end.
            Entry::Brought {
                at,
                truth: Some(LoginCategory::MfaFailed),
                ..
            } => feared.push(*at),
            Entry::Told { at, step, .. } => {
                let is_pause = step.kind == AuthEventKind::Refused
                    && step.category == Some(LoginCategory::Locked)
                    && !step.stopped;
                last = *at;
                feared.retain(|ended| at - ended < REMEMBERED);
                let unsent = ended.filter(|ended| at - ended < REMEMBERED);
                if is_pause && feared.len() + unsent.iter().count() < REFUSALS {
                    findings.needless_pauses += 1;
                    findings.note(format!("paused after {} refusals at {at}", feared.len()));
                }
            }
            _ => {}
        }
    }
}

/// Whether a venue may have counted it, as far as can be known without seeing its ledger.
fn is_feared(exchange: &Exchange) -> bool {
    let is_login = matches!(exchange.asked, Asked::Login | Asked::Proof);
    match exchange.truth {
        // Also of a prompt that ran out.
        Some(LoginCategory::MfaFailed) => true,
        Some(LoginCategory::BadCredentials | LoginCategory::Locked | LoginCategory::Network) => {
            is_login
        }
        _ => is_login && !exchange.is_answered,
    }
}
