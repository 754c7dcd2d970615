//! Codes that a venue sends, and what it is answered.

use std::collections::VecDeque;

const CODE_LIFETIME: i64 = 300 * 1_000_000;
const ATTEMPTS: u32 = 3;
/// Older ones are forgotten.
const MAX_OPEN: usize = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Challenges {
    issued: u32,
    open: VecDeque<Challenge>,
}

#[derive(Debug, Clone)]
struct Challenge {
    id: String,
    code: String,
    until: i64,
    left: u32,
    is_met: bool,
}

pub(crate) enum ChallengeOutcome {
    Met,
    Wrong {
        left: u32,
    },
    /// Of no challenge here, or of one that ended.
    Unknown,
}

impl Challenges {
    /// Its id, and the code to send. One that a person approves needs no code, and has one.
    pub fn issue(&mut self, now: i64) -> (String, String) {
        self.issued += 1;
        let id = format!("planted-challenge-{}", self.issued);
        let mixed = u64::from(self.issued) * 382_913 + 104_729;
        let code = format!("{:06}", mixed % 1_000_000);
        self.open.push_back(Challenge {
            id: id.clone(),
            code: code.clone(),
            until: now.saturating_add(CODE_LIFETIME),
            left: ATTEMPTS,
            is_met: false,
        });
        if self.open.len() > MAX_OPEN {
            self.open.pop_front();
        }
        (id, code)
    }

    pub fn answer(&mut self, id: &str, code: &str, now: i64) -> ChallengeOutcome {
        let open = |challenge: &&mut Challenge| {
            challenge.id == id && challenge.left > 0 && challenge.until > now
        };
        let Some(challenge) = self.open.iter_mut().find(open) else {
            return ChallengeOutcome::Unknown;
        };
        if challenge.code == code && !challenge.is_met {
            challenge.is_met = true;
            return ChallengeOutcome::Met;
        }
        challenge.left -= 1;
        ChallengeOutcome::Wrong {
            left: challenge.left,
        }
    }

    pub fn approve(&mut self, id: &str) {
        let same = |challenge: &&mut Challenge| challenge.id == id;
        if let Some(challenge) = self.open.iter_mut().find(same) {
            challenge.is_met = true;
        }
    }

    pub fn is_met(&self, id: &str) -> bool {
        let met = |challenge: &Challenge| challenge.id == id && challenge.is_met;
        self.open.iter().any(met)
    }

    /// What was met counts for one login.
    pub fn use_up(&mut self, id: &str) -> bool {
        let is_met = self.is_met(id);
        self.open.retain(|challenge| !is_met || challenge.id != id);
        is_met
    }
}
