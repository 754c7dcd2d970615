//! What must never have happened, looked for in the logbook of a life.

use std::collections::BTreeMap;

use super::categories::categories;
use super::logbook::{Asked, Entry, Exchange, Made};
use super::login_kind::LoginKind;
use super::pauses::pauses;
use super::uninvited::uninvited;
use super::venue::Ledger;

pub(super) const SECOND: i64 = 1_000_000;
/// A code that comes again within this is the same; later, chance may make it anew.
const REUSED_WITHIN: i64 = 900 * SECOND;
/// What the policy allows,
pub(super) const REFUSALS: usize = 3;
/// in the time for which a venue counts.
const REFUSALS_WITHIN: i64 = 1800 * SECOND;
/// With the back-off of the policy, so many logins are begun in a minute,
const LOGINS: usize = 6;
/// and for each process that begins, or session that is given, so many more.
const LOGINS_MORE: usize = 3;
const NOTES: usize = 5;

/// What the checker knows of a life besides.
pub(super) struct Facts {
    pub(super) way: LoginKind,
    /// For how long after a login its session can be renewed, where that is told.
    pub(super) week: Option<i64>,
    /// Codes that nobody may send.
    pub(super) baits: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    pub(super) codes_reused: u64,
    pub(super) lockouts_exceeded: u64,
    pub(super) login_storms: u64,
    pub(super) miscategorised: u64,
    pub(super) secrets_leaked: u64,
    pub(super) stuck: u64,
    /// Paused for a lock, although little or nothing was counted.
    pub(super) needless_pauses: u64,
    /// Stopped where no person was needed.
    pub(super) wrong_stops: u64,
    /// Asked of the venue although only a person may ask for that, or nobody any more.
    pub(super) uninvited: u64,
    /// Sessions that were taken from a person.
    pub(super) fought_over: u64,
    /// Codes that were sent and came from somebody else, or could not be told from another.
    pub(super) bait_taken: u64,
    pub(super) notes: Vec<String>,
}

pub(super) fn check(entries: &[Entry], facts: &Facts) -> Findings {
    let mut findings = Findings::default();
    let exchanges: Vec<&Exchange> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Exchange(exchange) => Some(exchange),
            _ => None,
        })
        .collect();
    findings.reused(&exchanges);
    findings.refusals(&exchanges);
    findings.storms(entries, &exchanges);
    findings.at_once(&exchanges);
    findings.bait(&exchanges, &facts.baits);
    categories(&mut findings, entries, facts.way);
    pauses(&mut findings, entries);
    uninvited(&mut findings, entries, facts);
    findings
}

/// Every code that was sent.
pub(super) fn codes(entries: &[Entry]) -> Vec<String> {
    let sent = entries.iter().filter_map(|entry| match entry {
        Entry::Exchange(exchange) => exchange.code.clone(),
        _ => None,
    });
    sent.collect()
}

impl Findings {
    pub(super) fn note(&mut self, text: String) {
        if self.notes.len() < NOTES {
            self.notes.push(text);
        }
    }

    fn reused(&mut self, exchanges: &[&Exchange]) {
        let mut sent: BTreeMap<&str, i64> = BTreeMap::new();
        for exchange in exchanges {
            let Some(code) = &exchange.code else { continue };
            let before = sent.insert(code, exchange.sent);
            if before.is_some_and(|before| exchange.sent - before < REUSED_WITHIN) {
                self.codes_reused += 1;
                self.note(format!("a code was sent again at {}", exchange.sent));
            }
        }
    }

    fn bait(&mut self, exchanges: &[&Exchange], baits: &[String]) {
        for exchange in exchanges {
            if exchange
                .code
                .as_ref()
                .is_some_and(|code| baits.contains(code))
            {
                self.bait_taken += 1;
                self.note(format!(
                    "a code that is not ours was sent at {}",
                    exchange.sent
                ));
            }
        }
    }

    /// What the venue itself has seen.
    pub(super) fn ledger(&mut self, ledger: &Ledger) {
        self.codes_reused += u64::from(ledger.repeated);
        self.fought_over += u64::from(ledger.fought);
        if ledger.shut > 0 {
            self.login_storms += 1;
            self.note("the gateway was asked too often".to_owned());
        }
        if ledger.is_locked {
            self.lockouts_exceeded += 1;
            self.note("the venue locked the account".to_owned());
        }
    }

    /// Never more that the venue counts than the policy allows.
    fn refusals(&mut self, exchanges: &[&Exchange]) {
        let mut counted: Vec<i64> = Vec::new();
        for exchange in exchanges {
            if exchange.is_opened() {
                counted.clear();
            }
            if exchange.made != Made::Counted {
                continue;
            }
            counted.push(exchange.ended);
            counted.retain(|at| exchange.ended - at < REFUSALS_WITHIN);
            if counted.len() > REFUSALS {
                self.lockouts_exceeded += 1;
                self.note(format!(
                    "refusal {} within half an hour at {}",
                    counted.len(),
                    exchange.ended
                ));
            }
        }
    }

    /// Never more logins in a minute than the back-off leads to.
    fn storms(&mut self, entries: &[Entry], exchanges: &[&Exchange]) {
        let mut last = 0;
        let mut excuses = Vec::new();
        for entry in entries {
            match entry {
                Entry::Exchange(exchange) => {
                    last = exchange.ended;
                    if exchange.is_opened() {
                        excuses.push(last);
                    }
                }
                Entry::Told { at, .. } => last = *at,
                Entry::Began { .. } | Entry::Wanted { .. } => excuses.push(last),
                Entry::Brought { .. } => {}
            }
        }
        let is_begin = |exchange: &&&Exchange| {
            exchange.asked == Asked::Login && exchange.code.is_none() && !exchange.is_behind
        };
        let begun: Vec<i64> = exchanges
            .iter()
            .filter(is_begin)
            .map(|exchange| exchange.sent)
            .collect();
        for (at, sent) in begun.iter().enumerate() {
            let from = sent - 60 * SECOND;
            let in_a_minute = begun[..=at].iter().rev().take_while(|sent| **sent > from);
            let excused = excuses.iter().filter(|at| (from..=*sent).contains(at));
            if in_a_minute.count() > LOGINS + LOGINS_MORE * excused.count() {
                self.login_storms += 1;
                self.note(format!("too many logins in the minute before {sent}"));
            }
        }
    }

    /// Never two machines at a time.
    fn at_once(&mut self, exchanges: &[&Exchange]) {
        let logins: Vec<&&Exchange> = exchanges
            .iter()
            .filter(|exchange| exchange.asked != Asked::Other)
            .collect();
        for (at, one) in logins.iter().enumerate() {
            let meets = |other: &&&&Exchange| {
                other.machine != one.machine && other.sent < one.ended && one.sent < other.ended
            };
            let near = logins[at + 1..].iter().take(8);
            if near.clone().any(|other| meets(&other)) {
                self.login_storms += 1;
                self.note(format!("two machines logged in at {}", one.sent));
            }
        }
    }

    pub(super) fn leaks(&mut self, said: &str, secrets: &[&str], codes: &[String]) {
        let seen = secrets.iter().filter(|secret| said.contains(**secret));
        let seen = seen.count() + codes.iter().filter(|code| stands_in(said, code)).count();
        if seen > 0 {
            self.secrets_leaked += seen as u64;
            self.note("a secret stands in the log".to_owned());
        }
    }

    /// What lies in the shared log shows nothing either.
    pub(super) fn sealed(&mut self, records: &[Vec<u8>], codes: &[String]) {
        for record in records {
            let text = String::from_utf8_lossy(record);
            let is_seen =
                text.contains("planted") || codes.iter().any(|code| stands_in(&text, code));
            self.secrets_leaked += u64::from(is_seen);
        }
    }

    /// Forged messages are refused, and all others taken.
    pub(super) fn webhook(&mut self, wrong_answers: Vec<String>) {
        self.miscategorised += wrong_answers.len() as u64;
        for answer in wrong_answers {
            self.note(answer);
        }
    }

    pub(super) fn stuck(&mut self, is_stuck: bool) {
        if is_stuck {
            self.stuck += 1;
            self.note("nobody is logged in at the end".to_owned());
        }
    }
}

/// As a word of its own, not inside of a number or a name that was made at random.
fn stands_in(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_word(before) && !is_word(bytes.get(at + code.len()))
    })
}
